// Sharing among viewers, as the player sees it: whether it may happen, the viewer's
// switch, and the loader that lets fragments come from others. What does the sharing is
// swarm.js, and that is not even loaded before the first play, or while the switch is off.
//
// Events: "change" (anything that the panel shows), "busy" (detail: the height at which
// the server asks new viewers to start), "starving" (nothing comes in time).

import { choice, choose } from "./memory.js";

const off = Object.freeze({ state: "off", peers: 0, viewers: 0, mirrors: 0, fromViewers: 0, fromMirrors: 0, fromServer: 0, given: 0 });
const enoughAhead = 3; // seconds in the buffer, with which nothing is changed for speed
const capFor = 60000;
const pictureFirst = 1500; // milliseconds
const mostEarly = 4 * 1024 * 1024; // bytes kept before swarm.js is there

export class Sharing extends EventTarget {
  // scripts are the addresses of swarm.js and of webtorrent.js.
  constructor(video, data, scripts) {
    super();
    Object.assign(this, { video, data, scripts });
    this.kept = []; // what was loaded before swarm.js was there
    this.keptBytes = 0;
    this.heights = new Map(data.renditions.map((r) => [pathOf(r.file), r.height]));
    addEventListener("pagehide", () => this.#stop());
    addEventListener("pageshow", (event) => event.persisted && this.started && this.start());
  }

  // possible says whether this page could share at all: the creator allows it, and the
  // browser can connect to others and check what they send.
  get possible() {
    const { swarm } = this.data;
    return !!swarm && swarm.mode !== "off" && !!this.scripts.swarm && "RTCPeerConnection" in window && !!window.crypto?.subtle && origin !== "null";
  }

  // thrifty says that the viewer's line is not one to upload on without being asked to.
  get thrifty() {
    const line = navigator.connection;
    return line?.saveData === true || line?.type === "cellular";
  }

  // asking says that the creator wants viewers to be asked, and this one has not answered.
  get asking() {
    return this.possible && this.data.swarm.mode === "ask" && choice("share", null) === null && !this.thrifty;
  }

  get on() {
    if (!this.possible) return false;
    if (this.thrifty) return this.chosen === true;
    return choice("share", this.data.swarm.mode === "on");
  }

  // set is the viewer's switch, remembered in this browser.
  set(on) {
    this.chosen = on;
    choose("share", on);
    if (!on) this.#stop();
    else if (this.started) this.start();
    this.#changed();
  }

  // crowded says that the server told us of others, who may have what comes next.
  get crowded() {
    return (this.swarm?.crowd ?? 0) > 0;
  }

  get figures() {
    return this.swarm?.figures ?? off;
  }

  // start is called at the first play.
  start() {
    this.started = true;
    if (!this.on || this.swarm || this.loading) return;
    this.loading = this.#begin().catch(() => {}); // nothing is lost but the sharing
    this.loading.finally(() => (this.loading = null));
  }

  // The first picture goes first, unless it takes long or waits for others.
  async #begin() {
    const hurried = new Promise((ok) => (this.hurry = ok));
    await Promise.race([hurried, this.#until("loadeddata", () => this.video.readyState >= 2, pictureFirst)]);
    const { Swarm } = await import(this.scripts.swarm);
    if (this.on) this.#join(new Swarm(this.video, this.#described(), this.scripts.webtorrent));
  }

  #until(event, done, patience) {
    return new Promise((ok) => {
      if (done()) return ok();
      this.video.addEventListener(event, ok, { once: true });
      setTimeout(ok, patience);
    });
  }

  // described is what the page says of the swarm, each rendition with its file.
  #described() {
    const fileOf = (height) => this.data.renditions.find((r) => r.height === height)?.file;
    const { swarm } = this.data;
    return { ...swarm, duration: this.data.duration, renditions: swarm.renditions.map((r) => ({ ...r, file: fileOf(r.height) })).filter((r) => r.file) };
  }

