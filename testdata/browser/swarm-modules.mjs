// Tests of the modules that share a video, as far as they need no browser. They import
// each other, so they are read from a copy whose folder says that they are modules.

import assert from "node:assert/strict";
import { createHash, webcrypto } from "node:crypto";
import { cpSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

// Debian 12's Node 18 has neither by this name.
globalThis.crypto ??= webcrypto;
globalThis.CustomEvent ??= class extends Event {
  constructor(type, { detail } = {}) {
    super(type);
    this.detail = detail;
  }
};

const dir = mkdtempSync(join(tmpdir(), "swarm-"));
process.on("exit", () => rmSync(dir, { recursive: true }));
cpSync(new URL("../../assets/swarm", import.meta.url), dir, { recursive: true });
writeFileSync(join(dir, "package.json"), '{"type":"module"}');
const load = (name) => import(pathToFileURL(join(dir, name)));

const settled = async (done) => {
  for (let i = 0; i < 1000 && !done(); i++) await new Promise((ok) => setTimeout(ok, 1));
  assert.ok(done(), `never came true: ${done}`);
};

// A draw that is the same in every run.
let seed = 7;
const draw = (n) => (seed = (seed * 48271) % 2147483647) % n;

// Ranges agree with a set of single bytes.
const { Ranges } = await load("ranges.js");
for (let round = 0; round < 200; round++) {
  const ranges = new Ranges();
  const bytes = new Set();
  for (let i = 0; i < 12; i++) {
    const from = draw(60);
    const to = from + draw(9);
    ranges.add(from, to);
    for (let b = from; b < to; b++) bytes.add(b);
    const hole = draw(60);
    ranges.remove(hole, hole + 2);
    for (const b of [hole, hole + 1]) bytes.delete(b);
  }
  assert.equal(ranges.size, bytes.size);
  const [from, to] = [draw(30), 30 + draw(30)];
  const missing = ranges.gaps(from, to).flatMap(([a, b]) => Array.from({ length: b - a }, (_, i) => a + i));
  assert.deepEqual(missing, Array.from({ length: to - from }, (_, i) => from + i).filter((b) => !bytes.has(b)));
  assert.equal(ranges.covers(from, to), missing.length === 0);
}

// A torrent is read, and refused when it is another one or no torrent at all.
const { readTorrent } = await load("torrent.js");
const pieceLength = 32768;
const file = Buffer.from(Array.from({ length: pieceLength * 9 + 100 }, () => draw(256)));
const hashes = Buffer.concat(Array.from({ length: 10 }, (_, i) => createHash("sha1").update(file.subarray(i * pieceLength, (i + 1) * pieceLength)).digest()));
const info = Buffer.concat([Buffer.from(`d6:lengthi${file.length}e4:name5:é.mp12:piece lengthi${pieceLength}e6:pieces${hashes.length}:`), hashes, Buffer.from("e")]);
const infohash = createHash("sha1").update(info).digest("hex");
const whole = Buffer.concat([Buffer.from("d8:announce23:wss://other.example/ann4:info"), info, Buffer.from("8:url-listl1:xdee3:zzzi-5ee")]);
const torrent = await readTorrent(new Uint8Array(whole), infohash);
assert.deepEqual([torrent.length, torrent.pieceLength, torrent.count, torrent.size(9), torrent.pieceOf(pieceLength)], [file.length, pieceLength, 10, 100, 1]);
assert.equal(Buffer.from(torrent.bare).toString("latin1"), `d4:info${info.toString("latin1")}e`);
assert.equal(await torrent.right(9, file.subarray(9 * pieceLength)), true);
assert.equal(await torrent.right(8, file.subarray(9 * pieceLength)), false);
await assert.rejects(readTorrent(new Uint8Array(whole), "0".repeat(40)), /another/);
for (let i = 0; i < whole.length - 1; i += 37) await assert.rejects(readTorrent(new Uint8Array(whole.subarray(0, i)), infohash), `cut at ${i}`);
await assert.rejects(readTorrent(new TextEncoder().encode(`d4:info${"l".repeat(40)}${"e".repeat(40)}e`), infohash), /deep/);
for (let round = 0; round < 300; round++) {
  const bad = new Uint8Array(whole);
  for (let i = 0; i <= draw(4); i++) bad[draw(bad.length)] = draw(256);
  await readTorrent(bad, infohash).then((t) => assert.equal(t.infohash, infohash), () => {});
}

// The store plays only what is believed: bytes of ours at once, bytes of peers with the
// whole piece.
const { Memory } = await load("memory.js");
const { Store } = await load("store.js");
const make = (most) => new Store(torrent, new Memory(most), (piece) => piece);
const part = (from, to) => new Uint8Array(file.subarray(from, to));
{
  const store = make();
  assert.equal(store.write(100, part(100, 300)), 200);
  assert.equal(store.write(200, part(200, 400)), 100);
  assert.deepEqual(Buffer.from(store.read(150, 350)), file.subarray(150, 350));
  assert.equal(store.read(99, 120), null);
  assert.deepEqual(store.missing(0), [[0, 100], [400, pieceLength]]);
  store.write(0, part(0, 16384), "a");
  assert.equal(store.read(0, 100), null, "a peer's bytes are not played before they are checked");
  assert.deepEqual(store.unbelieved(0, 500), [[0, 100], [400, 500]]);
  store.write(16384, part(16384, pieceLength), "a");
  await settled(() => store.has(0));
  assert.deepEqual(Buffer.from(store.read(0, pieceLength)), file.subarray(0, pieceLength));
  assert.equal(store.write(0, part(0, 100), "a"), 0);
  assert.deepEqual([...store.bitfield()], [128, 0]);
  assert.deepEqual(Buffer.from(store.block(0, 5, 10)), file.subarray(5, 15));
  assert.equal(store.block(0, pieceLength - 5, 10), null);
  assert.equal(store.block(1, 0, 10), null);
}

// One who spoils a piece is named; our server's bytes survive it.
const spoilt = new Uint8Array(16384).fill(9);
{
  const store = make();
  const liars = [];
  store.addEventListener("liar", (e) => liars.push(e.detail));
  store.write(0, part(0, 16384));
  store.write(16384, spoilt, "liar");
  await settled(() => liars.length === 1);
  assert.deepEqual(liars, ["liar"]);
  assert.deepEqual(store.missing(0), [[16384, pieceLength]]);
  assert.deepEqual(Buffer.from(store.read(0, 16384)), file.subarray(0, 16384));
}

// Of several who gave to a spoilt piece, the right bytes show which one lied.
{
  const store = make();
  const liars = [];
  store.addEventListener("liar", (e) => liars.push(e.detail));
  store.write(0, part(0, 16384), "honest");
  store.write(16384, spoilt, "liar");
  await settled(() => store.doubtful(0));
  assert.deepEqual(liars, []);
  store.write(0, part(0, pieceLength));
  await settled(() => store.has(0));
  assert.deepEqual(liars, ["liar"]);
}

// Memory stays below its bound; what is farthest goes, and is taken back from peers.
{
  const store = make(4 * pieceLength);
  const gone = [];
  store.addEventListener("dropped", (e) => gone.push(e.detail));
  store.distance = (piece) => Math.abs(piece - 5);
  for (let piece = 0; piece < 10; piece++) {
    store.write(torrent.at(piece), part(torrent.at(piece), torrent.at(piece) + torrent.size(piece)));
    await settled(() => store.has(piece) || !store.pieces.has(piece));
    assert.ok(store.memory.used <= 4 * pieceLength, `${store.memory.used} bytes after piece ${piece}`);
  }
  assert.deepEqual([...store.kept()].sort(), [3, 4, 5, 6]);
  assert.ok(gone.includes(0) && gone.includes(2));
  assert.equal(store.write(0, part(0, 100)), 0, "what is farther than all the rest is not taken");
  const other = make();
  store.clear();
  assert.equal(store.memory.used, 0);
  other.clear();
}

// A piece is needed by the first segment that is not in the buffer, and past with the last.
const { Timeline } = await load("timeline.js");
{
  const size = file.length / 5;
  const segments = Array.from({ length: 5 }, (_, i) => ({ start: i * 4, duration: 4, from: Math.floor(i * size), to: Math.floor((i + 1) * size) }));
  const timeline = new Timeline(torrent, segments);
  const border = torrent.pieceOf(segments[1].from); // feeds segments 0 and 1
  assert.equal(timeline.needed(border, 0), 0);
  assert.equal(timeline.needed(border, 3.9), 0);
  assert.equal(timeline.needed(border, 4.1), 4, "needed until the end of the last segment it feeds");
  assert.equal(timeline.needed(border, 8.1), Infinity);
  assert.equal(timeline.needed(border, 0, (s) => s.start === 0), 4);
  assert.deepEqual(timeline.ahead(0, 3).map((m) => m.piece), [0, 1]);
  assert.deepEqual(timeline.ahead(5, 60).find((m) => m.piece === 9).slack, 11);
  assert.equal(timeline.distance(0, 10), 2 * 6, "what is past counts twice");
  assert.equal(timeline.distance(9, 10), 6);
  assert.equal(timeline.distance(border, 5), 0);
}

// Asking: nearest first, to who delivers first, never too much of one, viewers before mirrors.
const { pull, wishes } = await load("plan.js");
const peer = (id, has, more = {}) => ({ id, has: (p) => has.includes(p), rate: 250e3, queue: 0, asked: 0, mirror: false, ...more });
const want = (piece, slack) => ({ piece, slack, bytes: 131072 });
const picks = (missing, peers) => pull(missing, peers, () => 0).map((c) => `${c.piece}${c.peer.id}`);
assert.deepEqual(picks([want(1, 2), want(2, 3), want(3, 4)], [peer("a", [1, 2, 3])]), ["1a", "2a"]);
assert.deepEqual(picks([want(1, 2)], [peer("a", [1], { rate: 50e3 }), peer("b", [1])]), ["1b"]);
assert.deepEqual(picks([want(1, 2)], [peer("a", [1], { queue: 500e3 }), peer("b", [1])]), ["1b"]);
assert.deepEqual(picks([want(1, 30)], [peer("a", [1], { rate: 10e3 })]), [], "a far piece does not wait in a long queue");
assert.deepEqual(picks([want(1, 5)], [peer("a", [1], { rate: 10e3 })]), ["1a"]);
assert.deepEqual(picks([want(1, 20), want(2, 30)], [peer("a", [1, 2]), peer("b", [1])])[0], "2a", "beyond, the rarest first");
assert.deepEqual(picks([want(1, 20)], [peer("m", [1], { mirror: true, rate: 1e6 }), peer("b", [1])]), ["1b"]);
assert.deepEqual(picks([want(1, 5)], [peer("m", [1], { mirror: true, rate: 1e6 }), peer("b", [1])]), ["1m"]);
const many = Array.from({ length: 30 }, (_, i) => i);
assert.equal(picks(many.map((p) => want(p, 1)), Array.from({ length: 9 }, (_, i) => peer(String(i), many))).length, 10);

// Wishing: what will be late, and between 4 and 2 seconds only what nobody has.
const late = (piece, slack, eta, reachable) => ({ piece, slack, eta, reachable });
assert.deepEqual(wishes([late(1, 3, Infinity, false), late(2, 3, Infinity, true), late(3, 1, Infinity, true), late(4, 3, 2, false), late(5, 5, Infinity, false)]), [1, 3]);
assert.equal(wishes(many.map((p) => late(p, 1, Infinity, false))).length, 4);

// A peer's speed is judged by the time in which it owed something.
const { Pace } = await load("pace.js");
{
  const pace = new Pace();
  for (let i = 0; i < 40; i++) {
    pace.got(25e3);
    pace.tick(0.25, 1);
  }
  assert.ok(pace.proven && Math.abs(pace.rate - 100e3) < 5e3, `${pace.rate}`);
  for (let i = 0; i < 40; i++) pace.tick(0.25, 1);
  assert.ok(pace.rate < 10e3, "who owes and does not give is slow");
  for (let i = 0; i < 400; i++) pace.tick(0.25, 0);
  assert.ok(pace.rate > 100e3, "who is not asked gets another chance");
}

// Sending: the nearest deadline first, a begun piece to its end, nothing without room.
const { Sender } = await load("sender.js");
{
  const sent = [];
  class Receiver extends EventTarget {
    asking = new Set();
    underWay = 0;
    constructor(name, slack, left) {
      super();
      Object.assign(this, { name, slack, left });
    }

    get room() {
      return this.left > 0;
    }

    give(request, bytes) {
      this.asking.delete(request);
      this.left--;
      sent.push(`${this.name}${request.piece}.${request.offset}${bytes ? "" : "!"}`);
    }
  }
  const sender = new Sender({ slack: (r) => r.peer.slack + r.piece, bytes: (r) => (r.piece === 9 ? null : new Uint8Array(1)), gave: () => {} });
  const [a, b] = [new Receiver("a", 10, 3), new Receiver("b", 0, 100)];
  for (const p of [a, b]) sender.add(p);
  const ask = (p, piece, offset) => p.asking.add({ peer: p, piece, offset, length: 1 });
  for (const offset of [1, 0]) for (const p of [a, b]) for (const piece of [2, 1, 9]) ask(p, piece, offset);
  sender.pump();
  await settled(() => b.asking.size === 0);
  assert.deepEqual(sent.filter((s) => s[0] === "b"), ["b1.0", "b1.1", "b2.0", "b2.1", "b9.0!", "b9.1!"]);
  assert.deepEqual(sent.filter((s) => s[0] === "a"), ["a1.0", "a1.1", "a2.0"]);
  assert.equal(sent[0], "b1.0");
  ask(a, 0, 0); // nearer, but piece 2 was begun
  a.left = 10;
  a.dispatchEvent(new Event("drained"));
  await settled(() => a.asking.size === 0);
  assert.deepEqual(sent.filter((s) => s[0] === "a").slice(3, 5), ["a2.1", "a0.0"]);
}

// As much is under way as the line takes without a queue, and on a slow one nothing while we
// lack what we play next.
{
  let [given, short] = [0, false];
  const peer = Object.assign(new EventTarget(), { asking: new Set(), room: true, underWay: 0, give: (r) => peer.asking.delete(r) && (peer.underWay += r.length) });
  const sender = new Sender({ slack: () => 0, bytes: (r) => new Uint8Array(r.length), gave: (n) => (given += n), short: () => short });
  sender.add(peer);
  const block = 16384;
  for (let i = 0; i < 80; i++) peer.asking.add({ peer, piece: 0, offset: i * block, length: block });
  const { now } = performance;
  let clock = 0;
  performance.now = () => clock;
  const took = (late, after = 10) => {
    clock += after;
    const bytes = peer.underWay;
    [peer.underWay, given] = [0, 0];
    peer.dispatchEvent(new CustomEvent("took", { detail: { bytes, late, after } }));
    return given / block;
  };
  sender.pump();
  assert.equal(given, block);
  assert.equal(took(NaN), 1, "the first bytes tell nothing of a queue");
  assert.equal(took(0, 600), 1, "what takes so long is under way enough");
  assert.deepEqual([took(0), took(10), took(20)], [2, 4, 8]);
  assert.equal(took(100), 8, "a queue of a tenth of a second is kept");
  assert.equal(took(400), 4, "a longer one is not");
  assert.equal(took(400), 4, "unless that was just seen");
  short = true;
  assert.equal(took(0), 8, "a fast line gives while we are short");
  short = false;
  for (let i = 0; i < 12; i++) took(400, 1000);
  assert.equal(given, block);
  short = true;
  assert.equal(took(400, 1000), 0, "a slow one does not");
  short = false;
  sender.pump();
  assert.equal(given, block);
  performance.now = now;
}

// No more is given than the share of a viewer, however much is asked.
{
  let given = 0;
  const peer = Object.assign(new EventTarget(), { asking: new Set(), room: true, underWay: 0, give: (r) => peer.asking.delete(r) });
  const sender = new Sender({ slack: () => 0, bytes: (r) => new Uint8Array(r.length), gave: (n) => (given += n), most: () => 1000 });
  sender.add(peer);
  for (let i = 0; i < 200; i++) peer.asking.add({ peer, piece: i, offset: 0, length: 100 });
  sender.pump();
  await settled(() => given >= 10000);
  assert.ok(given <= 10200, `${given} bytes given at once`);
  const before = given;
  await new Promise((ok) => setTimeout(ok, 300));
  sender.pump();
  await settled(() => given > before);
}

// What is here without a gap ends before the first piece that lacks something.
{
  const film = new Uint8Array(25).map((_, i) => i);
  const torrent = {
    pieceLength: 10, length: 25, count: 3, size: (p) => Math.min(10, 25 - p * 10), at: (p) => p * 10, pieceOf: (o) => Math.floor(o / 10),
    right: async (p, data) => data.every((b, i) => b === film[p * 10 + i]),
  };
  const shelf = new Store(torrent, new Memory(1000), () => 0);
  shelf.write(0, film.subarray(0, 10));
  shelf.write(20, film.subarray(20, 25));
  await settled(() => shelf.has(0) && shelf.has(2));
  assert.deepEqual([0, 5, 10, 15, 20].map((at) => shelf.reach(at)), [10, 10, 10, 15, 25]);
}

// The server hears of all that is on its way, also of what it sends without having been asked
// for leave: else it grants the same once more.
{
  const { Room } = await load("room.js");
  const { Origin } = await load("origin.js");
  const asked = [];
  globalThis.fetch = (name, { headers }) => (asked.push(headers.Range), new Promise(() => {}));
  const hall = {
    memory: new Memory(1 << 20), video: { duration: 0 }, spare: 0, position: 0, counts: {}, coming: { height: 0, to: 0 },
    slack: () => 0, soon: () => {}, speak: () => {}, origin: new Origin(),
  };
  const room = new Room(hall, { height: 360, file: "/360p.mp4" }, torrent);
  assert.deepEqual(room.report().fetching, []);
  room.read(pieceLength, 3 * pieceLength, 0, new AbortController().signal, true); // a start, or a seek
  assert.deepEqual(asked.splice(0), [`bytes=${pieceLength}-${3 * pieceLength - 1}`]);
  assert.deepEqual(room.report().fetching, [1, 2]);

  // Nor is anything asked for that the player loads by itself, or that is a part of a piece.
  const ended = hall.origin.sends("/360p.mp4", 3 * pieceLength, 4 * pieceLength + 100);
  hall.origin.sends("/240p.mp4", 4 * pieceLength, 5 * pieceLength);
  assert.deepEqual(room.report().fetching, [1, 2, 3]);
  assert.ok(room.begun(3 * pieceLength, 5 * pieceLength));
  room.grant([3, 4]);
  assert.deepEqual(asked.splice(0), [`bytes=${4 * pieceLength + 100}-${5 * pieceLength - 1}`]);
  ended(); // and did not come
  Object.assign(hall, { room, rate: 1, buffered: () => false, coordinated: true, standing: false, alone: false, patient: true });
  room.tick(0.25);
  assert.deepEqual(asked.splice(0), [`bytes=${3 * pieceLength}-${4 * pieceLength - 1}`]); // under the leave that it had
}

// What there is no room for is asked three times of our server, and then the player loads it.
{
  const { Room } = await load("room.js");
  const { Origin } = await load("origin.js");
  let asked = 0;
  globalThis.fetch = async (name, { headers }) => {
    asked++;
    const [from, to] = headers.Range.slice(6).split("-").map(Number);
    const all = [part(from, to + 1)];
    return { status: 206, body: { getReader: () => ({ read: async () => ({ done: all.length === 0, value: all.pop() }) }) } };
  };
  const memory = new Memory(pieceLength);
  const hall = {
    memory, video: { duration: 0 }, spare: 0, position: 0, rate: 1, counts: { wasted: 0 }, coming: { height: 0, to: 0 }, alone: true, patient: false,
    coordinated: false, standing: false, buffered: () => false, slack: () => 30, soon: () => {}, speak: () => {}, origin: new Origin(),
  };
  const room = new Room(hall, { height: 360, file: "/360p.mp4" }, torrent);
  hall.room = room;
  room.know(Array.from({ length: 9 }, (_, i) => ({ start: 2 * i, duration: 2, from: i * pieceLength, to: (i + 1) * pieceLength })));
  room.keep(0, part(0, pieceLength)); // nearer, so it stays
  await settled(() => room.store.has(0));
  let answer;
  room.read(5 * pieceLength, 6 * pieceLength, 10, new AbortController().signal, true).then((bytes) => (answer = bytes));
  await settled(() => {
    room.tick(0.25);
    return answer !== undefined;
  });
  assert.equal(answer, null);
  assert.equal(asked, 3);
}

// A peer that says it has everything and brings nothing is asked no more after three seconds,
// as long as others have the piece; one that has brought something is left alone.
{
  const { Room } = await load("room.js");
  const clock = performance.now.bind(performance);
  let now = 1000;
  performance.now = () => now;
  const hall = {
    memory: new Memory(1 << 24), video: { duration: 0 }, spare: 0, position: 0, rate: 1, counts: { viewers: 0, mirrors: 0, wasted: 0 }, coming: { height: 0, to: 0 },
    coordinated: true, standing: false, slack: () => 30, buffered: () => false, soon: () => {}, speak: () => {}, sender: { add: () => {} }, origin: { busy: 0, sending: () => [] },
  };
  const room = new Room(hall, { height: 360, file: "/360p.mp4" }, torrent);
  hall.room = room;
  room.know(Array.from({ length: 9 }, (_, i) => ({ start: 20 + 2 * i, duration: 2, from: i * pieceLength, to: (i + 1) * pieceLength })));
  const party = Object.assign(new EventTarget(), { peers: new Map(), have: () => {} });
  room.enter({ meet: () => party });
  const asked = { liar: [], slow: [] };
  let taken = 0;
  const meet = (id, has, answers) => {
    const peer = Object.assign(new EventTarget(), {
      id, named: id, willing: true, mirror: false, owed: 0, has,
      ask: (piece, offset, length, then) => {
        if (offset === 0) asked[id].push(piece);
        if (answers && offset === 0) queueMicrotask(() => then(null, part(piece * pieceLength, piece * pieceLength + length)));
        return () => taken++;
      },
    });
    party.peers.set(id, peer);
    party.dispatchEvent(new CustomEvent("peer", { detail: peer }));
  };
  meet("slow", () => true, true);
  meet("liar", () => true, false);
  room.tick(0);
  await settled(() => hall.counts.viewers === 2 * 16384);
  assert.deepEqual([asked.slow.length, asked.liar.length], [2, 2]);
  now += 2900;
  room.tick(0);
  assert.deepEqual([taken, room.loads.size], [0, 4]);
  now += 200;
  room.tick(0);
  assert.equal(taken, 4); // two pieces of two blocks
  assert.deepEqual([...room.loads.values()].map((load) => load.peer.id), ["slow", "slow"]);
  performance.now = clock;
}
