// The menus over the bar: settings (quality, speed, captions, loop, keys) and
// chapters. One panel shows one page at a time; a page is a list of rows made anew
// each time it opens, so it always shows how things are.

import { el, icon, button } from "./dom.js";
import { clock } from "./time.js";
import { rates } from "./rates.js";

export function makeMenus(player) {
  const { box, engine } = player;
  const node = el("div", { class: "pl-menu", role: "menu", "aria-label": "Settings", hidden: true });
  let from = null; // the button to give the focus back to
  let page = "";
  const opener = button("gear", "Settings", () => toggle("main", opener), { "aria-haspopup": "menu", "aria-expanded": "false" });

  const pages = {
    main: () => ["Settings", mainRows()],
    quality: () => ["Quality", qualityRows(player)],
    speed: () => ["Speed", rates.map((r) => pick(r === 1 ? "Normal" : `${r}×`, player.video.playbackRate === r, () => player.setRate(r)))],
    captions: () => ["Captions", captionRows(player)],
    chapters: () => ["Chapters", chapterRows(player)],
  };

  function mainRows() {
    const rate = player.video.playbackRate;
    const rows = [];
    if (engine.heights.length) rows.push(["quality", "Quality", qualityNow(engine), "quality"]);
    rows.push(["speed", "Speed", rate === 1 ? "Normal" : `${rate}×`, "speed"]);
    if (player.captions.list.length) rows.push(["captions", "Captions", player.captions.label, "captions"]);
    if (player.data.chapters?.length) rows.push(["chapters", "Chapters", "", "chapters"]);
    const { video } = player;
    return [
      ...rows.map(([drawing, label, now, to]) => row({ drawing, label, now, more: true, act: () => open(to) })),
      row({ drawing: "loop", label: "Loop", role: "menuitemcheckbox", checked: video.loop, stay: true, act: () => (video.loop = !video.loop) }),
      ...(player.share ? [row({ drawing: "share", label: "Share with viewers", now: player.share.now, act: () => player.share.open() })] : []),
      ...(matchMedia("(pointer: coarse)").matches ? [] : [row({ drawing: "help", label: "Keyboard shortcuts", now: "?", act: () => player.keys.help() })]),
    ];
  }

  function row({ drawing, label, now, more, role = "menuitem", checked, stay, act }) {
    const item = el("button", {
      type: "button", role, tabindex: -1, class: "pl-row", "aria-haspopup": more ? "menu" : null,
      "aria-checked": checked === undefined ? null : String(checked),
      onclick: () => {
        act();
        if (stay) open(page, item);
        else if (!more) close();
      },
    }, drawing ? icon(drawing) : icon("check"), el("bdi", { class: "pl-row-name" }, label));
    if (now) item.append(el("bdi", { class: "pl-row-now" }, now));
    if (checked !== undefined && role === "menuitemcheckbox") item.append(el("span", { class: "pl-switch" }));
    if (more) item.append(icon("next"));
    return item;
  }

  const rowsOf = (name) => pages[name]()[1].map((r) => (r instanceof Node ? r : row(r)));

  // refresh says how things are now in the rows that stand there: somebody may be
  // pressing one of them, and a press is lost when its row is replaced.
  function refresh() {
    const standing = [...node.querySelectorAll(".pl-row:not(.pl-back)")];
    const fresh = rowsOf(page);
    if (standing.length !== fresh.length) return open(page, document.activeElement);
    standing.forEach((item, i) => {
      const checked = fresh[i].getAttribute("aria-checked");
      if (checked !== null) item.setAttribute("aria-checked", checked);
      const [was, now] = [item, fresh[i]].map((one) => one.querySelector(".pl-row-now"));
      if (was && now) was.textContent = now.textContent;
      else if (was) was.remove();
      else if (now) item.querySelector(".pl-row-name").after(now);
    });
  }

  function open(name, keep) {
    const [title] = pages[name]();
    const items = rowsOf(name);
    const back = name !== "main" && from === opener;
    const head = back
      ? el("button", { type: "button", role: "menuitem", tabindex: -1, class: "pl-row pl-back", onclick: () => open("main") }, icon("prev"), el("span", {}, title))
      : null;
    const at = keep ? [...node.children].indexOf(keep) : -1;
    page = name;
    node.replaceChildren(...(head ? [head] : []), ...items);
    node.setAttribute("aria-label", title);
    node.hidden = false;
    from.setAttribute("aria-expanded", "true");
    box.classList.add("menued");
    const chosen = node.querySelector('[role=menuitemradio][aria-checked="true"]');
    (at >= 0 ? node.children[at] : (chosen ?? node.querySelector(".pl-row:not(.pl-back)")))?.focus();
  }

  function close(refocus = true) {
    if (node.hidden) return;
    node.hidden = true;
    box.classList.remove("menued");
    from?.setAttribute("aria-expanded", "false");
    if (refocus && !document.querySelector("dialog[open]")) from?.focus();
  }

  function toggle(name, by) {
    const same = !node.hidden && from === by;
    close(false);
    if (same) return by.focus();
    from = by;
    open(name);
  }

  node.addEventListener("keydown", (event) => {
    const items = [...node.querySelectorAll(".pl-row")];
    const here = items.indexOf(document.activeElement);
    const to = { ArrowDown: here + 1, ArrowUp: here - 1, Home: 0, End: -1 }[event.key];
    if (to !== undefined) items.at(to % items.length)?.focus();
    else if (event.key === "Escape") close();
    else if (event.key === "Tab") close(); // the browser goes on from the button
    else if (event.key === "ArrowLeft" && node.querySelector(".pl-back")) open("main");
    else if (event.key === "ArrowRight" && document.activeElement?.getAttribute("aria-haspopup")) document.activeElement.click();
    else return event.stopPropagation();
    if (event.key !== "Tab") event.preventDefault();
    event.stopPropagation();
  });
  document.addEventListener("pointerdown", (event) => {
    if (!node.contains(event.target) && !from?.contains(event.target)) close(false);
  });
  engine.addEventListener("levels", () => {
    if (!node.hidden && (page === "quality" || page === "main")) refresh();
  });
  return { node, opener, toggle, close, get open() { return !node.hidden; } };
}

function pick(label, checked, act, now) {
  return { label, now, role: "menuitemradio", checked, act };
}

function qualityNow(engine) {
  const now = engine.playing ? `${engine.playing}p` : "";
  if (engine.wanted) return `${engine.wanted}p`;
  return now ? `Auto (${now})` : "Auto";
}

function qualityRows({ engine }) {
  const now = !engine.wanted && engine.playing ? `${engine.playing}p` : "";
  return [
    pick("Auto", !engine.wanted, () => engine.choose(0), now),
    ...engine.heights.map((h) => pick(`${h}p`, engine.wanted === h, () => engine.choose(h))),
  ];
}

function captionRows({ captions }) {
  return [
    pick("Off", !captions.on, () => captions.choose(null)),
    ...captions.list.map((t) => pick(t.label || t.language, captions.current === t, () => captions.choose(t))),
  ];
}

function chapterRows(player) {
  const here = player.chapterAt(player.time);
  return player.data.chapters.map((c, i) => pick(c.title, i === here, () => player.jump(c.start), clock(c.start)));
}
