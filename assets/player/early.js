// The early start: the first seconds of a rendition go from one streamed request
// straight into the browser's decoder, without waiting for a playlist or for the
// library that plays the rest. That library then takes over the same buffer, so the
// viewer sees no seam and nothing is loaded twice.

import { Cutter } from "./cutter.js";
import { mime } from "./mime.js";

const otherwise = 200; // milliseconds without bytes, after which we look what others brought

export class Early {
  // took, where given, hears of every chunk and its place in the file; brief says, after
  // a fragment, that no more of them shall come this way; more returns what others brought
  // of the file from a place on, or null.
  constructor(video, rendition, duration, took, brief = () => false, more = () => null) {
    this.video = video;
    this.took = took;
    this.brief = brief;
    this.more = more;
    this.rendition = rendition;
    this.duration = duration;
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
    await this.#pump(answer.body.getReader());
    if (this.fragments === 0 && this.at < this.rendition.enough && !this.stopping) await this.#goOn();
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
        if (!others) this.took?.(this.at, value);
        this.at += value.length;
        const pieces = this.cutter.cut(value);
        this.fragments += pieces.length;
        for (const piece of pieces) fed = fed.then(() => this.#append(piece));
        if (pieces.length > 0 && this.brief()) break;
      }
    } finally {
      reader.cancel().catch(() => {});
      await fed;
    }
  }

  // next waits for bytes that follow what came, from our server or, when its line is slow,
  // from others.
  async #next(reader) {
    for (;;) {
      this.asked ??= reader.read();
      const answer = await Promise.race([this.asked, new Promise((ok) => setTimeout(ok, otherwise))]);
      if (!answer) {
        const value = this.more(this.at);
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
