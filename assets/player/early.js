// The early start: the first seconds of a rendition go from one streamed request
// straight into the browser's decoder, without waiting for a playlist or for the
// library that plays the rest. That library then takes over the same buffer, so the
// viewer sees no seam and nothing is loaded twice.

import { firstSeconds, mime } from "./first.js";

export class Early {
  // asked is the request that the page has already sent, if it has.
  constructor(video, data, rendition, asked) {
    this.video = video;
    this.data = data;
    this.rendition = rendition;
    this.stop = asked?.stop ?? new AbortController();
    this.answer = asked?.answer ?? firstSeconds(data, rendition, this.stop.signal);
    this.boxes = new Boxes();
    this.buffer = null;
    this.rate = 0; // measured bits per second, 0 while unknown
    this.source = new MediaSource();
    this.done = this.#run();
    this.done.catch(() => {}); // whoever waits for it hears of it
  }

  async #run() {
    const opened = new Promise((ok) => this.source.addEventListener("sourceopen", ok, { once: true }));
    this.video.src = URL.createObjectURL(this.source);
    await opened;
    URL.revokeObjectURL(this.video.src);
    this.source.duration = this.data.duration;
    this.buffer = this.source.addSourceBuffer(mime(this.rendition));
    const answer = await this.answer;
    if (!answer.ok) throw new Error(`first seconds: HTTP ${answer.status}`);
    await this.#pump(answer.body.getReader());
  }

  // pump feeds what arrives until the request ends or somebody takes over; then it
  // goes on to the end of the fragment at hand, so that no half one is left behind.
  async #pump(reader) {
    const began = performance.now();
    let bytes = 0;
    while (true) {
      const { done, value } = await reader.read();
      if (done) return;
      bytes += value.length;
      this.rate = (bytes * 8000) / Math.max(1, performance.now() - began);
      const end = this.stopping ? this.boxes.end(value) : -1;
      this.boxes.pass(value);
      await this.#append(end < 0 ? value : value.subarray(0, end));
      if (end >= 0) return reader.cancel();
    }
  }

  #append(bytes) {
    return new Promise((ok, fail) => {
      this.buffer.addEventListener("updateend", ok, { once: true });
      this.buffer.addEventListener("error", () => fail(new Error("first seconds: not playable")), { once: true });
      this.buffer.appendBuffer(bytes);
    });
  }

  // release stops the loading and gives up the buffer.
  async release() {
    this.stopping = true;
    const late = setTimeout(() => this.stop.abort(), 1500);
    try {
      await this.done;
    } catch (err) {
      if (err.name !== "AbortError") throw err;
    } finally {
      clearTimeout(late);
    }
    if (this.buffer.updating) await new Promise((ok) => this.buffer.addEventListener("updateend", ok, { once: true }));
    if (this.source.readyState === "open") this.buffer.abort(); // forget a half fragment
    return { mediaSource: this.source, buffer: this.buffer };
  }

  cancel() {
    this.stop.abort();
  }
}

// Boxes follows the top-level boxes of an MP4 file through a stream of chunks, to
// know where a fragment (a moof box and its mdat) ends. ISO/IEC 14496-12, 4.2.
class Boxes {
  left = 0; // bytes of the present box still to come
  head = []; // bytes of a header that is not whole yet
  kind = "";

  pass(chunk) {
    this.#walk(chunk, () => false);
  }

  // end returns where in chunk the first mdat ends, or -1. It does not move on.
  end(chunk) {
    const copy = Object.assign(new Boxes(), { left: this.left, head: [...this.head], kind: this.kind });
    return copy.#walk(chunk, (kind) => kind === "mdat");
  }

  #walk(chunk, until) {
    let at = 0;
    while (at < chunk.length) {
      if (this.left > 0) {
        const step = Math.min(this.left, chunk.length - at);
        this.left -= step;
        at += step;
        if (this.left === 0 && until(this.kind)) return at;
        continue;
      }
      this.head.push(chunk[at++]);
      if (this.head.length === 8) this.#open();
    }
    return -1;
  }

  // Sizes of 0 and 1 (to the end, 64 bits) do not occur in our files; taken as
  // endless, they only mean that no end is found.
  #open() {
    const h = this.head;
    const size = h[0] * 2 ** 24 + h[1] * 65536 + h[2] * 256 + h[3];
    this.kind = String.fromCharCode(...h.slice(4));
    this.left = size > 8 ? size - 8 : Infinity;
    this.head = [];
  }
}
