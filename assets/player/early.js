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
const asks = [quick, 1400, 2400, 3400]; // milliseconds without a first fragment, after which we ask who is there
const long = 3000; // from which on we leave to others what our server could bring at once

// patience is how many milliseconds to wait for a second fragment, so that the film does
// not stand still after the first, of so many bytes, which took so many milliseconds: until
// others were met and it came as the first did, slower by those who begin with us and share
// the line, less what the first plays. Rates are in bits per second; the line's is 0 while
// it is unknown.
export function patience(bytes, took, rate, film, beginning = 0) {
  if (took < quick) return 0;
  const came = rate > 0 ? (bytes * 8000) / rate : took;
  return Math.min(Math.max(0, meeting + came * (1 + beginning) - (bytes * 8000) / film), mostPatience);
}

export class Early {
  // swarm is how those who share take part, all of it may be left out: took hears of every
  // chunk and its place in the file; on says that we share; ask asks our server who is there;
  // crowded says, after a fragment, that others may have what follows, and no more shall come
  // this way; more returns what they brought of the file from a place on, or null; gather
  // hears that we wait for that, and whether we do for long; hopes says, while we do, whether
  // they may still bring it, others being on their way or not.
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
    this.crowd = { joined: 0, beginning: 0 }; // what our server told us last
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
    for (const ms of asks) setTimeout(() => this.#ask(), ms - (performance.now() - this.began));
    const answer = await this.answer;
    if (!answer.ok) throw new Error(`first seconds: HTTP ${answer.status}`);
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
        if (pieces.length > 0 && this.fragments < gathered && this.#patience > 0 && (enough || this.#told)) {
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

  async #ask() {
    if (this.fragments > 0 || this.stopping || this.stop.signal.aborted || !this.swarm.on?.()) return;
    this.crowd = (await this.swarm.ask?.().catch(() => null)) ?? this.crowd;
  }

  // told says that our server told of others, before we have joined them.
  get #told() {
    return this.swarm.on?.() && this.crowd.joined + this.crowd.beginning > 0;
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
    while (this.fragments < gathered && performance.now() < end && !this.#disturbed && this.swarm.hopes?.(this.crowd.beginning > 0)) {
      const value = this.swarm.more?.(this.at);
      if (value?.length > 0) this.held.push(...this.#cut(value));
      else await new Promise((ok) => setTimeout(ok, otherwise));
    }
    for (const piece of this.held.splice(0)) await this.#append(piece);
  }

  // disturbed says that this start is no longer wanted. Where nothing is shown yet, a seek is
  // only a place to begin at.
  get #disturbed() {
    return this.stopping || this.video.seeking || this.video.currentTime > 0 || this.stop.signal.aborted;
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
