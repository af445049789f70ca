// The early start: the first seconds of a rendition go from one streamed request
// straight into the browser's decoder, without waiting for a playlist or for the
// library that plays the rest. That library then takes over the same buffer, so the
// viewer sees no seam and nothing is loaded twice.

import { Cutter } from "./cutter.js";
import { mime } from "./mime.js";

const otherwise = 200; // milliseconds without bytes, after which we look what others brought
const gathered = 2; // fragments to begin with on a slow line, where there are others
const meeting = 1500; // milliseconds until somebody who was met brings something
const quick = 400; // milliseconds for a first fragment: on such a line nobody waits
const mostPatience = 8000; // milliseconds for the second fragment
const slow = 1000; // from which on for a first fragment we ask once more who is there
const askPatience = 1000;
const long = 3000; // from which on we leave to others what our server could bring at once

// patience is how many milliseconds to wait for a second fragment, so that the film does
// not stand still after the first, of so many bytes, which took so many milliseconds: until
// others were met and it came as the first did, less what the first plays. Those who begin
// with us share the line. Rates are in bits per second; the line's is 0 while it is unknown.
export function patience(bytes, took, rate, film, beginning = 0) {
  if (took < quick) return 0;
  const came = rate > 0 ? (bytes * 8000) / rate : took;
  return Math.min(Math.max(0, meeting + came * (1 + beginning) - (bytes * 8000) / film), mostPatience);
}

export class Early {
  // swarm is how those who share take part, all of it may be left out: took hears of every
  // chunk and its place in the file; on says that we share; crowded says, after a fragment,
  // that others may have what follows, and no more shall come this way; more returns what
  // they brought of the file from a place on, or null; gather hears that we wait for that,
  // and whether we do for long.
  constructor(video, rendition, duration, swarm = {}) {
    Object.assign(this, { video, rendition, duration, swarm });
    this.held = []; // fragments that wait for those which follow
    this.began = performance.now();
    this.stop = new AbortController();
    // A page that plays by itself has asked for the same address in its head.
    this.answer = fetch(rendition.first, { signal: this.stop.signal });
    this.answer.catch(() => {}); // it may fail before run waits for it
    this.buffer = null;
    this.cutter = new Cutter();
    this.at = 0; // bytes of the file that came
    this.read = 0; // those from our server
    this.fragments = 0;
    this.rate = 0; // measured bits per second, 0 while unknown
    this.source = new MediaSource();
    this.done = this.#run();
    this.done.catch(() => {}); // whoever waits for it hears of it
  }

  // possible says whether a rendition can be fed to the decoder by ourselves.
  static possible(rendition) {
    return !!rendition.first && "MediaSource" in window && MediaSource.isTypeSupported(mime(rendition));
  }

