// Captions, drawn by us so that they stand above the bar and look alike everywhere.
// The browser still reads the files and keeps the time.

import { el } from "./dom.js";
import { choice, choose } from "./memory.js";

export function showCaptions(player) {
  const { box, video } = player;
  const node = el("div", { class: "pl-captions", hidden: true });
  const list = [...video.textTracks].filter((t) => t.kind === "captions" || t.kind === "subtitles");
  let current = null;
  box.append(node);

  function draw() {
    const cues = [...(current?.activeCues ?? [])];
    node.replaceChildren(...cues.map((cue) => el("p", { dir: "auto" }, el("span", {}, cue.getCueAsHTML()))));
    node.hidden = cues.length === 0;
  }

  function select(track) {
    current?.removeEventListener("cuechange", draw);
    for (const t of list) t.mode = t === track ? "hidden" : "disabled";
    current = track;
    current?.addEventListener("cuechange", draw);
    draw();
    player.bar?.draw();
  }

  const api = {
    list,
    get current() { return current; },
    get on() { return current !== null; },
    get label() { return current ? current.label || current.language : "Off"; },
    choose(track) {
      select(track);
      choose("captions", track ? track.language : "");
      player.state.flash(track ? `Captions: ${api.label}` : "Captions off");
    },
    toggle() {
      if (list.length) api.choose(current ? null : preferred(list) ?? list[0]);
    },
  };
  const wanted = choice("captions", "");
  if (wanted) select(list.find((t) => t.language === wanted) ?? null);
  // The iPhone's own full screen shows only what the browser draws.
  video.addEventListener("webkitbeginfullscreen", () => current && (current.mode = "showing"));
  video.addEventListener("webkitendfullscreen", () => current && (current.mode = "hidden"));
  return api;
}

function preferred(list) {
  for (const language of [...(navigator.languages ?? []), document.documentElement.lang]) {
    const short = language.split("-")[0];
    const found = list.find((t) => t.language === language) ?? list.find((t) => t.language.split("-")[0] === short);
    if (found) return found;
  }
  return null;
}
