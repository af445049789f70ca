// The player: our own controls over the page's <video>. Without this script the
// element keeps the browser's controls and plays the plain file; with it, it gains
// renditions, chapters, previews and keys. Each part of the controls has a module.

import { el } from "./dom.js";
import { addressTime, parseTime, spoken, within } from "./time.js";
import { choice, choose, place, leave } from "./memory.js";
import { Engine } from "./engine.js";
import { Sharing } from "./sharing.js";
import { makeSharePanel, askToShare } from "./sharepanel.js";
import { makeBar } from "./bar.js";
import { showCaptions } from "./captions.js";
import { takeKeys } from "./keys.js";
import { takePointers } from "./pointers.js";
import { showState } from "./state.js";
import { joinSystem } from "./session.js";
import { countView } from "./views.js";
import { rates } from "./rates.js";
import { setUpPage } from "./page.js";

class Player {
  constructor(box, video, data) {
    Object.assign(this, { box, video, data });
    this.status = el("div", { class: "pl-vh", role: "status" });
    this.sharing = new Sharing(video, data, { swarm: box.dataset.swarm, webtorrent: box.dataset.webtorrent });
    this.engine = new Engine(video, data, box.dataset.lib, this.sharing);
    this.start = this.#startTime();
    video.controls = false;
    this.#recall();
    if (data.autoplay) this.engine.begin(this.start); // before the controls are made
    box.append(this.status);
    this.captions = showCaptions(this);
    this.state = showState(this);
    this.share = makeSharePanel(this);
    this.bar = makeBar(this);
    this.keys = takeKeys(this);
    takePointers(this);
    joinSystem(this);
    countView(video, data);
    this.#keepPlace();
    this.#followAddress();
    this.#uncover();
    box.classList.add("ready", "fresh");
    if (data.autoplay) this.play();
  }

