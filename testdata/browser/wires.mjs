// What we rely on inside webtorrent.js, in a real Chromium: two clients on one page, each
// with our wires.js, which is read from the sources for this.
//
//   node wires.mjs http://127.0.0.1:8080 VIDEO-ID [part of a test's name]

import { readFileSync } from "node:fs";
import { closeBrowser, equal, ok, openBrowser, run, site, test, visit } from "./harness.mjs";
import { spy } from "./sharing.mjs";

const sources = new URL("../../assets/swarm/", import.meta.url);

async function serveSources(page) {
  await page.addInitScript(spy);
  await page.route("**/raw/*.js", (route) => {
    const name = new URL(route.request().url()).pathname.split("/").at(-1);
    return route.fulfill({ contentType: "text/javascript", body: readFileSync(new URL(name, sources), "utf8") });
  });
}

// pair makes two parties of one torrent that have found each other: window.a and window.b.
// The first has piece 0 in its hands.
async function pair() {
  const box = document.querySelector(".player");
  const { swarm, renditions } = box.player.data;
  const described = swarm.renditions.at(-1);
  const { Wires, makePeerId } = await import("/raw/wires.js");
  const { readTorrent } = await import("/raw/torrent.js");
  const { Coordinator } = await import("/raw/coordinator.js");
  const { default: WebTorrent } = await import(box.dataset.webtorrent);
  const answer = await fetch(new URL(described.torrent).pathname);
  const torrent = await readTorrent(new Uint8Array(await answer.arrayBuffer()), described.infohash);
  const socket = new URL(swarm.socket, location.href).href.replace("http", "ws");
  const file = renditions.find((r) => r.height === described.height).file;
  const bytes = new Uint8Array(await (await fetch(file, { headers: { Range: `bytes=0-${torrent.size(0) - 1}` } })).arrayBuffer());
  // The library shares a socket among clients with the same address of the tracker, and
  // the tracker does not introduce two of one socket.
  const join = (name) => {
    const id = makePeerId();
    const line = new Coordinator(socket, id); // the tracker lets viewers meet viewers
    line.join(torrent.infohash, 40);
    const wires = new Wires(WebTorrent, { peer: id, socket: `${socket}?${name}`, stun: "" });
    return { id, line, wires, party: wires.meet(torrent, () => 3) };
  };
  const [a, b] = [join("a"), join("b")];
  a.party.have(0);
  const met = (party, id) => new Promise((ok, fail) => {
    if (party.peers.has(id)) return ok(party.peers.get(id));
    party.addEventListener("peer", (e) => e.detail.id === id && ok(e.detail));
    setTimeout(() => fail(new Error("the two never met")), 90000);
  });
  // The tracker may have heard of neither when both spoke, and of two connections that are made
  // at once each side may keep another.
  setInterval(() => !(a.peer?.willing && b.peer?.willing) && b.party.seek(), 10000);
  await Promise.all([met(a.party, b.id), met(b.party, a.id)]);
  for (const [one, other] of [[a, b], [b, a]]) Object.defineProperty(one, "peer", { get: () => one.party.peers.get(other.id) });
  const until = async (what, done) => {
    for (let i = 0; i < 1800 && !done(); i++) await new Promise((ok) => setTimeout(ok, 50));
    if (!done()) throw new Error(`never came true: ${what}`);
  };
  Object.assign(window, { a, b, torrent, bytes, until });
}

function paired(name, body) {
  test(name, () => visit(site.watch, async (page) => {
    await page.evaluate(pair);
    await body(page);
  }, { before: serveSources }));
}

paired("a piece goes over, whole, and only when asked", async (page) => {
  const got = await page.evaluate(async () => {
    await until("b knows that a has a piece", () => b.peer?.has(0) && b.peer.willing);
    if (b.peer.has(1)) throw new Error("b believes that a has piece 1");
    const idle = [a, b].flatMap((x) => x.party.inner.wires.map((w) => w.requests.length + w.downloaded)).filter((n) => n > 0);
    a.peer.addEventListener("asked", (e) => {
      const { offset, length } = e.detail;
      a.peer.give(e.detail, bytes.subarray(offset, offset + length));
    });
    const whole = new Uint8Array(torrent.size(0));
    await Promise.all(Array.from({ length: Math.ceil(whole.length / 16384) }, (_, i) => new Promise((ok, fail) => {
      b.peer.ask(0, i * 16384, Math.min(16384, whole.length - i * 16384), (err, part) => (err ? fail(err) : ok(whole.set(part, i * 16384))));
    })));
    return { idle, right: await torrent.right(0, whole), owed: b.peer.owed, selections: [a, b].map((x) => x.party.inner._selections.length) };
  });
  equal(got.idle.join(), "", "what the library asked by itself");
  equal(got.selections.join(), "0,0", "what the library has selected");
  equal(got.right, true, "the piece's hash");
  equal(got.owed, 0, "bytes owed afterwards");
});

paired("nobody is choked, and a no comes back", (page) => page.evaluate(async () => {
  await until("both are willing", () => a.peer?.willing && b.peer?.willing);
  a.peer.addEventListener("asked", (e) => a.peer.give(e.detail, null));
  const err = await new Promise((ok) => b.peer.ask(0, 0, 16384, ok));
  if (!/reject/.test(err?.message)) throw new Error(`instead of a no: ${err}`);
}));

