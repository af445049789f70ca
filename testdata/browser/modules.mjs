// Tests of the player's modules that need no browser.

import { readFileSync } from "node:fs";
import assert from "node:assert/strict";

// The folder has no package.json, so that Go can embed it whole; a data: address makes
// Node take the file for the module that it is. It can import nothing there, and what is
// tested here needs nothing.
function load(name) {
  const text = Buffer.from(readFileSync(new URL(`../../assets/player/${name}`, import.meta.url), "utf8").replace(/^import .*/gm, ""));
  return import(`data:text/javascript;base64,${text.toString("base64")}`);
}

const { parseTime, clock, spoken, addressTime, within } = await load("time.js");
for (const [text, want] of [
  ["90", 90], ["90s", 90], ["12.5", 12.5], ["1m30s", 90], ["1h2m3s", 3723], ["2m", 120], ["1:30", 90], ["1:02:03", 3723], ["0", 0], [" 7 ", 7],
  ["", NaN], ["x", NaN], ["-5", NaN], ["1:99", NaN], ["1m1m", NaN], ["s", NaN], [null, NaN], ["1e9", NaN],
]) assert.equal(parseTime(text), want, `parseTime(${JSON.stringify(text)})`);
for (const [seconds, want] of [[0, "0:00"], [7.9, "0:07"], [63, "1:03"], [3723, "1:02:03"], [NaN, "0:00"], [-1, "0:00"]]) {
  assert.equal(clock(seconds), want);
}
for (const [seconds, want] of [[0, "0 seconds"], [1, "1 second"], [63, "1 minute 3 seconds"], [3600, "1 hour"], [7325, "2 hours 2 minutes 5 seconds"]]) {
  assert.equal(spoken(seconds), want);
}
for (const [search, hash, want] of [["?t=8", "", 8], ["?start=9", "", 9], ["", "#t=1:05", 65], ["?t=8", "#t=9", 9], ["?q=1", "#a", NaN]]) {
  assert.equal(addressTime({ search, hash }), want, search + hash);
}

for (const [at, duration, want] of [[0, 24, 0], [8, 24, 8], [23.9, 24, 23.9], [24, 24, 0], [999, 24, 0]]) {
  assert.equal(within(at, duration), want, `${at} of ${duration}`);
}

// Places are few, the newest first, and none at the start or the end of a video.
const kept = new Map();
globalThis.localStorage = { getItem: (k) => kept.get(k) ?? null, setItem: (k, v) => kept.set(k, v) };
const { choice, choose, place, leave } = await load("memory.js");
assert.equal(choice("volume", 1), 1);
choose("volume", 0);
assert.equal(choice("volume", 1), 0);
leave("a", 60, 600);
assert.equal(place("a"), 60);
leave("a", 5, 600);
assert.equal(place("a"), 0);
leave("a", 595, 600);
assert.equal(place("a"), 0);
for (let i = 0; i < 80; i++) leave(`v${i}`, 60, 600);
assert.equal(place("v29"), 0);
assert.equal(place("v30"), 60);
assert.equal(JSON.parse(kept.get("tubelet.places")).length, 50);
kept.set("tubelet.places", "not json");
assert.equal(place("v79"), 0);

// The cutter gives back every byte, cut after each mdat, however the chunks fall.
const { Cutter } = await load("cutter.js");
const box = (kind, size) => {
  const b = new Uint8Array(size).fill(kind.charCodeAt(0));
  new DataView(b.buffer).setUint32(0, size);
  for (let i = 0; i < 4; i++) b[4 + i] = kind.charCodeAt(i);
  return b;
};
const sizes = [["ftyp", 24], ["moov", 300], ["sidx", 60], ["moof", 50], ["mdat", 1000], ["moof", 50], ["mdat", 8], ["moof", 50], ["mdat", 700]];
const file = Buffer.concat(sizes.map(([k, n]) => box(k, n)));
for (const step of [1, 3, 7, 64, 500, 5000]) {
  const cutter = new Cutter();
  const pieces = [];
  for (let at = 0; at < file.length; at += step) pieces.push(...cutter.cut(new Uint8Array(file.subarray(at, at + step))));
  assert.deepEqual(pieces.map((p) => p.length), [1434, 58, 750], `chunks of ${step}`);
  assert.deepEqual(Buffer.concat(pieces), file, `chunks of ${step}`);
}

// How long a picture waits for a second fragment: 2 s of 800 kbit/s, on lines of so many
// times the film's rate, with so many others who begin as well.
const { patience } = await load("early.js");
for (const [times, took, others, want] of [
  [10, 200, 0, 0], [4, 450, 0, 0], [2, 1000, 0, 500], [1, 2000, 0, 1500], [0.5, 4000, 0, 3500], [0.1, 20000, 0, 8000],
  [10, 200, 5, 0], [4, 450, 3, 1500], [2, 1000, 2, 2500], [1, 2000, 5, 8000],
]) {
  assert.equal(patience(200_000, took, 800_000 * times, 800_000, others), want, `${times} times the film's rate, ${others} others`);
}
assert.equal(patience(200_000, 300, 0, 800_000), 0, "all at once, soon");
assert.equal(patience(200_000, 1000, 0, 800_000), 500, "all at once, later");

// Who waits for the first bytes has joined those who may bring them.
Object.assign(globalThis, { addEventListener() {}, location: { href: "http://localhost/" } });
const { Sharing } = await load("sharing.js");
const sharing = new Sharing({}, { renditions: [] }, {});
const joined = [];
sharing.swarm = { play: (height) => joined.push(height) };
sharing.expect(240, 1000);
assert.deepEqual(joined, [240]);

await import("./swarm-modules.mjs");