  #startTime() {
    const asked = addressTime(location);
    if (!Number.isNaN(asked)) return within(asked, this.duration);
    if (this.data.start) return within(this.data.start, this.duration);
    this.resumed = place(this.data.id);
    return this.resumed;
  }

  #recall() {
    const { video } = this;
    video.volume = choice("volume", 1);
    if (!video.muted) video.muted = choice("muted", false);
    video.defaultPlaybackRate = video.playbackRate = choice("rate", 1);
    video.addEventListener("volumechange", () => {
      choose("volume", video.volume);
      choose("muted", video.muted);
    });
    video.addEventListener("ratechange", () => {
      if (video.readyState > 0) choose("rate", video.playbackRate);
    });
  }

  #keepPlace() {
    const { video, data } = this;
    const note = () => video.currentTime > 0 && leave(data.id, video.currentTime, this.duration);
    let noted = 0;
    video.addEventListener("timeupdate", () => {
      if (Math.abs(video.currentTime - noted) < 5) return;
      noted = video.currentTime;
      note();
    });
    video.addEventListener("pause", note);
    video.addEventListener("ended", () => leave(data.id, 0, this.duration));
    addEventListener("pagehide", note);
  }

  // followAddress obeys links into the video: "#t=90" in the address, and every
  // element of the page with data-t.
  #followAddress() {
    addEventListener("hashchange", () => {
      const at = addressTime({ search: "", hash: location.hash });
      if (!Number.isNaN(at)) this.jump(within(at, this.duration));
    });
    document.addEventListener("click", (event) => {
      const link = event.target.closest?.("[data-t]");
      if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
      const at = parseTime(link.dataset.t);
      if (Number.isNaN(at)) return;
      event.preventDefault();
      this.jump(at);
    });
  }

  jump(at) {
    const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
    const { top, bottom } = this.box.getBoundingClientRect();
    if (top < 0 || bottom > innerHeight) this.box.scrollIntoView({ behavior: calm ? "auto" : "smooth", block: "center" });
    this.seek(at);
    this.play();
  }

  get duration() {
    const d = this.video.duration;
    return Number.isFinite(d) && d > 0 ? d : this.data.duration;
  }

  get fresh() {
    return this.box.classList.contains("fresh");
  }

  // time is the position on the scrubber: where playing is, or will start.
  get time() {
    return this.fresh ? this.start : this.video.currentTime;
  }

  // What viewers are warned of stays covered until they have pressed that.
  get covered() {
    return this.box.querySelector(".pl-veil:not([open]) > summary");
  }

  #uncover() {
    const veil = this.box.querySelector(".pl-veil");
    veil?.addEventListener("toggle", () => this.box.querySelector(".pl-big").focus({ preventScroll: true }));
  }

  async play() {
    if (this.covered) return this.covered.focus();
    const first = this.fresh;
    this.box.classList.remove("fresh");
    this.engine.begin(this.start);
    if (first) this.#firstPlay();
    if (first && this.resumed) this.state.offerStart(this.resumed);
    if (this.video.ended) this.video.currentTime = 0;
    this.wanted = true;
    try {
      await this.video.play();
    } catch (err) {
      // A browser may refuse sound before a click; what was asked for waits then.
      if (err.name === "NotAllowedError") this.state.refused();
      // The library gives the element its source after it was asked to play.
      if (err.name === "AbortError" && this.wanted) this.#playWhenLoaded();
    }
  }

  #firstPlay() {
    this.sharing.start();
    askToShare(this);
    if (this.data.short) this.state.busy(this.data.begin);
  }

  #playWhenLoaded() {
    const again = () => this.wanted && this.video.play().catch(() => {});
    if (this.video.readyState > 0) again();
    else this.video.addEventListener("loadedmetadata", again, { once: true });
  }

  pause() {
    this.wanted = false;
    this.video.pause();
  }

  toggle() {
    if (this.fresh || this.video.paused || this.video.ended) this.play();
    else this.pause();
  }

  seek(at) {
    const to = Math.max(0, Math.min(at, this.duration));
    if (this.fresh) {
      this.start = to;
      this.resumed = 0;
      this.bar.draw();
      return;
    }
    // What follows the very end is another start.
    this.video.currentTime = Math.min(to, Math.max(0, this.duration - 0.05));
    this.bar.draw();
  }

  skip(seconds) {
    this.seek(this.time + seconds);
  }

  // chapterAt returns the index of the chapter at a second, or -1.
  chapterAt(at) {
    return (this.data.chapters ?? []).findLastIndex((c) => c.start <= at + 0.01);
  }

  chapter(step) {
    const list = this.data.chapters ?? [];
    const here = this.chapterAt(this.time);
    // "Previous" means the start of this one, unless we have only just come to it.
    const back = step < 0 && here >= 0 && this.time - list[here].start > 3;
    const to = list[Math.max(0, back ? here : here + step)];
    if (!to) return;
    this.seek(to.start);
    this.state.flash(to.title);
  }

  setRate(rate) {
    this.video.defaultPlaybackRate = this.video.playbackRate = rate;
    choose("rate", rate);
    this.state.flash(rate === 1 ? "Normal speed" : `${rate}× speed`);
  }

  stepRate(step) {
    const here = rates.findIndex((r) => r >= this.video.playbackRate);
    this.setRate(rates[Math.max(0, Math.min(rates.length - 1, here + step))]);
  }

  stepFrame(step) {
    this.pause();
    this.seek(this.time + step / (this.data.fps || 25));
  }

  setVolume(volume) {
    this.video.muted = volume === 0;
    this.video.volume = Math.max(0, Math.min(1, volume));
  }

  get full() {
    return document.fullscreenElement === this.box || document.webkitFullscreenElement === this.box;
  }

  // iPhones put only the video itself on the whole screen.
  toggleFull() {
    const { box, video } = this;
    if (this.full) return (document.exitFullscreen ?? document.webkitExitFullscreen).call(document);
    const enter = box.requestFullscreen ?? box.webkitRequestFullscreen;
    if (enter) return enter.call(box)?.catch?.(() => {});
    video.webkitEnterFullscreen?.();
  }

  get canFull() {
    return !!(document.fullscreenEnabled || document.webkitFullscreenEnabled || this.video.webkitSupportsFullscreen);
  }

  togglePip() {
    const { video } = this;
    if (document.pictureInPictureElement === video) return document.exitPictureInPicture();
    if (video.requestPictureInPicture) return video.requestPictureInPicture().catch(() => this.say("Picture in picture is not possible now"));
    const other = video.webkitPresentationMode === "picture-in-picture" ? "inline" : "picture-in-picture";
    video.webkitSetPresentationMode?.(other);
  }

  get canPip() {
    return !!(document.pictureInPictureEnabled || this.video.webkitSupportsPresentationMode?.("picture-in-picture"));
  }

  // A page that has a stage makes room for a player of class theatre.
  get stage() {
    return this.box.closest(".stage");
  }

  get theatre() {
    return this.box.classList.contains("theatre");
  }

  setTheatre(on) {
    this.box.classList.toggle("theatre", on);
    choose("theatre", on);
    this.bar.draw();
  }

  // say tells those who hear the page rather than see it.
  say(text) {
    this.status.textContent = text;
  }

  sayTime() {
    this.say(spoken(this.time));
  }
}

for (const box of document.querySelectorAll("[data-player]")) {
  const video = box.querySelector("video");
  if (!video) continue;
  box.player = new Player(box, video, JSON.parse(box.dataset.player));
  // How sharing stands, as plain numbers: see figures in swarm.js. For reading only.
  Object.defineProperty(box, "sharing", { get: () => box.player.sharing.figures });
}
setUpPage();