paired("who gets bytes says so, and when", (page) => page.evaluate(async () => {
  await until("b knows that a has a piece", () => b.peer?.has(0) && b.peer.willing);
  const heard = [];
  a.peer.addEventListener("took", (e) => heard.push(e.detail));
  a.peer.addEventListener("asked", (e) => a.peer.give(e.detail, bytes.subarray(e.detail.offset, e.detail.offset + e.detail.length)));
  for (const offset of [0, 16384]) b.peer.ask(0, offset, 16384, () => {});
  await until("a heard of both blocks", () => heard.reduce((sum, h) => sum + h.bytes, 0) === 32768);
  if (a.peer.underWay !== 0) throw new Error(`${a.peer.underWay} bytes still under way`);
  const [first, ...others] = heard;
  if (!Number.isNaN(first.late) || others.some((h) => !(h.late >= 0 && h.late <= h.after))) throw new Error(JSON.stringify(heard));
}));

paired("who does not say so gets no more, and is not waited for", (page) => page.evaluate(async () => {
  await until("b knows that a has a piece", () => b.peer?.has(0) && b.peer.willing);
  const { say } = b.peer;
  const unsaid = [];
  b.peer.say = (words) => unsaid.push(words);
  a.peer.addEventListener("asked", (e) => a.peer.give(e.detail, bytes.subarray(e.detail.offset, e.detail.offset + e.detail.length)));
  b.peer.ask(0, 0, 16384, () => {});
  await until("b has the block", () => unsaid.length > 0);
  if (!a.peer.room || a.peer.underWay !== 16384) throw new Error(`at first ${a.peer.underWay} bytes under way`);
  await until("a has waited", () => !a.peer.room);
  if (a.peer.underWay !== 0) throw new Error("others wait for it");
  for (const words of unsaid) say.call(b.peer, words);
  await until("a gives again", () => a.peer.room);
}));

paired("what is cancelled is not sent", (page) => page.evaluate(async () => {
  await until("both are willing", () => a.peer?.willing && b.peer?.willing);
  const cancel = b.peer.ask(0, 0, 16384, () => {});
  await until("a is asked", () => a.peer.asking.size === 1);
  cancel();
  await until("a heard the cancel", () => a.peer.asking.size === 0);
}));

paired("words go over, and a piece can be taken back", (page) => page.evaluate(async () => {
  await until("b knows that a has a piece", () => b.peer?.has(0));
  let heard;
  b.peer.addEventListener("words", (e) => (heard = e.detail));
  await until("words", () => (a.peer.say({ at: 7.5, pace: 1 }), heard?.at === 7.5));
  a.party.gone(0);
  await until("taken back", () => !b.peer.has(0));
}));

paired("nothing more is put on a full line", (page) => page.evaluate(async () => {
  await until("both are willing", () => a.peer?.willing && b.peer?.willing);
  if (!a.peer.room) throw new Error("no room on an idle line");
  Object.defineProperty(a.peer.channel, "bufferedAmount", { value: 70000 });
  if (a.peer.room) throw new Error("room on a full line");
}));

for (const [name, spoil] of [
  ["a message longer than any honest one", () => a.peer.wire._push(new Uint8Array([0x7f, 0, 0, 0, 7]))],
  ["bytes that nobody asked for, without end", () => {
    for (let i = 0; i < 100; i++) a.peer.wire.piece(0, 0, bytes.subarray(0, 16384));
  }],
  ["a request beyond the end", () => a.peer.wire.request(torrent.count, 0, 16384)],
  ["a request for more than a block", () => a.peer.wire.request(0, 0, 200000)],
  ["more requests than anybody can mean", () => {
    for (let i = 0; i < 600; i++) a.peer.wire.request(0, 0, 16384);
  }],
]) {
  test(`dropped: ${name}`, () => visit(site.watch, async (page) => {
    await page.evaluate(pair);
    await page.evaluate(() => until("both are willing", () => a.peer?.willing && b.peer?.willing));
    await page.evaluate(spoil);
    await page.evaluate(() => until("b dropped a", () => !b.peer));
  }, { before: serveSources }));
}

paired("who is banned does not come back", (page) => page.evaluate(async () => {
  const id = b.peer.id;
  b.party.ban(id);
  await until("gone", () => !b.party.peers.has(id));
  b.party.seek();
  await new Promise((ok) => setTimeout(ok, 3000));
  if (b.party.peers.has(id)) throw new Error("back again");
}));

paired("no other host, nothing on the disk, and an end", async (page) => {
  const urls = await page.evaluate(async () => {
    const found = { sockets: window.seen.sockets.map((s) => s.url), servers: window.seen.servers };
    for await (const name of (await navigator.storage.getDirectory()).keys()) throw new Error(`a file on the disk: ${name}`);
    for (const x of [a, b]) {
      x.wires.close();
      x.line.close();
    }
    await until("all is closed", () => window.seen.open.every((c) => c.connectionState === "closed") && window.seen.sockets.every((s) => s.readyState > 1));
    return found;
  });
  ok(urls.sockets.length > 0 && urls.sockets.every((u) => new URL(u).host === new URL(site.base).host), `sockets: ${urls.sockets}`);
  equal(urls.servers.length, 0, "STUN servers, when we name none");
});

await run(openBrowser, closeBrowser);
