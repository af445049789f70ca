// The keyboard. Keys work while the focus is in the player, and those of one letter
// anywhere on the page unless the viewer turns that off (WCAG 2.2, 2.1.4).

import { el, button } from "./dom.js";
import { choice, choose } from "./memory.js";
import { toggleMute } from "./bar.js";

const everywhere = new Set([" ", "k", "j", "l", "m", "c", "f", "t", "i", "<", ">", ",", ".", "?"]);

export function takeKeys(player) {
  const { box } = player;
  const actions = actionsOf(player);
  const dialog = makeHelp();
  box.append(dialog);
  const help = () => {
    if (!dialog.open) dialog.showModal();
  };
  actions["?"] = help;

  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
    const inside = box.contains(event.target);
    if (taken(event, inside)) return;
    const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    const digit = /^[0-9]$/.test(key);
    const act = digit ? () => player.seek((player.duration * Number(key)) / 10) : actions[key];
    if (!act) return;
    const known = digit || everywhere.has(key);
    if (!inside && !(known && choice("keys", true))) return;
    event.preventDefault();
    act();
  });
  return { help };
}

// What lies over the page while it is open. A browser without popovers would throw at
// their selector.
const covers = CSS.supports("selector(:popover-open)") ? "dialog[open], [popover]:popover-open" : "dialog[open]";

// taken says whether the key belongs to what has the focus: a field, a button, an
// open dialog.
function taken(event, inside) {
  const node = event.target;
  if (node.closest?.("input:not([type=range]), textarea, select, [contenteditable]")) return true;
  if (document.querySelector(covers)) return true;
  const presses = event.key === " " || event.key === "Enter";
  if (presses && node.closest?.("button, a, summary, [role^=menuitem]")) return true;
  if (!inside && event.key === " " && node !== document.body) return true;
  return node.matches?.("input[type=range]") && /^(Arrow|Home|End|Page)/.test(event.key);
}

function actionsOf(player) {
  const loudness = (step) => {
    player.setVolume(Math.round((player.video.volume + step) * 20) / 20);
    player.state.flash(`Volume ${Math.round(player.video.volume * 100)} %`);
  };
  const hop = (seconds) => {
    player.skip(seconds);
    player.state.flash(`${seconds < 0 ? "−" : "+"}${Math.abs(seconds)} seconds`, false);
  };
  return {
    " ": () => player.toggle(),
    k: () => player.toggle(),
    j: () => hop(-10),
    l: () => hop(10),
    ArrowLeft: () => hop(-5),
    ArrowRight: () => hop(5),
    ArrowUp: () => loudness(0.05),
    ArrowDown: () => loudness(-0.05),
    Home: () => player.seek(0),
    End: () => player.seek(player.duration),
    m: () => {
      toggleMute(player);
      player.state.flash(player.video.muted ? "Muted" : "Sound on");
    },
    c: () => player.captions.toggle(),
    f: () => player.toggleFull(),
    t: () => player.stage && player.setTheatre(!player.theatre),
    i: () => player.canPip && player.togglePip(),
    "<": () => player.stepRate(-1),
    ">": () => player.stepRate(1),
    ",": () => player.stepFrame(-1),
    ".": () => player.stepFrame(1),
  };
}

const list = [
  [["k", "Space"], "Play or pause"],
  [["j", "l"], "Back or forward 10 seconds"],
  [["←", "→"], "Back or forward 5 seconds"],
  [[",", "."], "One frame back or forward"],
  [["0", "…", "9"], "Go to 0 % … 90 %"],
  [["Home", "End"], "Go to the start or the end"],
  [["<", ">"], "Slower or faster"],
  [["↑", "↓"], "Louder or quieter"],
  [["m"], "Sound on or off"],
  [["c"], "Captions on or off"],
  [["f"], "Full screen"],
  [["t"], "Theatre"],
  [["i"], "Picture in picture"],
  [["?"], "This list"],
];

function makeHelp() {
  const close = button("close", "Close", () => dialog.close(), { class: "pl-btn pl-close" });
  const rows = list.flatMap(([keys, what]) => [el("dt", {}, ...keys.map((k) => el("kbd", {}, k))), el("dd", {}, what)]);
  const box = el("input", { type: "checkbox", onchange: () => choose("keys", box.checked) });
  box.checked = choice("keys", true);
  const dialog = el("dialog", { class: "pl-help", "aria-labelledby": "pl-help-title", onclick: (e) => e.target === dialog && dialog.close() },
    el("div", { class: "pl-help-in" },
      el("header", {}, el("h2", { id: "pl-help-title" }, "Keyboard shortcuts"), close),
      el("dl", {}, ...rows),
      el("label", {}, box, el("span", {}, "Letters, digits and signs work anywhere on the page"))));
  return dialog;
}
