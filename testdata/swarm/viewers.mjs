// One run: N fresh Chromiums, each in the network namespace of its viewer, open the same
// page, together or some time apart, and watch to the end.
//
//   node viewers.mjs RUN.json
//
// RUN.json: {chromium: [a program per viewer], page, gap, limit, media}. Times in seconds;
// media is the part of an address that media files have in common. The last line is JSON.

import { readFileSync } from "node:fs";
import { launch, probe } from "./browser.mjs";

const run = JSON.parse(readFileSync(process.argv[2], "utf8"));
const stay = 5000; // a viewer serves others so long after the end
const wait = (ms) => new Promise((ok) => setTimeout(ok, ms));

async function open(executablePath) {
  const browser = await launch(executablePath, [new URL(run.page).origin, run.base]);
  const context = await browser.newContext({ viewport: { width: 640, height: 480 } });
  const page = await context.newPage();
  await page.addInitScript({ path: probe });
  const requests = new Map();
  const faults = [];
  page.on("pageerror", (err) => faults.push(String(err.stack)));
  page.on("console", (m) => m.type() === "error" && faults.push(m.text()));
  const cdp = await context.newCDPSession(page);
  await cdp.send("Network.enable", { maxTotalBufferSize: 1 << 20, maxResourceBufferSize: 1 << 19 });
  follow(cdp, requests);
  return { browser, page, requests, faults, states: [] };
}

// follow notes every request for media, and how many bytes of its body came.
function follow(cdp, requests) {
  cdp.on("Network.requestWillBeSent", ({ requestId, request, wallTime }) => {
    const media = request.url.includes(run.media) && /\.mp4/.test(request.url);
    const header = (name) => Object.entries(request.headers).find(([k]) => k.toLowerCase() === name)?.[1];
    requests.set(requestId, {
      media, url: request.url, range: header("range") ?? new URL(request.url).search, leased: Boolean(header("tubelet-viewer")),
      from: wallTime * 1000, first: 0, to: 0, bytes: 0, wire: 0, status: 0, failed: "",
    });
  });
  cdp.on("Network.responseReceived", ({ requestId, response }) => {
    const r = requests.get(requestId);
    if (r) r.status = response.status;
  });
  cdp.on("Network.dataReceived", ({ requestId, dataLength }) => {
    const r = requests.get(requestId);
    if (!r) return;
    r.first ||= Date.now();
    r.bytes += dataLength;
  });
  const over = ({ requestId, errorText, encodedDataLength }) => {
    const r = requests.get(requestId);
    if (!r) return;
    r.wire = encodedDataLength ?? 0;
    r.to = Date.now();
    r.failed = errorText ?? "";
  };
  cdp.on("Network.loadingFinished", over);
  cdp.on("Network.loadingFailed", over);
}

async function watch(viewer, index, began) {
  await wait(index * run.gap * 1000);
  viewer.start = Date.now() - began;
  await viewer.page.goto(run.page, { waitUntil: "commit", timeout: 60000 });
  const end = began + run.limit * 1000;
  let closing = 0;
  while (Date.now() < end && !(closing && Date.now() > closing)) {
    await wait(1000);
    const state = await viewer.page.evaluate(() => window.probeState?.()).catch(() => null);
    if (!state) continue;
    viewer.last = state;
    viewer.states.push(brief(state, viewer));
    if (state.ended && !closing) closing = Date.now() + stay;
  }
  viewer.extra = await viewer.page.evaluate(() => {
    const player = document.querySelector(".player")?.player;
    return player?.sharing?.figures ?? null;
  }).catch(() => null);
  await viewer.browser.close().catch(() => {});
}

const media = (viewer) => [...viewer.requests.values()].filter((r) => r.media);
const sum = (list) => list.reduce((a, b) => a + b, 0);

function brief(s, viewer) {
  return [Math.round(viewer.start + s.now), round(s.time), round(s.ahead), s.stalled ? 1 : 0, sum(media(viewer).map((r) => r.bytes)), s.received, s.sent, s.open];
}
const round = (n) => Math.round(n * 100) / 100;

function report(viewer, began) {
  const last = viewer.last ?? { stalls: [], now: 0, time: 0, received: 0, sent: 0, rows: 0, dropped: 0 };
  const stalls = last.stalls.map((s) => ({ at: round(s.at), begin: Math.round(viewer.start + s.from), seconds: round(((s.to || last.now) - s.from) / 1000) }));
  const list = media(viewer);
  return {
    start: viewer.start, firstFrame: Math.round(last.firstFrame ?? 0), pressed: Math.round(last.pressed ?? 0), ended: last.ended > 0, played: round(last.time),
    // What a clock says, whatever events the browser sends: playing took so much longer than the film.
    late: last.firstFrame ? round(((last.ended || last.now) - last.firstFrame) / 1000 - last.time) : 0,
    stalls, http: sum(list.map((r) => r.bytes)), page: sum([...viewer.requests.values()].filter((r) => !r.media).map((r) => r.wire)),
    requests: list.map((r) => [Math.round(r.from - began), r.first ? r.first - began : 0, r.to ? r.to - began : 0, r.range, r.bytes, r.status, r.leased ? 1 : 0, r.failed]),
    others: [...viewer.requests.values()].filter((r) => !r.media).map((r) => [Math.round(r.from - began), r.to ? r.to - began : 0, r.wire, new URL(r.url).pathname]),
    p2pIn: last.received, p2pOut: last.sent, pairs: last.pairs ?? 0, open: last.open ?? 0, rows: last.rows, dropped: last.dropped,
    extra: viewer.extra ?? null, faults: viewer.faults.slice(0, 20), states: viewer.states,
  };
}

// line says where everybody stands: second of the film, data channels open, megabytes
// by HTTP and from peers.
function line(began) {
  const each = list.map((v) => {
    const s = v.states.at(-1);
    return s ? `${s[1].toFixed(0)}${s[3] ? "!" : ""} p${s[7]} ${(s[4] / 1e6).toFixed(1)}+${(s[5] / 1e6).toFixed(1)}` : "-";
  });
  return `  ${((Date.now() - began) / 1000).toFixed(0)} s: ${each.join(" | ")}`;
}

const list = await Promise.all(run.chromium.map(open));
await wait(2000); // let the browsers' own start calm down
const began = Date.now();
const progress = setInterval(() => console.error(line(began)), 15000);
await Promise.all(list.map((viewer, i) => watch(viewer, i, began)));
clearInterval(progress);
const result = JSON.stringify({ seconds: (Date.now() - began) / 1000, viewers: list.map((v) => report(v, began)) });
process.stdout.write(`${result}\n`, () => process.exit(0)); // once it is out: a pipe takes time
