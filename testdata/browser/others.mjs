// What every other engine must do with a watch page, driven through a page of three
// verbs: goto(address), run(function source, arguments), and click(selector).

import { test, site, equal, between, ok } from "./harness.mjs";

async function until(page, condition, argument) {
  const end = Date.now() + 40000;
  while (!(await page.run(condition, argument))) {
    if (Date.now() > end) {
      const state = await page.run(() => {
        const v = document.querySelector("video");
        const { engine } = document.querySelector(".player").player ?? {};
        const ranges = Array.from(v.buffered, (_, i) => [v.buffered.start(i), v.buffered.end(i)]);
        return JSON.stringify({ src: v.currentSrc, at: v.currentTime, paused: v.paused, ready: v.readyState, error: v.error?.message, ranges, way: engine?.way, early: !!engine?.early, failed: engine?.failed });
      }).catch(String);
      throw new Error(`never became true: ${condition}\n${state}`);
    }
    await new Promise((go) => setTimeout(go, 100));
  }
}

// browserTests registers the tests; use hands a fresh page to its argument.
export function browserTests(use) {
  test("plays from the start and goes on with the library", () => use(async (page) => {
    await page.goto(site.watch);
    await page.click(".pl-big");
    await until(page, () => document.querySelector("video").currentTime > 0.5);
    between(await page.run(() => document.querySelector("video").buffered.start(0)), 0, 0.07, "start of the buffer");
    await until(page, () => {
      const { engine } = document.querySelector(".player").player;
      return engine.way === "hls" && engine.hls && !engine.early && document.querySelector("video").buffered.end(0) > 9;
    });
    await until(page, () => document.querySelector("video").currentTime > 7);
    equal(await page.run(() => document.querySelector("video").buffered.length), 1, "ranges in the buffer");
  }));

  test("seeks, switches the rendition, shows captions and ends", () => use(async (page) => {
    await page.goto(site.watch);
    await page.click(".pl-big");
    await until(page, () => document.querySelector("video").currentTime > 0.3);
    await page.run(() => void document.querySelector(".player").player.seek(12));
    await until(page, () => document.querySelector("video").currentTime > 12.4);
    await page.run(() => void document.querySelector(".player").player.engine.choose(360));
    await until(page, () => document.querySelector("video").videoHeight === 360);
    await page.run(() => void document.querySelector(".player").player.seek(1));
    await page.run(() => void document.querySelector(".player").player.captions.toggle());
    await until(page, () => document.querySelector(".pl-captions p")?.textContent.includes("first line"));
    await page.run(() => {
      const { player } = document.querySelector(".player");
      player.seek(player.duration - 0.7);
    });
    await until(page, () => document.querySelector("video").ended);
  }));

  test("starts in the middle where the address says so", () => use(async (page) => {
    await page.goto(`${site.watch}?t=8`);
    await page.click(".pl-big");
    await until(page, () => document.querySelector("video").currentTime > 8.4);
    ok((await page.run(() => document.querySelector("video").currentTime)) < 20, "not too far");
  }));

  test("plays the plain file as a bare video does", () => use(async (page) => {
    await page.goto(site.watch);
    const file = await page.run(() => JSON.parse(document.querySelector("[data-player]").dataset.player).file);
    await page.goto(`${site.base}/about`);
    await page.run((address) => {
      const video = document.createElement("video");
      video.muted = true;
      video.src = address;
      document.body.append(video);
      video.play();
    }, file);
    await until(page, () => document.querySelector("video").currentTime > 0.5);
    const length = await page.run(() => document.querySelector("video").duration);
    between(length, 15, 40, "duration");
    await page.run(() => void (document.querySelector("video").currentTime = 9));
    await until(page, () => document.querySelector("video").currentTime > 9.3);
  }));
}
