// The engine turns a video's description into playing media and hides how: hls.js
// where the browser has Media Source Extensions, the browser's own HLS where it has
// not (older iPhones), and the plain file where all else fails. It begins with the
// early start where it can.
//
// Events, dispatched on the engine: "levels" (the choice or the rendition changed),
// "failed" (gave up; retry() tries again), "recovered".

import { Early } from "./early.js";
import { mime } from "./mime.js";

const retries = 2; // of each rendition; then the viewer is told, and we try again more slowly
const nudges = 4;
const earliest = 10; // seconds, within which a viewer has just begun
const sharedStart = 1 / 3; // of the first seconds: a fragment of two, at the peak rate
const headerBytes = 16384;
const longestWait = 3000; // for a picture once its data is there
const libraryWait = 2500; // for the same before the library is loaded beside it: the line is slow then, and the film goes on with it

export class Engine extends EventTarget {
  constructor(video, data, library, sharing) {
    super();
    this.video = video;
    this.data = data;
    this.library = library;
    this.sharing = sharing;
    this.thrifty = navigator.connection?.saveData === true;
    this.wanted = 0; // chosen height, 0 for automatic
    this.playing = 0; // height on the screen, 0 while unknown
    this.failures = 0;
    this.way = this.#chooseWay();
    sharing.addEventListener("starving", () => this.#starving());
    if (this.way !== "file") {
      video.removeAttribute("src");
      video.load(); // forget the plain file, which would else be asked for as well
    }
  }

  // Some browsers say they play HLS and play it badly (Chromium), so their word is
  // asked for only when there are no Media Source Extensions.
  #chooseWay() {
    const source = window.ManagedMediaSource ?? window.MediaSource;
    if (this.data.hls && source && this.data.renditions.some((r) => source.isTypeSupported(mime(r)))) return "hls";
    if (this.data.hls && this.video.canPlayType("application/vnd.apple.mpegurl")) return "native";
    return "file";
  }

  // The heights one can choose from, highest first; none where we have no say.
  get heights() {
    return this.way === "hls" ? this.data.renditions.map((r) => r.height).filter((h) => h > 0) : [];
  }

  // begin loads the media from the given second on. Later calls do nothing.
  begin(at = 0) {
    if (this.begun) return;
    this.begun = true;
    this.video.preload = "auto";
    if (this.way === "hls") this.#beginHLS(at);
    else this.#beginPlain(this.way === "native" ? this.data.hls : this.data.file, at);
  }