  async #run() {
    const opened = new Promise((ok) => this.source.addEventListener("sourceopen", ok, { once: true }));
    this.video.src = URL.createObjectURL(this.source);
    await opened;
    URL.revokeObjectURL(this.video.src);
    this.source.duration = this.duration;
    this.buffer = this.source.addSourceBuffer(mime(this.rendition));
    const answer = await this.answer;
    if (!answer.ok) throw new Error(`first seconds: HTTP ${answer.status}`);
    this.crowd = crowdOf(answer);
    await this.#pump(answer.body.getReader());
    if (this.fragments === 0 && this.at < this.rendition.enough && !this.stopping) await this.#goOn();
    if (this.held.length > 0) await this.#gather();
  }

  // goOn gets the rest of a first fragment that is longer than what was asked for.
  async #goOn() {
    this.read = this.at;
    const headers = { Range: `bytes=${this.at}-${this.rendition.enough - 1}` };
    const answer = await fetch(this.rendition.file, { headers, signal: this.stop.signal });
    if (answer.status === 206) await this.#pump(answer.body.getReader());
  }

  // pump feeds one whole fragment after another, until the request ends or somebody
  // takes over. Browsers show nothing of a fragment before its last byte, and each
  // append costs a round through their processes, so smaller pieces gain nothing.
  async #pump(reader) {
    let began = 0; // counted from the second chunk on: the first may have waited for us
    let bytes = 0;
    let fed = Promise.resolve();
    this.asked = null;
    try {
      while (!this.stopping) {
        const { done, value, others } = await this.#next(reader);
        if (done) break;
        if (others) began = bytes = 0;
        else if (began === 0) began = performance.now();
        else this.rate = ((bytes += value.length) * 8000) / Math.max(1, performance.now() - began);
        if (!others) this.swarm.took?.(this.at, value);
        const pieces = this.#cut(value);
        const enough = pieces.length > 0 && this.swarm.crowded?.();
        if (pieces.length > 0 && this.fragments < gathered && this.#patience > 0 && ((await this.#told()) || enough)) {
          this.held = pieces;
          break;
        }
        for (const piece of pieces) fed = fed.then(() => this.#append(piece));
        if (enough) break;
      }
    } finally {
      reader.cancel().catch(() => {});
      await fed;
    }
  }

  #cut(value) {
    this.at += value.length;
    const pieces = this.cutter.cut(value);
    this.fragments += pieces.length;
    return pieces;
  }

  // told says whether our server told of others, before we have joined them. Of a crowd that
  // comes at once, the first hears of few with its answer, and so asks again.
  async #told() {
    if (!this.swarm.on?.()) return false;
    if (performance.now() - this.began > slow) {
      const asked = fetch(this.rendition.first, { method: "HEAD", cache: "no-store", signal: this.stop.signal });
      this.crowd = await Promise.race([asked.then(crowdOf).catch(() => this.crowd), new Promise((ok) => setTimeout(ok, askPatience, this.crowd))]);
    }
    return this.crowd.joined + this.crowd.beginning > 0;
  }

  get #patience() {
    return patience(this.at, performance.now() - this.began, this.rate, this.rendition.rate, this.crowd.beginning);
  }

  // gather waits for a fragment more, which others bring or our server lets us fetch. A
  // crowd on a slow line begins a little later, and then plays on.
  async #gather() {
    const time = this.#patience;
    this.swarm.gather?.(time > long);
    const end = performance.now() + time;
    const { video } = this;
    while (this.fragments < gathered && performance.now() < end && !this.stopping && !video.seeking && !this.stop.signal.aborted) {
      const value = this.swarm.more?.(this.at);
      if (value?.length > 0) this.held.push(...this.#cut(value));
      else await new Promise((ok) => setTimeout(ok, otherwise));
    }
    for (const piece of this.held.splice(0)) await this.#append(piece);
  }

  // next waits for bytes that follow what came, from our server or, when its line is slow,
  // from others.
  async #next(reader) {
    for (;;) {
      this.asked ??= reader.read();
      const answer = await Promise.race([this.asked, new Promise((ok) => setTimeout(ok, otherwise))]);
      if (!answer) {
        const value = this.swarm.more?.(this.at);
        if (value?.length > 0) return { value, others: true };
        continue;
      }
      this.asked = null;
      if (answer.done) return answer;
      const known = this.at - this.read;
      this.read += answer.value.length;
      if (this.read > this.at) return { value: answer.value.subarray(known) };
    }
  }

  #append(bytes) {
    return new Promise((ok, fail) => {
      this.buffer.addEventListener("updateend", ok, { once: true });
      this.buffer.addEventListener("error", () => fail(new Error("first seconds: not playable")), { once: true });
      this.buffer.appendBuffer(bytes);
    });
  }

  // release stops the loading and gives up the buffer. A fragment under way is worth
  // waiting for, unless it takes long.
  async release() {
    const enough = () => this.buffer?.buffered.length > 0;
    if (!enough()) await Promise.race([this.done, new Promise((ok) => this.video.addEventListener("loadeddata", ok, { once: true }))]);
    this.stopping = true;
    const late = setTimeout(() => this.stop.abort(), 500);
    try {
      await this.done;
    } catch (err) {
      if (err.name !== "AbortError") throw err;
    } finally {
      clearTimeout(late);
    }
    if (this.buffer.updating) await new Promise((ok) => this.buffer.addEventListener("updateend", ok, { once: true }));
    return { mediaSource: this.source, buffer: this.buffer };
  }

  cancel() {
    this.stop.abort();
  }
}

// crowdOf is what an answer of our server tells of others: how many have joined the swarm,
// and how many begin as we do.
function crowdOf(answer) {
  const [joined = 0, beginning = 0] = (answer.headers.get("Tubelet-Crowd") ?? "").split(",").map(Number);
  return { joined, beginning };
}
