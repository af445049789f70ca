// Loaded only by pages that play by themselves, before everything else: it asks for
// the video's first seconds and leaves the answer for the player.

import { canStartEarly, firstRendition, firstSeconds } from "./first.js";

const box = document.querySelector("[data-player]");
if (box) {
  const data = JSON.parse(box.dataset.player);
  const rendition = firstRendition(data.renditions ?? []);
  if (rendition && !data.start && canStartEarly(data, rendition)) {
    const stop = new AbortController();
    const answer = firstSeconds(data, rendition, stop.signal);
    answer.catch(() => {}); // the player hears of it when it takes the answer
    box.first = { rendition, answer, stop };
  }
}
