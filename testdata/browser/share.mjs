// Viewers share a video: real Chromiums, each with a profile of its own, the real server,
// whose upload is too small for all of them at once.
//
//   node share.mjs http://127.0.0.1:8080 VIDEO-ID [part of a test's name]

import { accessible, closeBrowser, equal, ok, openBrowser, run, site, test } from "./harness.mjs";
import { clean, ended, eventually, figures, past, received, seen, sharing, start, unshared, viewer, viewers } from "./sharing.mjs";

const fast = 2; // times the normal speed
const file = (page) => page.evaluate(() => {
  const { player } = document.querySelector(".player");
  return player.data.swarm.renditions.find((r) => r.height === player.sharing.figures.height).size;
});

test("two viewers share and play to the end", () => viewers(2, async (a, b) => {
  await start(a, fast);
  await past(a, 2);
  await start(b, fast);
  await Promise.all([sharing(a), sharing(b)]);
  await Promise.all([ended(a), ended(b)]);
  const size = await file(b);
  const [fa, fb] = [await clean(a), await clean(b)];
  ok(fa.fromViewers + fb.fromViewers > size * 0.3, `from each other ${fa.fromViewers} and ${fb.fromViewers} of ${size}`);
  ok(fa.given + fb.given >= fa.fromViewers + fb.fromViewers, "who gets, gets from somebody");
}));

test("three viewers who come together share and play to the end", () => viewers(3, async (...pages) => {
  await Promise.all(pages.map((p) => start(p, fast)));
  await Promise.all(pages.map(sharing));
  await Promise.all(pages.map(ended));
  const all = await Promise.all(pages.map(clean));
  const server = all.reduce((sum, f) => sum + f.fromServer, 0);
  ok(server < (await file(pages[0])) * 2.2, `our server gave ${server} of ${await file(pages[0])}`);
}));

test("who switched off opens nothing, and plays", () => viewer(async (page) => {
  await start(page);
  await past(page, 6); // beyond the early start
  await unshared(page, "with the switch off");
  equal(await page.locator(".pl-line").innerText(), "Sharing is off", "line");
}, { before: (page) => page.addInitScript(() => localStorage.setItem("tubelet.choices", '{"share":false}')) }));

for (const [name, line] of [["Data Saver", { saveData: true }], ["mobile data", { type: "cellular" }]]) {
  test(`nothing is opened with ${name}`, () => viewer(async (page) => {
    await start(page);
    await past(page, 6);
    await unshared(page, `with ${name}`);
  }, { before: (page) => page.addInitScript((l) => Object.defineProperty(navigator, "connection", { value: Object.assign(new EventTarget(), l) }), line) }));
}

test("nothing is opened before the first play", () => viewer(async (page) => {
  await page.waitForLoadState("networkidle");
  await unshared(page, "before the first play");
  await page.click(".pl-big");
  await eventually(page, "the server is asked who is there", () => window.seen.sockets.length > 0);
}));

test("who is alone opens no connection to anybody", () => viewer(async (page) => {
  await start(page, 1, await rendition(page));
  await eventually(page, "alone", () => document.querySelector(".player").sharing.state === "alone");
  await past(page, 5);
  const s = await seen(page);
  equal(s.connections, 0, "connections");
  equal(await page.evaluate(() => performance.getEntriesByType("resource").some((e) => e.name.includes("webtorrent"))), false, "webtorrent.js was loaded");
}));

// rendition returns the height that no other test plays.
const rendition = (page) => page.evaluate(() => document.querySelector(".player").player.engine.heights.find((h) => h !== 480));

const asked = async (page) => page.route(/\/w\//, async (route) => {
  const answer = await route.fetch();
  const body = (await answer.text()).replace("&#34;mode&#34;:&#34;on&#34;", "&#34;mode&#34;:&#34;ask&#34;");
  await route.fulfill({ response: answer, body });
});

test("where the creator asks, nothing is opened before the viewer said yes, once", () => viewer(async (page) => {
  await start(page);
  await page.locator(".pl-ask").waitFor();
  await accessible(page, "asked to share");
  await past(page, 5);
  await unshared(page, "without an answer");
  await page.click(`.pl-ask button:text-is("Share")`);
  equal(await page.locator(".pl-ask").count(), 0, "questions after the answer");
  await eventually(page, "the server is asked who is there", () => window.seen.sockets.length > 0);
  await page.reload();
  await page.click(".pl-big");
  await eventually(page, "shares without another question", () => window.seen.sockets.length > 0);
  equal(await page.locator(".pl-ask").count(), 0, "questions after a reload");
}, { before: asked }));

