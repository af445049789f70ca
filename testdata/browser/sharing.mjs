// What the tests of sharing have in common: viewers that note every socket and connection
// they open, and how to wait for what takes as long as it takes.

import { equal, ok, site, visit } from "./harness.mjs";

const patience = 180000; // a busy machine plays slowly, and that is no fault

// spy notes what a page opens towards others, from before its first script on.
export function spy() {
  const seen = (window.seen = { sockets: [], connections: 0, candidates: 0, servers: [] });
  window.WebSocket = class extends WebSocket {
    constructor(...all) {
      if (window.unplugged) {
        super(...all);
        this.close();
        return;
      }
      super(...all);
      seen.sockets.push(this);
    }
  };
  window.RTCPeerConnection = class extends RTCPeerConnection {
    constructor(config, ...rest) {
      super(config, ...rest);
      seen.connections++;
      seen.servers.push(...(config?.iceServers ?? []).flatMap((s) => s.urls));
      (seen.open ??= []).push(this);
      this.addEventListener("icecandidate", (e) => e.candidate && seen.candidates++);
    }
  };
}

export const seen = (page) => page.evaluate(() => ({ ...window.seen, sockets: window.seen.sockets.map((s) => s.url), open: undefined }));

// unshared fails when the page opened anything towards others.
export async function unshared(page, what) {
  const s = await seen(page);
  equal(s.sockets.length, 0, `sockets ${what}`);
  equal(s.connections, 0, `connections ${what}`);
  equal(s.candidates, 0, `addresses gathered ${what}`);
}

// viewer opens the watch page in a profile of its own.
export function viewer(body, { before, address = site.watch, ...options } = {}) {
  const prepare = async (page, context) => {
    await page.addInitScript(spy);
    await before?.(page, context);
  };
  return visit(address, async (page, context) => {
    await body(page, context);
    await onlyOurs(page);
  }, { ...options, before: prepare });
}

// viewers opens several, and hands over their pages.
export function viewers(count, body, options, pages = []) {
  if (count === 0) return body(...pages);
  return viewer((page) => viewers(count - 1, body, options, [...pages, page]), options);
}

// onlyOurs checks that sockets and STUN are of our own host, and that nothing was put on
// the viewer's disk.
async function onlyOurs(page) {
  if (page.isClosed()) return;
  const { sockets, servers } = await seen(page);
  const { host, hostname } = new URL(site.base);
  for (const s of sockets) equal(new URL(s).host, host, "host of a socket");
  for (const s of servers) equal(s.split(":")[1], hostname, "host of a STUN server");
  equal(await page.evaluate(stored), 0, "files, databases and caches");
}

async function stored() {
  let n = (await indexedDB.databases()).length + (await caches.keys()).length;
  for await (const _ of (await navigator.storage.getDirectory()).keys()) n++;
  return n;
}

// eventually waits for something to become true on the page.
export async function eventually(page, what, condition, argument) {
  const end = Date.now() + patience;
  while (!(await page.evaluate(condition, argument))) {
    if (Date.now() > end) {
      const state = await page.evaluate(() => JSON.stringify([document.querySelector("video").currentTime, document.querySelector(".player").sharing]));
      throw new Error(`never came true: ${what}; ${state}`);
    }
    await new Promise((ok) => setTimeout(ok, 100));
  }
}

export const figures = (page) => page.evaluate(() => document.querySelector(".player").sharing);

// start presses play and waits for a moving picture. The rendition is fixed, so that all
// are in one swarm; a test that wants another asks for it.
export async function start(page, rate = 1, height = 480) {
  await page.evaluate((h) => document.querySelector(".player").player.engine.choose(h), height);
  await page.click(".pl-big");
  await page.evaluate((r) => void (document.querySelector("video").playbackRate = r), rate);
  await eventually(page, "the picture moves", () => document.querySelector("video").currentTime > 0.3);
}

export const sharing = (page) => eventually(page, "connected to a peer", () => document.querySelector(".player").sharing.peers > 0);
export const ended = (page) => eventually(page, "plays to the end", () => document.querySelector("video").ended);
export const past = (page, second) => eventually(page, `plays past ${second}`, (s) => document.querySelector("video").currentTime > s, second);
export const received = (page, bytes = 1) => eventually(page, "gets bytes from viewers", (n) => document.querySelector(".player").sharing.fromViewers >= n, bytes);

// clean checks that all that peers gave was right.
export async function clean(page) {
  const f = await figures(page);
  equal(f.spoilt, 0, "spoilt pieces");
  equal(f.banned, 0, "banned peers");
  ok(f.memory <= 64 * 1024 * 1024, `memory: ${f.memory}`);
  return f;
}
