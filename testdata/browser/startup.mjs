// Measures how long a visitor waits from navigation to the first frame, on a cold
// cache and a line of 8 Mbit/s with 50 ms latency, against a bare <video> that plays
// the same file from the same server. Runs are interleaved, so that whatever else
// the machine does meets every page alike.
//
//   node startup.mjs http://127.0.0.1:8080 VIDEO-ID [rounds]
//
// The last line is JSON for programs.

import http from "node:http";
import { launchChromium } from "./chromium.mjs";

const [base, id, rounds = "9"] = process.argv.slice(2);
const line = { offline: false, latency: 50, downloadThroughput: 1e6, uploadThroughput: 1e6 };

// The picture's first frame, in milliseconds since navigation began; the button is
// pressed as soon as it is there.
function watchFirstFrame() {
  const look = () => {
    const big = document.querySelector(".fresh > .pl-big");
    if (big && !window.pressed) {
      window.pressed = true;
      big.click();
    }
    const video = document.querySelector("video");
    if (!video) return;
    if (!window.watching) {
      window.watching = true;
      video.requestVideoFrameCallback((now) => (window.firstFrame = now));
    }
  };
  new MutationObserver(look).observe(document, { childList: true, subtree: true, attributes: true, attributeFilter: ["class"] });
}

async function measure(browser, url) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 720 } });
  try {
    const page = await context.newPage();
    const cdp = await context.newCDPSession(page);
    await cdp.send("Network.enable");
    await cdp.send("Network.emulateNetworkConditions", line);
    const sent = [];
    let bytes = 0;
    cdp.on("Network.requestWillBeSent", (e) => e.request.url.startsWith("http") && sent.push(e));
    cdp.on("Network.dataReceived", (e) => (bytes += e.encodedDataLength));
    await page.addInitScript(watchFirstFrame);
    await page.goto(url, { waitUntil: "commit" });
    const frame = await page.waitForFunction(() => window.firstFrame, null, { timeout: 30000, polling: 20 });
    const ms = await frame.jsonValue();
    const { height, at } = await page.evaluate((after) => ({ height: document.querySelector("video").videoHeight, at: performance.timeOrigin + after }), ms);
    const requests = sent.filter((e) => e.wallTime * 1000 < at && !e.request.url.includes("favicon")).length;
    return { ms, requests, kB: Math.round(bytes / 1000), height };
  } finally {
    await context.close();
  }
}

function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const half = sorted.length >> 1;
  return sorted.length % 2 ? sorted[half] : (sorted[half - 1] + sorted[half]) / 2;
}

// The bare page stands on a server of its own, which only sends this one line.
function serveBare() {
  const server = http.createServer((request, answer) => {
    answer.setHeader("Content-Type", "text/html");
    answer.end(`<!doctype html><title>bare</title><video autoplay controls src="${base}${decodeURIComponent(request.url.slice(2))}"></video>`);
  });
  return new Promise((ok) => server.listen(0, "127.0.0.1", () => ok(server)));
}

async function files() {
  const html = await (await fetch(`${base}/embed/${id}`)).text();
  const text = /data-player="([^"]*)"/.exec(html)[1].replaceAll("&#34;", '"').replaceAll("&#39;", "'").replaceAll("&amp;", "&");
  const data = JSON.parse(text);
  const start = data.renditions.find((r) => r.height <= 480) ?? data.renditions.at(-1);
  return { same: start.file, plain: data.file };
}

const bare = await serveBare();
const { same, plain } = await files();
const bareURL = (file) => `http://127.0.0.1:${bare.address().port}/?${encodeURIComponent(file)}`;
const pages = {
  "bare video, our start rendition": bareURL(same),
  "bare video, no-script file": bareURL(plain),
  "embed page, autoplay": `${base}/embed/${id}?autoplay=1`,
  "watch page, play pressed": `${base}/w/${id}`,
};
const browser = await launchChromium();
const results = Object.fromEntries(Object.keys(pages).map((name) => [name, []]));
for (const url of Object.values(pages)) await measure(browser, url); // the browser's own warming up
for (let round = 0; round < Number(rounds); round++) {
  for (const [name, url] of Object.entries(pages)) results[name].push(await measure(browser, url));
}
await browser.close();
bare.close();

const floor = results["bare video, our start rendition"];
const report = Object.entries(results).map(([name, runs]) => ({
  name,
  runs: runs.length,
  median: Math.round(median(runs.map((r) => r.ms))),
  ratio: Number((median(runs.map((r) => r.ms)) / median(floor.map((r) => r.ms))).toFixed(3)),
  paired: Number(median(runs.map((r, i) => r.ms / floor[i].ms)).toFixed(3)),
  height: runs[0].height,
  requests: Math.max(...runs.map((r) => r.requests)),
  kB: Math.round(median(runs.map((r) => r.kB))),
}));
for (const r of report) {
  console.log(`${r.name.padEnd(32)} ${String(r.median).padStart(5)} ms  ratio ${r.ratio.toFixed(2)}  paired ${r.paired.toFixed(2)}  ${r.height} rows  ${r.requests} requests  ${r.kB} kB`);
}
console.log(JSON.stringify(report));
