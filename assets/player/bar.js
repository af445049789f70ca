// The control bar: the scrubber and, below it, the buttons. It redraws from the
// player's state and keeps none of its own.

import { el, button, dress } from "./dom.js";
import { clock } from "./time.js";
import { choice } from "./memory.js";
import { makeScrubber } from "./scrubber.js";
import { makeMenus } from "./menus.js";

export function makeBar(player) {
  const { box, video } = player;
  const scrubber = makeScrubber(player);
  const menus = makeMenus(player);
  const play = button("play", "Play (k)", () => player.toggle(), { class: "pl-btn pl-play" });
  const mute = button("loud", "Mute (m)", () => toggleMute(player));
  const volume = el("input", {
    type: "range", class: "pl-vol", min: 0, max: 100, step: 5, "aria-label": "Volume",
    oninput: () => player.setVolume(volume.value / 100),
  });
  const time = el("span", { class: "pl-time" });
  const chapter = el("button", { type: "button", class: "pl-chapter", onclick: (e) => menus.toggle("chapters", e.currentTarget) }, el("bdi"));
  const captions = button("captions", "Captions (c)", () => player.captions.toggle(), { "aria-pressed": "false" });
  const gear = menus.opener;
  const pip = button("pip", "Picture in picture (i)", () => player.togglePip());
  const theatre = button("theatre", "Theatre (t)", () => player.setTheatre(!player.theatre), { class: "pl-btn pl-theatre", "aria-pressed": "false" });
  const full = button("full", "Full screen (f)", () => player.toggleFull());
  const parts = [play, el("span", { class: "pl-volume" }, mute, volume), time];
  if (player.data.chapters?.length) parts.push(chapter);
  parts.push(el("span", { class: "pl-gap" }));
  if (player.captions.list.length) parts.push(captions);
  parts.push(gear);
  if (player.canPip) parts.push(pip);
  if (player.stage) parts.push(theatre);
  if (player.canFull) parts.push(full);
  const bar = el("div", { class: "pl-bar", role: "group", "aria-label": "Player controls" },
    scrubber.node, el("div", { class: "pl-btns" }, ...parts));
  box.append(bar, menus.node);
  if (player.stage && choice("theatre", false)) box.classList.add("theatre");

  function draw() {
    const ended = video.ended;
    const paused = player.fresh || video.paused;
    dress(play, ended ? "again" : paused ? "play" : "pause", ended ? "Play again (k)" : paused ? "Play (k)" : "Pause (k)");
    const silent = video.muted || video.volume === 0;
    dress(mute, silent ? "mute" : video.volume < 0.5 ? "low" : "loud", silent ? "Unmute (m)" : "Mute (m)");
    const level = silent ? 0 : Math.round(video.volume * 100);
    if (Number(volume.value) !== level) volume.value = level;
    volume.style.setProperty("--level", `${level}%`);
    volume.setAttribute("aria-valuetext", silent ? "muted" : `${level} percent`);
    captions.setAttribute("aria-pressed", String(player.captions.on));
    theatre.setAttribute("aria-pressed", String(player.theatre));
    dress(full, player.full ? "small" : "full", player.full ? "Leave full screen (f)" : "Full screen (f)");
    drawTime();
  }

  function drawTime() {
    const text = `${clock(player.time)} / ${clock(player.duration)}`;
    if (time.textContent !== text) time.textContent = text;
    const title = player.data.chapters?.[player.chapterAt(player.time)]?.title ?? "";
    if (chapter.firstChild.textContent !== title) {
      chapter.firstChild.textContent = title;
      chapter.setAttribute("aria-label", title ? `Chapters, now: ${title}` : "Chapters");
    }
    scrubber.draw();
  }

  for (const event of ["play", "pause", "ended", "volumechange", "ratechange", "durationchange", "seeking", "emptied"]) {
    video.addEventListener(event, draw);
  }
  for (const event of ["timeupdate", "progress", "seeked"]) video.addEventListener(event, drawTime);
  for (const event of ["fullscreenchange", "webkitfullscreenchange"]) document.addEventListener(event, draw);
  queueMicrotask(draw);
  return { node: bar, play, menus, scrubber, draw };
}

export function toggleMute(player) {
  const { video } = player;
  if (video.volume === 0) player.setVolume(0.5);
  else video.muted = !video.muted;
}
