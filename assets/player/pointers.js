// Mouse and touch over the picture, and the hiding of the bar when nobody needs it.

const idleAfter = 2600;
const doubleTap = 300;

export function takePointers(player) {
  const { box, video, bar } = player;
  let timer = 0;

  function busy() {
    if (player.fresh || video.paused || bar.menus.open || player.state.failed) return true;
    // A bar that hides under the keyboard's focus would take the page away from it.
    return bar.node.matches(":hover") || bar.node.querySelector(":focus-visible") !== null;
  }

  function wake() {
    box.classList.remove("idle");
    clearTimeout(timer);
    timer = setTimeout(() => (busy() ? wake() : box.classList.add("idle")), idleAfter);
  }

  for (const event of ["pointermove", "pointerdown", "keydown", "focusin"]) box.addEventListener(event, wake);
  for (const event of ["play", "pause", "ended", "seeking"]) video.addEventListener(event, wake);
  box.addEventListener("mouseleave", () => {
    if (!busy()) box.classList.add("idle");
  });
  // Whoever comes near the button is likely to press it: fetch what playing needs.
  for (const event of ["pointerenter", "focusin"]) {
    box.addEventListener(event, () => player.fresh && player.engine.prepare().catch(() => {}), { once: true });
  }
  takeClicks(player);
  takeTaps(player, wake);
  wake();
}

// One click plays or pauses; two make the picture large, and the first is undone. A tap
// makes clicks too, but not every browser says so on them: the pointer before it does.
function takeClicks(player) {
  const { video } = player;
  let touch = false;
  video.addEventListener("pointerdown", (event) => {
    touch = event.pointerType === "touch";
  });
  video.addEventListener("click", () => {
    if (!touch && !player.fresh) player.toggle();
  });
  video.addEventListener("dblclick", () => {
    if (!touch) player.toggleFull();
  });
}

// One tap shows or hides the bar. Two on a side seek by ten seconds, each further
// tap by ten more.
function takeTaps(player, wake) {
  const { box, video } = player;
  let last = { time: 0, side: 0 };
  let sum = 0;
  let single = 0;

  video.addEventListener("pointerup", (event) => {
    if (event.pointerType !== "touch" || player.fresh) return;
    const now = performance.now();
    const { left, width } = box.getBoundingClientRect();
    const part = (event.clientX - left) / width;
    const side = part < 0.36 ? -1 : part > 0.64 ? 1 : 0;
    const again = now - last.time < doubleTap && side === last.side;
    last = { time: now, side };
    clearTimeout(single);
    if (again && side !== 0) return jumpTap(side);
    sum = 0;
    const shown = !box.classList.contains("idle");
    single = setTimeout(() => {
      if (shown && !video.paused) box.classList.add("idle");
      else wake();
    }, doubleTap);
  });

  function jumpTap(side) {
    sum += 10;
    player.skip(side * 10);
    player.state.flash(`${side < 0 ? "−" : "+"}${sum} seconds`);
  }
}