  #join(swarm) {
    this.swarm = swarm;
    swarm.coming = this.coming ?? swarm.coming;
    swarm.addEventListener("change", () => this.#changed());
    swarm.addEventListener("starving", () => this.dispatchEvent(new Event("starving")));
    swarm.addEventListener("hint", (e) => e.detail.short && this.dispatchEvent(new CustomEvent("busy", { detail: e.detail.height })));
    for (const [height, segments] of this.known ?? []) swarm.know(height, segments);
    for (const { height, offset, bytes } of this.kept.splice(0)) swarm.keep(height, offset, bytes);
    if (this.height) swarm.play(this.height);
    this.#changed();
  }

  #stop() {
    this.swarm?.close();
    this.swarm = null;
    this.kept = [];
    this.keptBytes = 0;
  }

  #changed() {
    this.dispatchEvent(new Event("change"));
  }

  // keep takes what the player loaded from our server by itself.
  keep(height, offset, bytes) {
    this.height ??= height;
    if (this.swarm) return this.swarm.keep(height, offset, bytes);
    if (!this.on || (this.keptBytes += bytes.length) > mostEarly) return;
    this.kept.push({ height, offset, bytes });
  }

  // more returns what others brought of a rendition from a place in its file on, or null.
  more(height, at) {
    return this.swarm?.more(height, at) ?? null;
  }

  // expect says that the first bytes of a rendition, up to one, are on their way from our
  // server; 0 that they are no more. While the player waits long, it leaves more to others.
  expect(height, to, gathering = false) {
    this.coming = { height, to, gathering };
    this.height ??= height;
    if (!this.swarm) return;
    this.swarm.coming = this.coming;
    this.swarm.play(this.height); // before anything came: others may bring it sooner
  }

  // gather says that the picture waits for others.
  gather(height, long) {
    this.expect(height, 0, long);
    this.hurry?.();
  }

  // ask asks our server who is there for a rendition: how many have joined, and how many
  // begin as we do. It is asked while the first seconds come slowly, and counts us from then on.
  async ask(height) {
    const { infohash } = this.data.swarm.renditions.find((r) => r.height === height);
    const answer = await fetch(`/tracker/crowd?info_hash=${infohash}`);
    if (!answer.ok) return null;
    const { joined, beginning } = await answer.json();
    return { joined: this.swarm ? this.swarm.crowd : joined, beginning };
  }

  // hopes says whether others may still bring something, beginning that there are some who
  // have not joined yet.
  hopes(beginning) {
    return this.on && (!!this.loading || !!this.swarm?.hopes(beginning));
  }

  // acquainted ends when the scripts are loaded that bring others' bytes, or need not be.
  async acquainted() {
    await this.loading;
    await this.swarm?.acquainted();
  }

  // know takes the fragments of a rendition as hls.js lists them.
  know(fragments) {
    const height = this.heights.get(pathOf(fragments[0]?.url ?? ""));
    if (height === undefined) return;
    const segments = fragments.map((f) => ({ start: f.start, duration: f.duration, from: f.byteRangeStartOffset, to: f.byteRangeEndOffset }));
    this.known ??= new Map();
    this.known.set(height, segments);
    this.swarm?.know(height, segments);
  }

  // loader returns hls.js's own loader of fragments, extended by ours. estimate returns
  // the speed that hls.js believes in now, in bits per second.
  loader(Plain, estimate) {
    const sharing = this;
    return class extends Plain {
      load(context, config, callbacks) {
        const part = sharing.on ? sharing.#part(context) : null;
        if (!part) return super.load(context, config, callbacks);
        this.context = context;
        this.stopped = new AbortController();
        // hls.js would give up a fragment that seems to load too slowly; one that is
        // loaded it leaves alone.
        this.stats.loaded = this.stats.total = 1;
        this.#load(part, context, config, callbacks);
      }

      async #load(part, context, config, callbacks) {
        const { signal } = this.stopped;
        const bytes = await sharing.read(part, signal).catch(() => null);
        if (signal.aborted) return;
        this.stopped = null;
        this.stats.loaded = this.stats.total = 0;
        if (bytes) this.#deliver(bytes, context, callbacks);
        else this.#plain(part, context, config, callbacks);
      }

      // plain lets hls.js load by itself, and notes that it does.
      #plain(part, context, config, callbacks) {
        this.sent = sharing.swarm?.loads(part.height, part.from, part.to);
        const ending = (what) => (...all) => {
          this.#end();
          what?.(...all);
        };
        super.load(context, config, {
          ...callbacks, onError: ending(callbacks.onError), onTimeout: ending(callbacks.onTimeout),
          onSuccess: ending((answer, ...rest) => {
            sharing.keep(part.height, part.from, new Uint8Array(answer.data));
            callbacks.onSuccess(answer, ...rest);
          }),
        });
      }

      #end() {
        this.sent?.();
        this.sent = null;
      }

      // Memory answers at once, and peers say nothing of our server's line. The choice of
      // rendition goes by that line, so it is told as if the bytes had come over it.
      #deliver(bytes, context, callbacks) {
        const { stats } = this;
        const now = performance.now();
        const ms = (bytes.length * 8000) / (sharing.lineRate || estimate());
        Object.assign(stats, { loaded: bytes.length, total: bytes.length, chunkCount: 1, bwEstimate: (bytes.length * 8000) / ms });
        Object.assign(stats.loading, { start: now - ms, first: now - ms, end: now });
        callbacks.onSuccess({ url: context.url, data: bytes.buffer, code: 206 }, stats, context, null);
      }

      abort() {
        this.#end();
        if (!this.stopped) return super.abort();
        this.stopped.abort();
        this.stopped = null;
        this.stats.aborted = true;
      }

      destroy() {
        this.#end();
        this.stopped?.abort();
        this.stopped = null;
        super.destroy();
      }
    };
  }

  // chooser returns hls.js's own choice of rendition, held back while others carry the
  // bytes: no better picture while pieces are late, and no worse one for the speed of our
  // server alone, which peers make up for. Each change splits a small swarm.
  chooser(Plain) {
    const sharing = this;
    return class extends Plain {
      get nextAutoLevel() {
        const next = Math.min(super.nextAutoLevel, sharing.highest);
        const now = this.hls?.loadLevel ?? -1;
        return now >= 0 && now <= sharing.highest && sharing.holds(next - now) ? now : next;
      }

      set nextAutoLevel(level) {
        super.nextAutoLevel = level;
      }
    };
  }

  // cap keeps the choice at a level or below, for a while.
  set cap(level) {
    this.capped = { level, until: performance.now() + capFor };
  }

  get highest() {
    return this.capped && performance.now() < this.capped.until ? this.capped.level : Infinity;
  }

  // holds says that the rendition shall stay though hls.js wants a better one (step > 0)
  // or a worse.
  holds(step) {
    if (!this.swarm || this.swarm.alone) return false;
    if (step > 0) return this.swarm.hurried;
    return step < 0 && this.swarm.ahead > enoughAhead;
  }

  #part(context) {
    const { frag, rangeStart: from, rangeEnd: to } = context;
    const height = this.heights.get(pathOf(context.url));
    if (height === undefined || !frag || frag.sn === "initSegment" || !(to > from)) return null;
    return { height, from, to, start: frag.start };
  }

  async read({ height, from, to, start }, signal) {
    this.height = height;
    if (this.loading && start - this.video.currentTime > 1) await Promise.race([this.loading, new Promise((ok) => setTimeout(ok, 1000))]);
    return this.swarm ? this.swarm.read(height, from, to, start, signal) : null;
  }

  // lineRate is how fast our server was of late, in bits per second.
  get lineRate() {
    return (this.swarm?.origin.rate ?? 0) * 8;
  }
}

function pathOf(address) {
  return new URL(address, location.href).pathname;
}
