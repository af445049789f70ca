// Says why a run came out as it did: which bytes the origin sent first and which again,
// to whom, when, and where the stalls sit.
//
//   node trace.mjs results/1123-0218.jsonl [line, from 1; default the last]

import { readFileSync } from "node:fs";

const lines = readFileSync(process.argv[2], "utf8").trim().split("\n");
const run = JSON.parse(lines.at(Number(process.argv[3] ?? lines.length) - 1));
const { size, viewers } = run;
const X = (bytes) => (bytes / size).toFixed(3);
const length = Math.max(...viewers.map((v) => v.played));

console.log(`${run.cell} ${run.way} repeat ${run.repeat}: cap ${run.cap / 1e6} Mbit/s, ${run.seconds.toFixed(0)} s, load ${run.load}, busy ${(100 * run.busy).toFixed(0)} %, server CPU ${run.cpu} s, wire ${X(run.wire)} X`);
viewers.forEach((v, i) => {
  console.log(
    `viewer ${i}: up ${run.uplinks[i] / 1e6} Mbit/s, first frame ${v.firstFrame} ms, http ${X(v.http)} in ${v.requests.length} requests, peers in ${X(v.p2pIn)} out ${X(v.p2pOut)}, ` +
      `${v.ended ? "ended" : `stands at ${v.played}`}, late ${v.late}, stalls ${v.stalls.map((s) => `${s.seconds} s at ${s.at} (t=${(s.begin / 1000).toFixed(0)})`).join(", ") || "none"}`,
  );
  for (const f of v.faults) console.log(`  fault: ${f.split("\n")[0]}`);
});

// Every answer as the part of the file that came, in the order in which answers began.
const answers = viewers
  .flatMap((v, i) => v.requests.map(([from, first, to, range, bytes, status, leased, failed]) => ({ viewer: i, from, first, to, ...place(range), bytes, status, leased, failed })))
  .filter((a) => a.bytes > 0)
  .sort((a, b) => a.first - b.first);

function place(range) {
  const m = /bytes=(\d+)-/.exec(range);
  return { start: m ? Number(m[1]) : 0, range };
}

const cell = 4096; // fine enough to tell pieces apart
const copies = new Uint8Array(Math.ceil(size / cell));
const bucket = new Map();
const repeats = [];
for (const a of answers) {
  let fresh = 0, again = 0;
  for (let at = a.start; at < a.start + a.bytes; at += cell) {
    const n = Math.min(cell, a.start + a.bytes - at);
    const i = Math.floor(at / cell);
    if (copies[i]++ === 0) fresh += n;
    else again += n;
  }
  const key = Math.floor(a.first / 10000);
  const b = bucket.get(key) ?? { fresh: 0, again: 0, start: 0, leased: 0 };
  b.fresh += fresh;
  b.again += again;
  if (a.leased) b.leased += a.bytes;
  bucket.set(key, b);
  if (again > 0) repeats.push({ ...a, again });
}
const total = [...bucket.values()].reduce((t, b) => ({ fresh: t.fresh + b.fresh, again: t.again + b.again, leased: t.leased + b.leased }), { fresh: 0, again: 0, leased: 0 });
console.log(`origin: first copies ${X(total.fresh)} X, again ${X(total.again)} X; with a lease ${X(total.leased)} X`);
console.log("by 10 s:    first   again  leased");
for (const [key, b] of [...bucket].sort((a, b) => a[0] - b[0])) console.log(`  ${String(key * 10).padStart(4)} s  ${X(b.fresh)}  ${X(b.again)}  ${X(b.leased)}`);

console.log(`again, all ${repeats.length} (when s, viewer, film second about, bytes, lease, way it ended):`);
for (const r of repeats.slice(0, Number(process.env.MANY ?? 60))) {
  console.log(`  ${(r.first / 1000).toFixed(1).padStart(6)}  v${r.viewer}  ${((r.start / size) * length).toFixed(1).padStart(6)} s  ${String(r.again).padStart(8)} of ${String(r.bytes).padStart(8)}  ${r.leased ? "lease" : "     "} ${r.range.slice(0, 40)} ${r.failed}`);
}

const others = viewers[0].others ?? [];
console.log(`beside the media, viewer 0 (begin s, end s, bytes): ${others.filter((o) => o[2] > 3000).map((o) => `${(o[0] / 1000).toFixed(1)}-${(o[1] / 1000).toFixed(1)} ${o[2]} ${o[3].split("/").at(-1)}`).join(", ")}`);

console.log("every 15 s: position/ahead/stalled of each viewer");
for (let t = 5000; t < run.seconds * 1000; t += 15000) {
  console.log(`  ${String(t / 1000).padStart(4)} s  ` + viewers.map((v) => {
    const s = v.states.findLast((s) => s[0] <= t);
    return s ? `${s[1].toFixed(0)}/${s[2].toFixed(0)}${s[3] ? "!" : ""} p${s[7]}`.padEnd(13) : "-".padEnd(13);
  }).join(""));
}
