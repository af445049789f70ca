// Byte ranges from our own server, a few at a time, nearest first. Bytes are handed on as
// they come, so that what arrived of a broken answer is not asked again.

const fetchesAtOnce = 3; // HTTP/1.1 has six connections a host, and the page needs some
const silence = 20000; // milliseconds without a byte

export class Origin {
  constructor() {
    this.ticket = ""; // by which our server knows us; it gives it when we join
    this.waiting = [];
    this.running = new Set();
    this.loads = new Set(); // what is on its way: { file, from, to }
    this.rate = 0; // bytes a second, as measured; 0 while unknown
    this.bytes = 0;
  }

  // fetch asks for bytes from..to of a file; take(offset, bytes) gets them as they come.
  // The promise ends when all came, and fails with what went wrong.
  fetch(file, from, to, slack, take) {
    const sent = this.sends(file, from, to);
    return new Promise((ok, fail) => {
      const job = { file, from, to, slack, take, ok, fail, stop: new AbortController() };
      this.waiting.push(job);
      this.waiting.sort((a, b) => a.slack - b.slack);
      this.#next();
    }).finally(sent);
  }

  // sends notes that from..to of a file is on its way, by whatever way, so that nobody asks for
  // it again. The function that it returns is to be called when that ended.
  sends(file, from, to) {
    const load = { file, from, to };
    this.loads.add(load);
    return () => this.loads.delete(load);
  }

  // sending returns what is on its way of a file.
  sending(file) {
    return [...this.loads].filter((l) => l.file === file);
  }

  get busy() {
    return this.running.size + this.waiting.length;
  }

  #next() {
    while (this.running.size < fetchesAtOnce && this.waiting.length > 0) {
      const job = this.waiting.shift();
      this.running.add(job);
      this.#run(job).then(job.ok, job.fail).finally(() => {
        this.running.delete(job);
        this.#next();
      });
    }
  }

  async #run(job) {
    let timer;
    const alive = () => {
      clearTimeout(timer);
      timer = setTimeout(() => job.stop.abort(), silence);
    };
    alive();
    try {
      const answer = await fetch(job.file, {
        headers: { Range: `bytes=${job.from}-${job.to - 1}`, ...(this.ticket && { "Tubelet-Viewer": this.ticket }) }, signal: job.stop.signal, cache: "no-store",
      });
      if (answer.status !== 206) throw new Error(`range of a video: HTTP ${answer.status}`);
      await this.#pour(answer.body.getReader(), job, alive);
    } finally {
      clearTimeout(timer);
    }
  }

  async #pour(reader, job, alive) {
    let at = job.from;
    let began = 0;
    let counted = 0;
    while (at < job.to) {
      const { done, value } = await reader.read();
      if (done) throw new Error("range of a video ended early");
      alive();
      // The first bytes say when the answer began, not how fast it is.
      if (began === 0) began = performance.now();
      else counted += value.length;
      this.bytes += value.length;
      job.take(at, value.subarray(0, job.to - at));
      at += value.length;
    }
    this.#measure(counted, performance.now() - began);
  }

  // measure keeps an average, in which an answer counts by its size.
  #measure(bytes, ms) {
    if (bytes < 16384 || ms <= 0) return;
    const rate = (bytes * 1000) / Math.max(ms, 1);
    const weight = Math.min(0.5, bytes / (1024 * 1024));
    this.rate = this.rate === 0 ? rate : this.rate * (1 - weight) + rate * weight;
  }

  close() {
    for (const job of this.running) job.stop.abort();
    for (const job of this.waiting.splice(0)) job.fail(new Error("closed"));
  }
}
