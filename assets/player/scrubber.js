// The scrubber: a slider over the whole video with its chapters marked, and a
// preview of the moment under the pointer or the keyboard's focus.

import { el } from "./dom.js";
import { clock, spoken } from "./time.js";

export function makeScrubber(player) {
  const { video, data } = player;
  const buffered = el("i", { class: "pl-buffered" });
  const played = el("i", { class: "pl-played" });
  const ahead = el("i", { class: "pl-ahead" });
  const track = el("div", { class: "pl-track" }, buffered, ahead, played, ...marks(player));
  const thumb = el("i", { class: "pl-thumb" });
  const tip = makeTip(player);
  const node = el("div", {
    class: "pl-scrub", role: "slider", tabindex: 0, "aria-label": "Position", "aria-valuemin": 0,
    "aria-valuemax": Math.round(player.duration), "aria-orientation": "horizontal",
  }, track, thumb, tip.node);
  let held = NaN; // the moment a drag points at

  function at(event) {
    const { left, width } = node.getBoundingClientRect();
    const part = Math.max(0, Math.min(1, (event.clientX - left) / width));
    return (rightToLeft(node) ? 1 - part : part) * player.duration;
  }

  node.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    node.setPointerCapture(event.pointerId);
    node.classList.add("held");
    held = at(event);
    tip.show(held);
    draw();
  });
  node.addEventListener("pointermove", (event) => {
    const moment = at(event);
    ahead.style.setProperty("--to", share(moment));
    tip.show(moment);
    if (Number.isNaN(held)) return;
    held = moment;
    draw();
  });
  const letGo = (event) => {
    node.classList.remove("held");
    if (!Number.isNaN(held) && event.type === "pointerup") player.seek(held);
    held = NaN;
    if (event.pointerType !== "mouse") tip.hide();
    draw();
  };
  node.addEventListener("pointerup", letGo);
  node.addEventListener("pointercancel", letGo);
  node.addEventListener("pointerleave", () => {
    ahead.style.setProperty("--to", "0");
    if (Number.isNaN(held)) tip.hide();
  });
  node.addEventListener("blur", () => tip.hide());
  node.addEventListener("keydown", (event) => {
    if (!move(player, event, rightToLeft(node))) return;
    event.preventDefault();
    event.stopPropagation();
    tip.show(player.time);
  });

  function share(moment) {
    return player.duration > 0 ? String(Math.max(0, Math.min(1, moment / player.duration))) : "0";
  }

  function draw() {
    const moment = Number.isNaN(held) ? player.time : held;
    node.style.setProperty("--at", share(moment));
    buffered.style.setProperty("--to", share(bufferedEnd(video)));
    node.setAttribute("aria-valuemax", Math.round(player.duration));
    node.setAttribute("aria-valuenow", Math.round(moment));
    const chapter = data.chapters?.[player.chapterAt(moment)];
    const text = `${spoken(moment)} of ${spoken(player.duration)}${chapter ? `, ${chapter.title}` : ""}`;
    // A slider that announces each second would drown everything else out.
    if (document.activeElement !== node || video.paused || Math.abs(moment - (draw.said ?? -9)) > 4) {
      draw.said = moment;
      node.setAttribute("aria-valuetext", text);
    }
  }
  return { node, draw, tip };
}

function rightToLeft(node) {
  return getComputedStyle(node).direction === "rtl";
}

function bufferedEnd(video) {
  const { buffered, currentTime } = video;
  for (let i = 0; i < buffered.length; i++) {
    if (buffered.start(i) <= currentTime + 0.2 && buffered.end(i) >= currentTime) return buffered.end(i);
  }
  return 0;
}

// move obeys the keys of a slider (ARIA Authoring Practices, slider pattern).
function move(player, event, mirrored) {
  if (event.altKey || event.ctrlKey || event.metaKey) return false;
  const forward = mirrored ? -5 : 5;
  const steps = { ArrowRight: forward, ArrowLeft: -forward, ArrowUp: 5, ArrowDown: -5, PageUp: 30, PageDown: -30 };
  if (event.key in steps) player.skip(steps[event.key]);
  else if (event.key === "Home") player.seek(0);
  else if (event.key === "End") player.seek(player.duration);
  else return false;
  return true;
}

// marks are the gaps between chapters.
function marks(player) {
  return (player.data.chapters ?? []).filter((c) => c.start > 0 && c.start < player.duration).map((c) => {
    const mark = el("b", { class: "pl-mark" });
    mark.style.setProperty("--to", String(c.start / player.duration));
    return mark;
  });
}

// The preview: a tile of the storyboard where there is one, the chapter, the time.
// The picture is asked for when it is first wanted.
function makeTip(player) {
  const { board, chapters } = player.data;
  const picture = el("div", { class: "pl-tile" });
  const title = el("bdi", { class: "pl-tip-title" });
  const time = el("span", { class: "pl-tip-time" });
  const node = el("div", { class: "pl-tip", hidden: true, "aria-hidden": "true" }, board ? picture : null, title, time);
  if (board) {
    picture.style.width = `${board.width}px`;
    picture.style.height = `${board.height}px`;
    node.style.setProperty("--tile", `${board.width}px`);
  }

  function show(moment) {
    const part = player.duration > 0 ? moment / player.duration : 0;
    node.style.setProperty("--part", String(part));
    time.textContent = clock(moment);
    title.textContent = chapters?.[player.chapterAt(moment)]?.title ?? "";
    if (board) tile(moment);
    node.hidden = false;
  }

  function tile(moment) {
    const last = board.columns * board.rows - 1;
    const n = Math.max(0, Math.min(last, Math.floor(moment / board.interval)));
    picture.style.backgroundImage ||= `url("${board.file}")`;
    picture.style.backgroundPosition = `${-(n % board.columns) * board.width}px ${-Math.floor(n / board.columns) * board.height}px`;
  }
  return { node, show, hide: () => (node.hidden = true) };
}