test("a no is remembered", () => viewer(async (page) => {
  await start(page);
  await page.click(`.pl-ask button:text-is("No thanks")`);
  await page.reload();
  await start(page);
  equal(await page.locator(".pl-ask").count(), 0, "questions after a no");
  await unshared(page, "after a no");
}, { before: asked }));

test("switching off ends it at once, and playing goes on", () => viewers(2, async (a, b) => {
  await Promise.all([start(a), start(b)]);
  await Promise.all([sharing(a), sharing(b)]);
  await a.evaluate(() => document.querySelector(".player").player.sharing.set(false));
  await eventually(a, "all is closed", () => window.seen.open.every((c) => c.connectionState === "closed") && window.seen.sockets.every((s) => s.readyState > 1));
  equal((await figures(a)).state, "off", "state");
  await eventually(b, "the other is alone", () => document.querySelector(".player").sharing.peers === 0);
  const at = await b.evaluate(() => document.querySelector("video").buffered.end(0));
  await Promise.all([past(a, at + 4), past(b, at + 4)]);
}));

// A liar changes a byte in each large message that it sends to a peer.
function lie() {
  const { send } = RTCDataChannel.prototype;
  RTCDataChannel.prototype.send = function (data) {
    if (data.byteLength > 8000) {
      data = new Uint8Array(data.buffer ?? data, data.byteOffset ?? 0, data.byteLength).slice();
      data[100] ^= 255;
    }
    return send.call(this, data);
  };
}

test("who sends wrong bytes is dropped, and the picture never sees them", () => viewer(async (liar) => {
  await start(liar);
  await past(liar, 3);
  await viewers(2, async (a, b) => {
    await Promise.all([start(a, fast), start(b, fast)]);
    const caught = (page) => eventually(page, "the liar is banned", () => document.querySelector(".player").sharing.banned > 0 || document.querySelector("video").ended);
    await Promise.all([caught(a), caught(b)]);
    await Promise.all([ended(a), ended(b)]);
    const [fa, fb] = [await figures(a), await figures(b)];
    ok(fa.banned + fb.banned > 0, "nobody found the liar");
    for (const f of [fa, fb]) ok(f.banned <= 1, `banned ${f.banned}, but only one lied`);
  });
}, { before: (page) => page.addInitScript(lie) }));

test("seeking forward and back", () => viewers(2, async (a, b) => {
  await start(a);
  await past(a, 2);
  await start(b);
  await Promise.all([sharing(a), sharing(b)]);
  const duration = await b.evaluate(() => document.querySelector("video").duration);
  for (const share of [0.7, 0.1, 0.85]) {
    await b.evaluate((t) => document.querySelector(".player").player.seek(t), duration * share);
    await past(b, duration * share + 0.5);
  }
  await ended(b);
  await clean(b);
}));

test("another rendition: a new swarm, and the old one is still given", () => viewers(2, async (a, b) => {
  await Promise.all([start(a), start(b)]);
  await Promise.all([sharing(a), sharing(b)]);
  const other = await rendition(a);
  const pick = (page) => page.evaluate((h) => document.querySelector(".player").player.engine.choose(h), other);
  await pick(a);
  await eventually(a, "the other rendition is shared or alone", (h) => document.querySelector(".player").sharing.height === h, other);
  await eventually(a, "its picture is there", (h) => document.querySelector("video").videoHeight === h, other);
  await pick(b);
  await eventually(b, "both are in the new swarm", (h) => document.querySelector(".player").sharing.height === h && document.querySelector(".player").sharing.peers > 0, other);
  await received(b);
  await clean(a);
  await clean(b);
}));

// watchChoice notes, ten times a second, the best rendition that was loaded after the lowest, and
// the most that others brought within half a second, in bits a second.
function watchChoice() {
  const noted = (window.noted = { lowest: false, level: 0, fromPeers: 0, seen: [] });
  setInterval(() => {
    const { player } = document.querySelector(".player");
    noted.lowest ||= player.engine.hls?.loadLevel === 0;
    if (noted.lowest) noted.level = Math.max(noted.level, player.engine.hls.loadLevel);
    noted.seen.push(player.sharing.figures.fromViewers);
    if (noted.seen.length > 5) noted.fromPeers = Math.max(noted.fromPeers, (noted.seen.at(-1) - noted.seen.at(-6)) * 16);
  }, 100);
}

