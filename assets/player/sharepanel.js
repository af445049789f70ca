// The panel about sharing: what it does in plain words, live figures, and the one switch.
// It opens from the settings menu and, on a watch page, from a line below the title; that
// line says at any time whether this tab shares.

import { el, button, icon } from "./dom.js";

export function makeSharePanel(player) {
  const { sharing, box } = player;
  if (!sharing.possible) return null;
  const close = button("close", "Close", () => dialog.close(), { class: "pl-btn pl-close" });
  const toggle = el("input", { type: "checkbox", role: "switch", onchange: () => sharing.set(toggle.checked) });
  const values = Object.fromEntries(rows.map(([name]) => [name, el("dd", {})]));
  const sent = el("span", {});
  const dialog = el("dialog", { class: "pl-help pl-share", "aria-labelledby": "pl-share-title", onclick: (e) => e.target === dialog && dialog.close() },
    el("div", { class: "pl-help-in" },
      el("header", {}, el("h2", { id: "pl-share-title" }, "Sharing with other viewers"), close),
      el("p", {}, "While you watch, pieces of this video can come from others who watch it, and you send them pieces too. That keeps this small server from being overloaded."),
      el("label", {}, el("span", {}, "Share while watching"), toggle, el("span", { class: "pl-switch", "aria-hidden": "true" })),
      el("dl", {}, ...rows.flatMap(([name, label]) => [el("dt", {}, label), values[name]])),
      el("ul", {}, ...answers(player.data, sent))));
  box.append(dialog);
  const line = showLine(() => dialog.showModal());

  function draw() {
    const f = sharing.figures;
    toggle.checked = sharing.on;
    if (line) line.lastChild.textContent = status(sharing);
    if (!dialog.open) return;
    sent.textContent = f.given > 0 ? ` So far it sent ${size(f.given)}.` : "";
    for (const [name, , text] of rows) values[name].textContent = text(f);
  }

  dialog.addEventListener("toggle", draw);
  setInterval(() => dialog.open && draw(), 1000);
  sharing.addEventListener("change", draw);
  draw();
  return {
    open: () => {
      dialog.showModal();
      draw();
    },
    get now() {
      return sharing.on ? (sharing.figures.peers ? others(sharing.figures.peers) : "On") : "Off";
    },
  };
}

const rows = [
  ["peers", "Connected", (f) => (f.peers ? others(f.peers) : "nobody yet")],
  ["viewers", "From viewers", (f) => size(f.fromViewers)],
  ["mirrors", "From mirrors", (f) => size(f.fromMirrors)],
  ["server", "From this server", (f) => size(f.fromServer)],
  ["given", "Given to others", (f) => size(f.given)],
];

function answers(data, sent) {
  const file = el("a", { href: data.file, download: true }, "download the file");
  return [
    el("li", {}, el("b", {}, "Nothing is stored on your device for it."), " Pieces stay in this tab’s memory, 64 MB at most, and are gone when you close it."),
    el("li", {}, el("b", {}, "It uses some of your upload,"), " and viewers you swap with can see your IP address. Switched off, everything comes from this server alone.", sent),
    ...(data.keep ? [el("li", {}, el("b", {}, "To keep the video you need no torrent:"), " ", file, ".")] : []),
    el("li", {}, "Off by itself on mobile data and with Data Saver."),
  ];
}

// showLine puts the line among the facts of a watch page.
function showLine(open) {
  const facts = document.querySelector(".desc .facts");
  if (!facts || document.querySelectorAll("[data-player]").length > 1) return null;
  const line = el("button", { type: "button", class: "pl-line", "aria-haspopup": "dialog", onclick: open }, icon("share"), el("span", {}));
  facts.append(line);
  return line;
}

function status(sharing) {
  if (!sharing.on) return "Sharing is off";
  return sharing.figures.peers ? `Sharing with ${others(sharing.figures.peers)}` : "Sharing is on";
}

function others(n) {
  return n === 1 ? "1 viewer" : `${n} viewers`;
}

function size(bytes) {
  const mb = bytes / 1e6;
  return mb < 0.05 ? "0 MB" : mb < 10 ? `${mb.toFixed(1)} MB` : `${Math.round(mb)} MB`;
}

// askToShare asks a viewer once, where the creator wants viewers to be asked. Playing does
// not wait for the answer, and no answer is a no.
export function askToShare(player) {
  const { sharing, box } = player;
  if (!sharing.asking) return;
  const note = el("div", { class: "pl-ask", role: "group", "aria-label": "Sharing with other viewers" },
    el("p", {}, "Share pieces of this video with other viewers while you watch? They could see your IP address."),
    answer("Share", true), answer("No thanks", false), el("button", { type: "button", class: "pl-more", onclick: () => player.share.open() }, "More"));

  function answer(label, yes) {
    return el("button", { type: "button", class: "pl-again", onclick: () => sharing.set(yes) }, label);
  }

  function done() {
    if (sharing.asking) return;
    const inside = note.contains(document.activeElement);
    note.remove();
    sharing.removeEventListener("change", done);
    if (inside) player.bar.play.focus({ preventScroll: true });
  }

  sharing.addEventListener("change", done);
  box.append(note);
  player.say("Share pieces of this video with other viewers while you watch?");
}
