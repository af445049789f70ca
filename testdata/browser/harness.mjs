// What the scripts of this folder share: they register tests by name and run them one
// after another; each result is one line of JSON, which the Go test reads.

import { readFileSync } from "node:fs";
import { launchChromium } from "./chromium.mjs";

const [base, id] = process.argv.slice(2);
export const site = { base, id, watch: `${base}/w/${id}`, embed: `${base}/embed/${id}` };

const tests = [];

export function test(name, body) {
  tests.push({ name, body });
}

// run executes every registered test whose name contains the third argument, if any;
// some at a time, since most of their time is spent watching.
export async function run(setUp = async () => {}, tearDown = async () => {}, together = 1) {
  const only = process.argv[4] ?? "";
  const waiting = tests.filter((t) => t.name.includes(only));
  await setUp();
  const worker = async () => {
    for (let next = waiting.shift(); next; next = waiting.shift()) await perform(next);
  };
  await Promise.all(Array.from({ length: together }, worker));
  await tearDown();
}

async function perform({ name, body }) {
  const began = Date.now();
  let error = "";
  try {
    await body();
  } catch (err) {
    error = err.stack ?? String(err);
  }
  console.log(JSON.stringify({ name, ms: Date.now() - began, error }));
}

export function equal(got, want, what) {
  if (got !== want) throw new Error(`${what}: got ${JSON.stringify(got)}, want ${JSON.stringify(want)}`);
}

export function between(got, low, high, what) {
  if (!(got >= low && got <= high)) throw new Error(`${what}: got ${got}, want ${low} to ${high}`);
}

export function ok(value, what) {
  if (!value) throw new Error(what);
}

let browser;

export async function openBrowser() {
  browser = await launchChromium();
}

export async function closeBrowser() {
  await browser.close();
}

// visit opens an address in a fresh profile and hands the page to body. Whatever the
// test, nothing on the page may break the policy, throw, set a cookie or ask another
// host for anything.
export async function visit(address, body, { context: options = {}, before } = {}) {
  const context = await browser.newContext({ viewport: { width: 1440, height: 900 }, ...options });
  const faults = [];
  const page = await context.newPage();
  page.setDefaultTimeout(20000);
  page.on("pageerror", (err) => faults.push(`script error: ${err.stack}`));
  page.on("console", (m) => /Content.Security.Policy|Refused to/i.test(m.text()) && faults.push(m.text()));
  page.on("request", (r) => {
    const url = new URL(r.url());
    if (url.protocol.startsWith("http") && url.origin !== base) faults.push(`request to another host: ${url}`);
  });
  try {
    await before?.(page, context);
    await page.goto(address);
    await body(page, context);
    equal((await context.cookies()).length, 0, "cookies");
    equal(faults.join("\n"), "", "faults");
  } catch (err) {
    if (process.env.SHOTS) await page.screenshot({ path: `${process.env.SHOTS}/failed-${Date.now()}.png` }).catch(() => {});
    if (faults.length) err.message += `\nfaults: ${faults.join("\n")}`;
    throw err;
  } finally {
    await context.close();
  }
}

// until waits for something to become true on the page. It asks from outside, so it
// works on pages without script too.
export async function until(page, condition, argument) {
  const end = Date.now() + 40000;
  while (!(await page.evaluate(condition, argument))) {
    if (Date.now() > end) throw new Error(`never became true: ${condition}`);
    await new Promise((ok) => setTimeout(ok, 50));
  }
}

// video reads a property of the page's video.
export const video = (page, property) => page.evaluate((name) => document.querySelector("video")[name], property);

export const time = (page) => page.evaluate(() => document.querySelector("video").currentTime);

export async function play(page) {
  await page.click(".pl-big");
  await playing(page);
}

// playing waits until the picture has moved from where it stands now.
export async function playing(page) {
  const from = await time(page);
  await until(page, (at) => {
    const v = document.querySelector("video");
    return !v.paused && v.readyState > 2 && v.currentTime > at + 0.2;
  }, from);
}

// taken waits until the library has taken over from the early start.
export function taken(page) {
  return until(page, () => {
    const { engine } = document.querySelector(".player").player;
    return engine.hls && !engine.early && document.querySelector("video").buffered.end(0) > 8;
  });
}

const axe = readFileSync(new URL("./node_modules/axe-core/axe.min.js", import.meta.url), "utf8");

export const press = (page, ...keys) => keys.reduce((before, key) => before.then(() => page.keyboard.press(key)), Promise.resolve());
export const label = (page, selector) => page.getAttribute(selector, "aria-label");
// click wakes the bar first, as a hand on the mouse does.
export const click = async (page, selector) => {
  await page.mouse.move(600 + Math.random() * 9, 300);
  await page.click(selector);
};
// Rows go by their name: "360p" also stands behind Auto, while that plays.
export const row = (name) => `.pl-menu .pl-row:has(.pl-row-name:text-is("${name}"))`;
export const menu = async (page, ...names) => {
  await click(page, '.pl-btn[aria-label="Settings"]');
  for (const name of names) await page.click(row(name));
};
// point moves the mouse over the scrubber at a share of its width.
export const point = async (page, share) => {
  await page.mouse.move(600 + Math.random() * 9, 300);
  const box = await page.locator(".pl-scrub").boundingBox();
  await page.mouse.move(box.x + box.width * share, box.y + box.height / 2);
};

// accessible fails on any violation that axe finds, best practices included.
export async function accessible(page, state) {
  await page.evaluate(`${axe}; undefined`);
  const violations = await page.evaluate(async () => {
    const result = await window.axe.run(document, {
      runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
    });
    return result.violations.map((v) => `${v.id}: ${v.help}\n  ${v.nodes.map((n) => `${n.html}: ${n.failureSummary}`).join("\n  ")}`);
  });
  ok(violations.length === 0, `axe, ${state}:\n${violations.join("\n")}`);
}
