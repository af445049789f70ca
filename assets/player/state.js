// What lies over the picture and says how things stand: the big button before the
// start, the wheel while waiting, short notes, and what went wrong.

import { el, icon } from "./dom.js";
import { clock } from "./time.js";

const waitBeforeWheel = 400;
const noteTime = 900;
const firstTry = 4000; // after a failure; each further try waits twice as long
const mostTries = 6;

export function showState(player) {
  const { box, video, engine } = player;
  const big = el("button", { type: "button", class: "pl-big", "aria-label": `Play: ${player.data.title}`, onclick: () => start() }, icon("play"));
  const wheel = el("div", { class: "pl-wheel", hidden: true, "aria-hidden": "true" });
  const note = el("div", { class: "pl-note", hidden: true, "aria-hidden": "true" }, el("bdi"));
  const offer = el("div", { class: "pl-offer", hidden: true });
  const trouble = el("div", { class: "pl-trouble", role: "alert", hidden: true });
  const reason = el("p", { class: "pl-reason", hidden: true });
  box.append(wheel, note, big, offer, reason, trouble);
  let wheelTimer = 0;
  let noteTimer = 0;
  let retryTimer = 0;
  let tries = 0;

  function start() {
    player.play();
    keepFocus();
  }

  // keepFocus is for buttons that go once pressed: the focus must not fall to the top
  // of the page with them.
  function keepFocus() {
    player.bar.play.focus({ preventScroll: true });
  }

  function waiting(on) {
    clearTimeout(wheelTimer);
    if (!on) wheel.hidden = true;
    else wheelTimer = setTimeout(() => (wheel.hidden = false), waitBeforeWheel);
  }

  function flash(text, aloud = true) {
    clearTimeout(noteTimer);
    note.firstChild.textContent = text;
    note.hidden = false;
    noteTimer = setTimeout(() => (note.hidden = true), noteTime);
    if (aloud) player.say(text);
  }

  // What is buffered is still shown; the message comes when it has run out.
  function fail() {
    clearTimeout(retryTimer);
    if (tries < mostTries) retryTimer = setTimeout(() => engine.retry(), firstTry * 2 ** tries++);
    if (video.readyState < 3) tell();
    else video.addEventListener("waiting", () => engine.failed && tell(), { once: true });
  }

  function tell() {
    waiting(false);
    const offline = navigator.onLine === false;
    const text = offline ? "You are offline." : "The video cannot be loaded right now.";
    const again = el("button", { type: "button", class: "pl-again", onclick: retry }, icon("again"), "Try again");
    trouble.replaceChildren(icon("alert"), el("p", {}, text), again);
    trouble.hidden = false;
  }

  // retry is what the button does; the retries by time leave the message standing.
  function retry() {
    recovered();
    waiting(true);
    engine.retry();
    player.play();
    keepFocus();
  }

  function recovered() {
    clearTimeout(retryTimer);
    tries = 0;
    trouble.hidden = true;
  }

  // offerStart says that playing went on where it was left, and offers the start.
  function offerStart(at) {
    const again = el("button", { type: "button", class: "pl-again", onclick: startOver }, "Start over");
    offer.replaceChildren(el("span", {}, `Resumed at ${clock(at)}`), again);
    offer.hidden = false;
    player.say(`Resumed at ${clock(at)}`);
    setTimeout(() => (offer.hidden = true), 8000);
  }

  function startOver() {
    offer.hidden = true;
    player.seek(0);
    keepFocus();
  }

  // busy says why the picture is not as sharp as it could be.
  function busy(height) {
    const text = `This channel’s line is busy: starting at ${height}p.`;
    reason.textContent = text;
    reason.hidden = false;
    player.say(text);
    setTimeout(() => (reason.hidden = true), 8000);
  }

  // refused is a browser's no to sound before a click: back to the big button.
  function refused() {
    box.classList.add("fresh");
    player.start = video.currentTime || player.start;
    waiting(false);
    player.bar.draw();
  }

  for (const event of ["waiting", "seeking", "loadstart", "stalled"]) {
    video.addEventListener(event, () => waiting(!player.fresh && video.readyState < 3));
  }
  for (const event of ["playing", "canplay", "seeked", "ended"]) video.addEventListener(event, () => waiting(false));
  video.addEventListener("timeupdate", () => !wheel.hidden && video.readyState >= 3 && waiting(false));
  video.addEventListener("error", () => video.error && player.engine.begun && engine.broken());
  player.sharing.addEventListener("busy", (e) => engine.beginLower(e.detail) && busy(e.detail));
  engine.addEventListener("failed", fail);
  engine.addEventListener("recovered", recovered);
  addEventListener("online", () => engine.failed && engine.retry());
  return { flash, offerStart, busy, refused, get failed() { return !trouble.hidden; } };
}
