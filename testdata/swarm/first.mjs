// How long a newcomer waits for the first frame while somebody else watches, with sharing
// and without: the viewer's own switch, everything else the same, one after the other in
// turns, each in a fresh profile.
//
//   node first.mjs RUN.json
//
// RUN.json: {chromium: [a program for who watches, one for the newcomer], page, base,
// rounds}. The last line is JSON: milliseconds since navigation.

import { readFileSync } from "node:fs";
import { launch, probe } from "./browser.mjs";

const run = JSON.parse(readFileSync(process.argv[2], "utf8"));
const wait = (ms) => new Promise((ok) => setTimeout(ok, ms));
const [companion, newcomer] = await Promise.all(run.chromium.map((path) => launch(path, [run.base])));

async function open(browser, share) {
  const context = await browser.newContext({ viewport: { width: 640, height: 480 } });
  const page = await context.newPage();
  await page.addInitScript({ path: probe });
  await page.addInitScript((on) => localStorage.setItem("tubelet.choices", JSON.stringify({ share: on })), share);
  await page.goto(run.page, { waitUntil: "commit", timeout: 60000 });
  return page;
}

const state = (page) => page.evaluate(() => ({ ...window.probeState(), figures: document.querySelector(".player")?.player?.sharing?.figures ?? null }));

// watching makes sure that somebody watches, and is not about to end.
let other;
async function watching() {
  if (other && (await state(other)).time < run.seconds - 30) return;
  await other?.context().close();
  other = await open(companion, true);
  await other.waitForFunction(() => window.probeState().time > 12, null, { timeout: 60000, polling: 500 });
}

async function measure(share) {
  await watching();
  const page = await open(newcomer, share);
  await page.waitForFunction(() => window.probe.firstFrame > 0, null, { timeout: 60000, polling: 50 });
  await wait(4000); // sharing has begun by then, if it will
  const s = await state(page);
  await page.context().close();
  await wait(1500);
  return { ms: s.firstFrame, pressed: s.pressed, pairs: s.pairs, shared: s.received, stalls: s.stalls.length };
}

const result = { on: [], off: [] };
await measure(true); // warm
await measure(false);
for (let round = 0; round < run.rounds; round++) {
  for (const way of round % 2 ? ["on", "off"] : ["off", "on"]) result[way].push(await measure(way === "on"));
}
process.stdout.write(`${JSON.stringify(result)}\n`, () => process.exit(0));