// The picture is chosen by our server's line, which is slow for one viewer here, while the other
// gives at the speed of a machine that talks to itself.
test("a fast peer does not fool the choice of rendition, which stays automatic", () => viewer(async (page) => {
  const [low, next] = await page.evaluate(() => {
    const { player } = document.querySelector(".player");
    return player.data.renditions.map((r) => ({ height: r.height, rate: r.rate })).sort((x, y) => x.rate - y.rate);
  });
  const line = Math.min(low.rate * 1.6, next.rate * 0.9);
  await start(page, 1, low.height);
  await past(page, 8);
  await viewer(async (other, context) => {
    const cdp = await context.newCDPSession(other);
    await cdp.send("Network.enable");
    const slow = { latency: 20, downloadThroughput: line / 8, uploadThroughput: line / 8 };
    await cdp.send("Network.emulateNetworkConditionsByRule", { offline: false, matchedNetworkConditions: [{ urlPattern: `${site.base}/media/*`, ...slow }] });
    await other.evaluate(watchChoice);
    await start(other, 1, 0);
    await received(other, 200000);
    await past(other, 12);
    const choice = await other.evaluate(() => {
      const { engine, sharing } = document.querySelector(".player").player;
      return { ...window.noted, seen: 0, automatic: engine.hls.autoLevelEnabled, estimate: engine.hls.bandwidthEstimate, line: sharing.lineRate };
    });
    ok(choice.fromPeers > line * 3, `the other gave no more than ${choice.fromPeers} bit/s, the line has ${line}`);
    equal(choice.automatic, true, "automatic choice");
    equal(choice.lowest, true, "the lowest rendition was chosen");
    equal(choice.level, 0, "best rendition loaded since then");
    ok(choice.estimate < line * 2, `believes in ${choice.estimate} bit/s, with ${choice.line} measured on a line of ${line}`);
    await clean(other);
  });
}));

// away makes of a page what a browser makes of a tab behind another: timers run once a second,
// nothing is drawn. It holds while window.behind is true.
function away() {
  const { setTimeout: timeout, setInterval: interval, requestAnimationFrame: draw } = window;
  const slow = (ms = 0) => (window.behind ? Math.max(1000, Math.ceil(ms / 1000) * 1000) : ms);
  window.setTimeout = (what, ms, ...rest) => timeout(what, slow(ms), ...rest);
  window.setInterval = (what, ms, ...rest) => {
    let last = 0;
    return interval((...all) => {
      if (window.behind && performance.now() - last < 1000) return;
      last = performance.now();
      what(...all);
    }, ms, ...rest);
  };
  window.requestAnimationFrame = (what) => draw(function late(t) { window.behind ? timeout(() => draw(late), 1000) : what(t); });
  Object.defineProperty(Document.prototype, "hidden", { get: () => !!window.behind });
  Object.defineProperty(Document.prototype, "visibilityState", { get: () => (window.behind ? "hidden" : "visible") });
}

const put = (page, behind) => page.evaluate((b) => {
  window.behind = b;
  document.dispatchEvent(new Event("visibilitychange"));
}, behind);

test("a tab behind others plays on and gives", () => viewers(2, async (a, b) => {
  await start(a);
  await past(a, 2);
  await put(a, true);
  await start(b, fast);
  await received(b, 300000);
  await Promise.all([ended(a), ended(b)]);
  await put(a, false);
  await clean(a);
  await clean(b);
}, { before: (page) => page.addInitScript(away) }));

test("a tab that the browser freezes is done without, and goes on when it thaws", () => viewers(2, async (a, b) => {
  await start(a);
  await past(a, 2);
  await start(b, fast);
  await Promise.all([sharing(a), sharing(b)]);
  const cdp = await a.context().newCDPSession(a);
  await a.evaluate(() => {
    window.beats = 0;
    setInterval(() => window.beats++, 100);
  });
  await cdp.send("Debugger.enable");
  await cdp.send("Debugger.pause"); // no script runs, as in a frozen tab
  const began = Date.now();
  await ended(b);
  await clean(b);
  const most = (Date.now() - began) / 100;
  await cdp.send("Debugger.disable");
  const beats = await a.evaluate(() => window.beats);
  ok(beats < most / 4, `a frozen tab's timer ran ${beats} times of ${most}`);
  await a.evaluate(() => document.querySelector("video").play());
  await ended(a);
  await clean(a);
}));