  #beginPlain(address, at) {
    if (this.video.getAttribute("src") !== address) this.video.src = address;
    if (at > 0) this.#whenKnown(() => (this.video.currentTime = at));
  }

  #whenKnown(then) {
    if (this.video.readyState > 0) then();
    else this.video.addEventListener("loadedmetadata", then, { once: true });
  }

  async #beginHLS(at) {
    const first = this.#firstRendition();
    if (at === 0 && Early.possible(first)) {
      this.early = new Early(this.video, this.#shortened(first), this.data.duration, this.#earlySwarm(first.height));
      this.#expectEarly(first.height);
      this.#show(first.height);
      await this.#pictured();
    }
    try {
      const Hls = await this.prepare();
      if (!Hls.isSupported()) throw new Error("no Media Source Extensions");
      this.#attach(Hls, first, at);
    } catch {
      this.#fallBack();
    }
  }

  // shortened asks for less of the first seconds where others may have what follows: of a
  // crowd that comes together, our server sends the first seconds to each. What the page's
  // head has asked for already stays as it is.
  #shortened(first) {
    if (!this.sharing.on || document.querySelector('link[rel="preload"][as="fetch"]')) return first;
    const enough = Number(/first=(\d+)/.exec(first.first)?.[1] ?? 0);
    const short = Math.round(enough * sharedStart) + headerBytes;
    return short < enough ? { ...first, enough, first: first.first.replace(/first=\d+/, `first=${short}`) } : first;
  }

  #earlySwarm(height) {
    const { sharing } = this;
    return {
      took: (offset, bytes) => sharing.keep(height, offset, bytes),
      on: () => sharing.on,
      ask: () => sharing.ask(height),
      crowded: () => sharing.crowded,
      more: (at) => sharing.more(height, at),
      gather: (long) => sharing.gather(height, long),
      hopes: (beginning) => sharing.hopes(beginning),
    };
  }

  // expectEarly tells those who share which bytes are on their way already.
  #expectEarly(height) {
    const over = () => this.sharing.expect(height, 0);
    this.sharing.expect(height, Number(/first=(\d+)/.exec(this.early.rendition.first)?.[1] ?? 0));
    this.early.done.then(over, over);
  }

  // pictured waits until the early start shows a picture, fails, or takes too long. The
  // library must not load beside it, for speed; and WebKitGTK stands still when a
  // buffer gets another rendition before its first picture.
  #pictured() {
    return new Promise((ok) => {
      this.video.addEventListener("loadeddata", ok, { once: true });
      this.early.done.then(() => setTimeout(ok, this.video.currentTime > 0 ? 0 : longestWait), ok);
      const prepare = () => this.prepare().catch(() => {}); // who waits for it hears of it
      setTimeout(() => this.sharing.acquainted().then(prepare, prepare), libraryWait);
    });
  }

  // prepare loads the library, once.
  prepare() {
    if (this.way !== "hls") return Promise.resolve();
    this.loading ??= new Promise((ok, fail) => {
      if (window.Hls) return ok(window.Hls);
      const script = document.createElement("script");
      script.src = this.library;
      script.onload = () => ok(window.Hls);
      script.onerror = () => fail(new Error("player library did not load"));
      document.head.append(script);
    });
    return this.loading;
  }

  // What was chosen, or what the page says is good for a start; for a viewer who asked
  // the browser to save data, the smallest.
  #firstRendition() {
    const list = this.data.renditions;
    const height = this.wanted || (this.thrifty ? 0 : this.data.begin);
    return list.find((r) => r.height === height) ?? list[list.length - 1];
  }

  #attach(Hls, first, at) {
    const hls = (this.hls = new Hls(this.#config(Hls, first)));
    hls.on(Hls.Events.ERROR, (_, problem) => this.#trouble(Hls, problem));
    hls.on(Hls.Events.LEVEL_SWITCHED, (_, { level }) => this.#show(hls.levels[level]?.height));
    hls.on(Hls.Events.LEVEL_LOADED, (_, { details }) => this.sharing.know(details.fragments));
    hls.on(Hls.Events.FRAG_BUFFERED, () => this.#fine());
    hls.on(Hls.Events.MEDIA_ATTACHED, () => (this.handing = false));
    hls.on(Hls.Events.MANIFEST_PARSED, () => this.#manifest(Hls, hls, first, at));
    if (!this.early) hls.attachMedia(this.video);
    hls.loadSource(this.data.hls);
  }

  // Everything about how the rest is loaded stands here, with the loader of fragments
  // that lets viewers share them.
  #config(Hls, first) {
    const patient = { maxNumRetry: retries, retryDelayMs: 500, maxRetryDelayMs: 8000, backoff: "exponential" };
    const policy = { default: { maxTimeToFirstByteMs: 10000, maxLoadTimeMs: 60000, timeoutRetry: patient, errorRetry: patient } };
    return {
      enableWorker: false, // its blob: worker is refused by our policy, and our files need no repacking
      autoStartLoad: false,
      startFragPrefetch: true,
      capLevelToPlayerSize: true,
      testBandwidth: false,
      abrEwmaDefaultEstimate: this.early?.rate || first.rate * 1.5,
      maxBufferLength: this.thrifty ? 12 : 30,
      maxMaxBufferLength: this.thrifty ? 20 : 60,
      backBufferLength: 60,
      ...this.#shared(Hls, first),
      fragLoadPolicy: policy,
      playlistLoadPolicy: policy,
      manifestLoadPolicy: policy,
    };
  }

  // By its own rule hls.js would buffer up to 60 MB ahead, and there would be nothing left
  // to get from others in time.
  #shared(Hls, first) {
    if (!this.sharing.possible) return {};
    const { loader, abrController } = Hls.DefaultConfig;
    return {
      fLoader: this.sharing.loader(loader, () => this.hls?.bandwidthEstimate || first.rate),
      abrController: this.sharing.chooser(abrController),
      maxBufferSize: 1,
    };
  }

  async #manifest(Hls, hls, first, at) {
    const level = hls.levels.findIndex((l) => (l.height && this.#rows(l) === first.height) || l.url[0].endsWith(stem(first.file)));
    hls.startLevel = level;
    if (this.thrifty) hls.autoLevelCapping = Math.max(level, 0);
    if (this.early) {
      try {
        await this.#handOver(Hls, hls, first);
        return;
      } catch {
        at = this.video.currentTime;
        this.early = null;
        hls.attachMedia(this.video);
      }
    }
    // For the same reason as in pictured, one rendition until there is a picture.
    hls.loadLevel = level;
    this.video.addEventListener("loadeddata", () => this.#applyChoice(), { once: true });
    hls.startLoad(at > 0 ? at : -1);
  }

  // handOver gives the early start's buffer to hls.js, which loads from its end on.
  async #handOver(Hls, hls, first) {
    const { mediaSource, buffer } = await this.early.release();
    const ranges = buffer.buffered;
    if (ranges.length === 0) throw new Error("nothing buffered");
    const track = { id: "main", buffer, codec: first.codecs, container: "video/mp4", levelCodec: first.codecs };
    this.handing = true; // until hls.js has its first fragment
    hls.attachMedia({ media: this.video, mediaSource, tracks: { audiovideo: track } });
    const here = this.video.currentTime;
    this.earlyEnd = ranges.end(0);
    const next = here <= ranges.end(0) ? ranges.end(0) : here;
    // A playlist's arrival resets the position to the start; say it again then.
    hls.once(Hls.Events.LEVEL_UPDATED, () => hls.startLoad(next, true));
    hls.startLoad(next, true);
    this.early = null;
    this.#applyChoice();
  }

  // The ladder names a rendition by its short side; hls.js knows the picture's rows.
  #rows(level) {
    return Math.min(level.width, level.height);
  }

  #levelOf(height) {
    const r = this.data.renditions.find((one) => one.height === height);
    return r ? this.hls.levels.findIndex((l) => l.url[0].endsWith(stem(r.file))) : -1;
  }

  #show(height) {
    if (!height) return;
    const exact = this.data.renditions.find((r) => r.height === height);
    const level = this.hls?.levels.find((l) => l.height === height);
    this.playing = exact ? height : level ? this.#rows(level) : height;
    this.dispatchEvent(new Event("levels"));
  }

  // choose fixes the rendition by height; 0 leaves it to the measured speed.
  choose(height) {
    this.wanted = height;
    this.#applyChoice();
    this.dispatchEvent(new Event("levels"));
  }

  #applyChoice() {
    if (!this.hls?.levels?.length || this.early) return;
    const level = this.wanted ? this.#levelOf(this.wanted) : -1;
    if (level >= 0) {
      this.hls.nextLevel = level;
      this.#forgetEarly();
    } else if (!this.hls.autoLevelEnabled) {
      this.hls.loadLevel = -1;
    }
  }

  // hls.js does not know the early start's fragments, so it would play them to their
  // end, and keep all that follows, before it changes over.
  #forgetEarly() {
    const from = this.video.currentTime + 2;
    if (from > this.earlyEnd + 2) return;
    this.hls.trigger("hlsBufferFlushing", { startOffset: from, endOffset: Infinity, type: null });
  }

  // beginLower takes a lower rendition when the server asks a viewer who has just begun;
  // it says whether there is one to take.
  beginLower(height) {
    const lower = this.hls?.levels ? this.#levelOf(height) : -1;
    if (this.wanted || lower < 0 || lower >= this.hls.loadLevel || this.video.played.length > 1 || this.video.currentTime > earliest) return false;
    this.sharing.cap = lower;
    return true;
  }

  // starving is the way out when neither peers nor our server bring a rendition in time.
  #starving() {
    if (this.wanted || !this.hls || this.hls.loadLevel <= 0) return;
    this.sharing.cap = this.hls.loadLevel - 1;
    this.hls.stopLoad();
    this.hls.startLoad(this.video.currentTime);
  }

  #trouble(Hls, problem) {
    if (!problem.fatal) return this.handing && this.#nudge();
    this.failures++;
    if (problem.type === Hls.ErrorTypes.MEDIA_ERROR && this.failures <= 2) return this.hls.recoverMediaError();
    if (problem.type === Hls.ErrorTypes.NETWORK_ERROR) return this.#fail();
    this.#fallBack();
  }

  // While it waits for its first fragment to take over a buffer, hls.js does not ask
  // again for one that failed.
  #nudge() {
    if (++this.failures > nudges) return this.#fail();
    const { hls } = this;
    setTimeout(() => this.handing && this.hls === hls && hls.startLoad(this.video.currentTime), 500 * this.failures);
  }

  #fine() {
    this.failures = 0;
    if (!this.failed) return;
    this.failed = false;
    this.dispatchEvent(new Event("recovered"));
  }

  #fail() {
    this.failed = true;
    this.dispatchEvent(new Event("failed"));
  }

  // fallBack plays the plain file from where we are, and leaves the choice of
  // rendition. Where even that was tried, we have failed.
  #fallBack() {
    if (this.way === "file") return this.#fail();
    const at = this.video.currentTime;
    const wasPlaying = !this.video.paused;
    this.#drop();
    this.way = "file";
    this.playing = 0;
    this.#beginPlain(this.data.file, at);
    if (wasPlaying) this.video.play().catch(() => {});
    this.dispatchEvent(new Event("levels"));
  }

  #drop() {
    this.early?.cancel();
    this.early = null;
    this.hls?.destroy();
    this.hls = null;
  }

  // broken is for errors of the element itself, which hls.js does not report.
  broken() {
    if (this.hls) return; // it hears of them and recovers
    if (this.way === "file") this.#fail();
    else this.#fallBack();
  }

  // retry goes on after a failure.
  retry() {
    this.failures = 0;
    if (this.hls?.levels?.length) return this.hls.startLoad(this.video.currentTime);
    const at = this.video.currentTime;
    this.#drop();
    this.loading = undefined;
    this.begun = false;
    this.way = this.#chooseWay();
    if (this.way === "file") this.video.removeAttribute("src");
    this.begin(at);
  }
}

function stem(file) {
  return file.slice(file.lastIndexOf("/") + 1).replace(/\.[a-z0-9]+$/, ".m3u8");
}