test("a pause, with the other going on", () => viewers(2, async (a, b) => {
  await Promise.all([start(a), start(b, fast)]);
  await Promise.all([sharing(a), sharing(b)]);
  await past(a, 2);
  await a.evaluate(() => document.querySelector(".player").player.pause());
  await ended(b);
  await a.evaluate(() => document.querySelector(".player").player.play());
  await past(a, 8);
  await clean(a);
}));

test("a viewer who leaves does not stop the others", () => viewer(async (b) => {
  await viewer(async (a) => {
    await start(a);
    await past(a, 2);
    await start(b, fast);
    await received(b);
  });
  await eventually(b, "the other is gone", () => document.querySelector(".player").sharing.peers === 0);
  await ended(b);
  await clean(b);
}));

test("without the tracker the connected go on sharing", () => viewers(2, async (a, b) => {
  await start(a, 1);
  await past(a, 2);
  await start(b, 1);
  await Promise.all([sharing(a), sharing(b)]);
  for (const page of [a, b]) {
    await page.evaluate(() => {
      window.unplugged = true;
      for (const s of window.seen.sockets) s.close();
    });
    await eventually(page, "the line is down", () => !document.querySelector(".player").sharing.coordinated);
    await page.evaluate(() => void (document.querySelector("video").playbackRate = 2));
  }
  await Promise.all([ended(a), ended(b)]);
  for (const page of [a, b]) {
    const f = await clean(page);
    ok(f.peers > 0, "the peers stay connected without the tracker");
  }
}));

test("memory is bounded, and what was dropped is fetched again", () => viewers(2, async (a, b) => {
  await start(a, fast);
  await past(a, 2);
  await start(b, fast);
  await sharing(b);
  let most = 0;
  while (!(await b.evaluate(() => document.querySelector("video").ended))) most = Math.max(most, (await figures(a)).memory, (await figures(b)).memory);
  ok(most > 0 && most <= 2 * 1024 * 1024, `memory: ${most}`);
  await ended(a);
  await clean(b);
}, { before: (page) => page.addInitScript(() => (window.testingOnlySharedMemory = 2 * 1024 * 1024)) }));

test("the panel: figures, switch, keyboard, a phone's width", () => viewers(2, async (a, b) => {
  await start(b);
  await past(b, 2);
  await start(a);
  await received(a, 1000);
  await eventually(a, "the line names the other", () => document.querySelector(".pl-line").innerText === "Sharing with 1 viewer");
  await accessible(a, "sharing");
  await a.focus(".pl-line");
  await a.keyboard.press("Enter");
  await a.locator(".pl-share[open]").waitFor();
  await eventually(a, "figures", () => /From viewers\n\n?[0-9.]+ MB/.test(document.querySelector(".pl-share dl").innerText.replaceAll("\t", "\n")));
  await accessible(a, "the panel open");
  ok((await a.locator(".pl-share a[download]").getAttribute("href")).endsWith(".mp4"), "the file can be had without a torrent");
  const toggle = a.locator(".pl-share [role=switch]");
  await toggle.focus();
  await a.keyboard.press("Space");
  equal(await toggle.isChecked(), false, "switch");
  equal(await a.evaluate(() => JSON.parse(localStorage.getItem("tubelet.choices")).share), false, "remembered");
  await eventually(a, "off", () => document.querySelector(".player").sharing.state === "off");
  await a.keyboard.press("Escape");
  equal(await a.locator(".pl-share[open]").count(), 0, "panels open");
  equal(await a.evaluate(() => document.activeElement.className), "pl-line", "focus");
  await a.setViewportSize({ width: 390, height: 700 });
  await a.click(".pl-line");
  equal(await a.evaluate(() => document.documentElement.scrollWidth), 390, "width of the page");
  ok((await a.locator(".pl-share").boundingBox()).width <= 390, "width of the panel");
  await accessible(a, "the panel on a phone");
}));

test("a short line says why the picture is not sharper", () => viewer(async (page) => {
  await page.click(".pl-big");
  await page.locator(".pl-reason").waitFor();
  ok(/^This channel’s line is busy: starting at \d+p\.$/.test(await page.locator(".pl-reason").innerText()), "reason");
  await accessible(page, "a short line");
}, { before: (page) => page.route(/\/w\//, async (route) => {
  const answer = await route.fetch();
  await route.fulfill({ response: answer, body: (await answer.text()).replace("&#34;begin&#34;:", "&#34;short&#34;:true,&#34;begin&#34;:") });
}) }));

await run(openBrowser, closeBrowser);
