// The player in Chromium: everything a viewer can do with it.
//
//   node player.mjs http://127.0.0.1:8080 VIDEO-ID [part of a test's name]

import { test, run, site, visit, play, playing, taken, until, time, video, press, label, click, row, menu, point, equal, between, ok, openBrowser, closeBrowser } from "./harness.mjs";

const { watch } = site;
const still = async (page) => {
  await page.evaluate(() => document.querySelector("video").pause());
};

test("plays from the very start and goes on without a seam", () => visit(watch, async (page) => {
  equal(await video(page, "controls"), false, "the browser's own controls");
  await play(page);
  between(await page.evaluate(() => document.querySelector("video").buffered.start(0)), 0, 0.05, "start of the buffer");
  equal(await label(page, ".pl-play"), "Pause (k)", "play button");
  await taken(page);
  await until(page, () => document.querySelector("video").currentTime > 7);
  equal(await page.evaluate(() => document.querySelector("video").buffered.length), 1, "ranges in the buffer");
  await click(page, ".pl-play");
  equal(await video(page, "paused"), true, "paused");
  await page.mouse.click(600, 300);
  await playing(page);
}));

// A seam stalls at every play, a busy machine only at some: one play in three must be smooth.
test("stalls at no seam", async () => {
  let least = Infinity;
  for (let plays = 0; plays < 3 && least > 0; plays++) {
    await visit(watch, async (page) => {
      await page.evaluate(() => {
        const v = document.querySelector("video");
        window.waits = 0;
        v.addEventListener("playing", () => v.addEventListener("waiting", () => window.waits++), { once: true });
      });
      await play(page);
      await taken(page);
      await until(page, () => document.querySelector("video").currentTime > 7);
      least = Math.min(least, await page.evaluate(() => window.waits));
    });
  }
  equal(least, 0, "stalls");
});

test("ends, and plays again", () => visit(watch, async (page) => {
  await play(page);
  await taken(page);
  await press(page, "End");
  await until(page, () => document.querySelector("video").ended);
  await until(page, () => document.querySelector(".pl-play").getAttribute("aria-label").startsWith("Play again"));
  await press(page, "k");
  await until(page, () => !document.querySelector("video").ended && document.querySelector("video").currentTime < 5);
  await playing(page);
}));

test("seeks by mouse and by keys on the scrubber", () => visit(watch, async (page) => {
  await play(page);
  const length = await video(page, "duration");
  await point(page, 0.5);
  await page.mouse.down();
  await page.mouse.up();
  await until(page, (at) => Math.abs(document.querySelector("video").currentTime - at) < 1.5, length / 2);
  await playing(page);
  await still(page);
  await page.focus(".pl-scrub");
  await press(page, "Home");
  equal(await time(page), 0, "Home");
  await press(page, "ArrowRight");
  between(await time(page), 4.9, 5.1, "ArrowRight");
  await press(page, "ArrowLeft");
  between(await time(page), 0, 0.1, "ArrowLeft");
  await press(page, "ArrowUp", "ArrowUp");
  between(await time(page), 9.9, 10.1, "ArrowUp twice");
  const said = await page.getAttribute(".pl-scrub", "aria-valuetext");
  ok(/^10 seconds of (\d+ minutes? )?\d+ seconds?, /.test(said), `aria-valuetext: ${said}`);
  equal(await page.getAttribute(".pl-scrub", "aria-valuenow"), "10", "aria-valuenow");
}));

test("drags the scrubber", () => visit(watch, async (page) => {
  await play(page);
  await point(page, 0.2);
  await page.mouse.down();
  await point(page, 0.4);
  await point(page, 0.75);
  await page.mouse.up();
  const length = await video(page, "duration");
  await until(page, (at) => Math.abs(document.querySelector("video").currentTime - at) < 1.5, length * 0.75);
}));

test("switches the rendition and shows which plays", () => visit(watch, async (page) => {
  await play(page);
  await taken(page);
  await menu(page, "Quality");
  ok((await page.textContent('.pl-menu [aria-checked="true"]')).startsWith("Auto"), "Auto is chosen at first");
  await page.click(row("360p"));
  await until(page, () => document.querySelector("video").videoHeight === 360);
  await menu(page);
  ok((await page.textContent(row("Quality"))).includes("360p"), "the menu names the rendition");
  await page.keyboard.press("Escape");
  await menu(page, "Quality", "720p");
  await until(page, () => document.querySelector("video").videoHeight === 720);
  await playing(page);
  await menu(page, "Quality", "Auto");
  await menu(page);
  await until(page, () => /Auto \(\d+p\)/.test(document.querySelector(".pl-menu").textContent));
}));

test("a press on a rendition counts while another comes on", () => visit(watch, async (page) => {
  await play(page);
  await taken(page);
  await menu(page, "Quality");
  await page.hover(row("360p"));
  await page.mouse.down();
  await page.evaluate(() => document.querySelector(".player").player.engine.dispatchEvent(new Event("levels")));
  await page.mouse.up();
  equal(await page.evaluate(() => document.querySelector(".player").player.engine.wanted), 360, "chosen");
}));

test("changes the speed by menu and keys, and remembers it", () => visit(watch, async (page) => {
  await play(page);
  await menu(page, "Speed", "1.5×");
  equal(await video(page, "playbackRate"), 1.5, "menu");
  await press(page, "<");
  equal(await video(page, "playbackRate"), 1.25, "<");
  await press(page, ">", ">");
  equal(await video(page, "playbackRate"), 1.75, ">");
  await page.reload();
  await play(page);
  equal(await video(page, "playbackRate"), 1.75, "after a reload");
}));

test("shows captions, in the language chosen, and remembers them", () => visit(watch, async (page) => {
  await play(page);
  await press(page, "c");
  await until(page, () => document.querySelector(".pl-captions p")?.textContent.includes("first line"));
  equal(await page.getAttribute('[aria-label="Captions (c)"]', "aria-pressed"), "true", "pressed");
  await menu(page, "Captions", "Deutsch");
  await until(page, () => document.querySelector(".pl-captions p")?.textContent.includes("erste Zeile"));
  ok(await page.locator(".pl-captions i").count(), "italics of the cue");
  await page.reload();
  await play(page);
  await until(page, () => document.querySelector(".pl-captions p")?.textContent.includes("erste Zeile"));
  await press(page, "c");
  await until(page, () => document.querySelector(".pl-captions").hidden);
}));

test("marks chapters, names them and jumps to them", () => visit(watch, async (page) => {
  equal(await page.locator(".pl-mark").count(), 2, "marks on the scrubber");
  await play(page);
  equal(await page.textContent(".pl-chapter"), "Intro", "chapter in the bar");
  await click(page, ".pl-chapter");
  equal(await page.locator(".pl-menu [role=menuitemradio]").count(), 3, "chapters in the menu");
  await page.click(row("Flattening the back"));
  await until(page, () => document.querySelector("video").currentTime >= 6);
  await until(page, () => document.querySelector(".pl-chapter").textContent === "Flattening the back");
}));

test("previews the moment under the pointer and the keyboard", () => visit(watch, async (page) => {
  await play(page);
  const picture = page.waitForResponse((r) => r.url().includes("storyboard-") && r.ok());
  await point(page, 0.5);
  await picture;
  ok(await page.isVisible(".pl-tip"), "preview is visible");
  const first = await page.evaluate(() => document.querySelector(".pl-tile").style.backgroundPosition);
  equal(await page.textContent(".pl-tip-title"), "Flattening the back", "chapter in the preview");
  await point(page, 0.05);
  ok(first !== (await page.evaluate(() => document.querySelector(".pl-tile").style.backgroundPosition)), "the tile changes");
  await page.mouse.move(600, 300);
  ok(!(await page.isVisible(".pl-tip")), "preview leaves with the pointer");
  await page.focus(".pl-scrub");
  await press(page, "ArrowRight");
  ok(await page.isVisible(".pl-tip"), "preview follows the keyboard");
}));

test("obeys every key", () => visit(watch, async (page) => {
  await play(page);
  await taken(page);
  await press(page, "k");
  equal(await video(page, "paused"), true, "k");
  await press(page, "5");
  const length = await video(page, "duration");
  between(await time(page), length / 2 - 0.1, length / 2 + 0.1, "5");
  const moves = [["j", -10], ["l", 10], ["ArrowLeft", -5], ["ArrowRight", 5], [".", 1 / 24], [",", -1 / 24]];
  for (const [key, by] of moves) {
    await press(page, "5");
    await press(page, key);
    const want = Math.max(0, length / 2 + by);
    between(await time(page), want - 0.02, want + 0.02, key);
  }
  await press(page, "Home");
  equal(await time(page), 0, "Home");
  await press(page, "m");
  equal(await video(page, "muted"), true, "m");
  await press(page, "m", "ArrowDown", "ArrowDown");
  between(await video(page, "volume"), 0.89, 0.91, "ArrowDown");
  await press(page, "ArrowUp");
  between(await video(page, "volume"), 0.94, 0.96, "ArrowUp");
  await press(page, "Space");
  await playing(page);
}));

test("keys leave fields and the browser's own shortcuts alone", () => visit(watch, async (page) => {
  await play(page);
  await page.focus("#q");
  await page.keyboard.type("kmf");
  equal(await page.inputValue("#q"), "kmf", "typed text");
  equal(await video(page, "paused"), false, "still playing");
  equal(await video(page, "muted"), false, "still audible");
  await page.evaluate(() => document.activeElement.blur());
  await press(page, "Control+m");
  equal(await video(page, "muted"), false, "with Control");
}));
test("letters can be kept to the player", () => visit(watch, async (page) => {
  await play(page);
  await press(page, "?");
  await page.click(".pl-help:not(.pl-share) input");
  await press(page, "Escape");
  await page.evaluate(() => document.activeElement.blur());
  await press(page, "m");
  equal(await video(page, "muted"), false, "outside the player");
  await page.focus(".pl-scrub");
  await press(page, "m");
  equal(await video(page, "muted"), true, "inside the player");
}));

test("lists its keys in a dialog that gives the focus back", () => visit(watch, async (page) => {
  await play(page);
  await page.focus(".pl-play");
  await press(page, "?");
  ok(await page.evaluate(() => document.querySelector(".pl-help:not(.pl-share)").matches(":modal")), "modal");
  ok((await page.locator(".pl-help:not(.pl-share) dd").count()) >= 13, "rows");
  for (let i = 0; i < 6; i++) {
    await press(page, "Tab");
    ok(await page.evaluate(() => document.activeElement === document.body || document.querySelector(".pl-help:not(.pl-share)").contains(document.activeElement)), "focus stays inside");
  }
  await press(page, "m");
  equal(await video(page, "muted"), false, "keys rest meanwhile");
  await press(page, "Escape");
  ok(!(await page.isVisible(".pl-help:not(.pl-share)")), "closed");
  ok(await page.evaluate(() => document.activeElement.classList.contains("pl-play")), "focus is back");
}));

test("menus work from the keyboard", () => visit(watch, async (page) => {
  await play(page);
  await page.focus('.pl-btn[aria-label="Settings"]');
  await press(page, "Enter");
  equal(await page.getAttribute('.pl-btn[aria-label="Settings"]', "aria-expanded"), "true", "expanded");
  await press(page, "ArrowDown", "Enter");
  equal(await label(page, ".pl-menu"), "Speed", "page of the menu");
  await press(page, "ArrowDown", "Enter");
  equal(await video(page, "playbackRate"), 1.25, "speed");
  equal(await label(page, ":focus"), "Settings", "focus is back");
  await press(page, "Enter", "Escape");
  ok(!(await page.isVisible(".pl-menu")), "Escape closes");
  await click(page, '.pl-btn[aria-label="Settings"]');
  await page.mouse.click(400, 300);
  ok(!(await page.isVisible(".pl-menu")), "a click elsewhere closes");
}));

test("theatre makes room and is remembered", () => visit(watch, async (page) => {
  const width = () => page.evaluate(() => document.querySelector(".player").clientWidth);
  await play(page);
  const narrow = await width();
  await press(page, "t");
  equal(await page.getAttribute(".pl-theatre", "aria-pressed"), "true", "pressed");
  between(await width(), narrow + 50, 1440, "wider than before");
  await page.reload();
  ok(await page.evaluate(() => document.querySelector(".player").classList.contains("theatre")), "after a reload");
  await play(page);
  await click(page, ".pl-theatre");
  ok(!(await page.evaluate(() => document.querySelector(".player").classList.contains("theatre"))), "off again");
}));

test("fills the screen with its own controls", () => visit(watch, async (page) => {
  await play(page);
  await press(page, "f");
  await until(page, () => document.fullscreenElement?.classList.contains("player"));
  await until(page, () => document.querySelector('[aria-label="Leave full screen (f)"]'));
  await press(page, "f");
  await until(page, () => !document.fullscreenElement);
}));

test("shows the picture in a window of its own", () => visit(watch, async (page) => {
  const apart = () => document.pictureInPictureElement === document.querySelector("video");
  await play(page);
  await click(page, '[aria-label="Picture in picture (i)"]');
  await until(page, apart);
  await playing(page);
  await press(page, "i");
  await until(page, () => !document.pictureInPictureElement);
  await page.evaluate(() => (document.querySelector("video").requestPictureInPicture = () => Promise.reject(new Error("refused"))));
  await press(page, "i");
  await until(page, () => document.querySelector(".pl-vh[role=status]").textContent === "Picture in picture is not possible now");
}));

test("the mouse sets the volume", () => visit(watch, async (page) => {
  await play(page);
  await page.mouse.move(600, 300);
  const box = await page.locator(".pl-vol").boundingBox();
  const to = (share) => page.mouse.move(box.x + box.width * share, box.y + box.height / 2, { steps: 4 });
  await to(0.5);
  await page.mouse.down();
  between(await video(page, "volume"), 0.4, 0.6, "pressed in the middle");
  await to(0.1);
  await page.mouse.up();
  between(await video(page, "volume"), 0, 0.15, "dragged to the left");
  await to(0.95);
  await page.mouse.down();
  await page.mouse.up();
  between(await video(page, "volume"), 0.9, 1, "pressed at the right");
  equal(await video(page, "muted"), false, "audible");
  const said = `${Math.round(100 * (await video(page, "volume")))} percent`;
  await until(page, (said) => document.querySelector(".pl-vol").getAttribute("aria-valuetext") === said, said);
}));

test("starts at the moment in the address", async () => {
  for (const address of [`${watch}?t=8`, `${watch}?t=0m8s`, `${watch}#t=0:08`]) {
    await visit(address, async (page) => {
      await play(page);
      between(await time(page), 8, 11, address);
    });
  }
});

test("follows links into the video", () => visit(watch, async (page) => {
  const link = page.locator('[data-t="12"]').first();
  await link.click();
  await playing(page);
  between(await time(page), 12, 15, "link in the description");
  await page.evaluate(() => (location.hash = "t=3"));
  await until(page, () => Math.abs(document.querySelector("video").currentTime - 3) < 2);
}));

test("resumes where the viewer left, and forgets at the end", () => visit(watch, async (page) => {
  await play(page);
  await taken(page);
  await press(page, "Home", "ArrowRight", "ArrowRight", "ArrowRight");
  await until(page, () => document.querySelector("video").currentTime > 15.2);
  await press(page, "k");
  await page.reload();
  await play(page);
  between(await time(page), 15, 19, "resumed");
  ok((await page.textContent(".pl-offer")).includes("Resumed at 0:15"), "says so");
  await page.click(".pl-offer button");
  await until(page, () => document.querySelector("video").currentTime < 5);
  await press(page, "End");
  await until(page, () => document.querySelector("video").ended);
  equal(await page.evaluate(() => localStorage.getItem("tubelet.places")), "[]", "forgotten");
}));

test("loops", () => visit(watch, async (page) => {
  await play(page);
  await taken(page);
  await menu(page, "Loop");
  equal(await page.getAttribute(row("Loop"), "aria-checked"), "true", "checked");
  await press(page, "Escape", "End");
  await until(page, () => {
    const { currentTime, ended } = document.querySelector("video");
    return !ended && currentTime > 0.1 && currentTime < 5;
  });
}));

test("remembers volume and silence", () => visit(watch, async (page) => {
  await play(page);
  await press(page, "ArrowDown", "ArrowDown", "m");
  await until(page, () => JSON.parse(localStorage.getItem("tubelet.choices"))?.muted);
  await page.reload();
  between(await video(page, "volume"), 0.89, 0.91, "volume");
  equal(await video(page, "muted"), true, "muted");
}));

test("tells the system what plays", () => visit(watch, async (page) => {
  await play(page);
  await until(page, () => navigator.mediaSession.metadata);
  const told = await page.evaluate(() => {
    const { title, artist, artwork } = navigator.mediaSession.metadata;
    return { title, artist, art: artwork.length };
  });
  equal(told.title, await page.textContent("h1"), "title");
  ok(told.artist, "artist");
  equal(told.art, 1, "artwork");
}));

test("counts one view after ten seconds", () => visit(watch, async (page) => {
  const pings = [];
  page.on("response", (r) => r.url().includes("/views/") && pings.push([r.status(), r.request().postData(), Date.now()]));
  const began = Date.now();
  await play(page);
  await until(page, () => document.querySelector("video").currentTime > 8);
  equal(pings.length, 0, "pings after eight seconds");
  await until(page, () => document.querySelector("video").currentTime > 12);
  equal(pings.length, 1, "pings after twelve seconds");
  ok(pings[0][0] < 300, `answer ${pings[0][0]}`);
  ok(/^[0-9a-f]{32}$/.test(JSON.parse(pings[0][1]).session), "session");
  ok(pings[0][2] - began > 9500, "not too early");
}));

test("hides its bar when idle, never under the focus", () => visit(watch, async (page) => {
  await play(page);
  const hidden = () => until(page, () => getComputedStyle(document.querySelector(".pl-bar")).opacity === "0");
  await page.evaluate(() => document.activeElement.blur());
  await page.mouse.move(600, 300);
  await hidden();
  await page.mouse.move(620, 310);
  await until(page, () => getComputedStyle(document.querySelector(".pl-bar")).opacity === "1");
  await page.focus(".pl-play");
  await press(page, "Tab", "Shift+Tab");
  await page.waitForTimeout(3500);
  equal(await page.evaluate(() => getComputedStyle(document.querySelector(".pl-bar")).opacity), "1", "opacity under the focus");
}));

test("works by touch: tap, double tap, wide controls", () => visit(watch, async (page) => {
  await page.tap(".pl-big");
  await playing(page);
  await taken(page);
  const box = await page.locator(".player").boundingBox();
  const tap = (share) => page.touchscreen.tap(box.x + box.width * share, box.y + box.height * 0.4);
  await until(page, () => document.querySelector(".player").classList.contains("idle"));
  await tap(0.5);
  await until(page, () => !document.querySelector(".player").classList.contains("idle"));
  equal(await video(page, "paused"), false, "a tap does not pause");
  const from = await time(page);
  await tap(0.85);
  await tap(0.85);
  await until(page, (at) => document.querySelector("video").currentTime >= at + 9.5, from);
  await page.waitForTimeout(400);
  await tap(0.15);
  await tap(0.15);
  await until(page, (at) => document.querySelector("video").currentTime < at + 5, from);
  for (const handle of await page.locator(".pl-btn:visible").all()) {
    const size = await handle.boundingBox();
    ok(size.width >= 24 && size.height >= 40, `small target: ${JSON.stringify(size)}`);
  }
  equal(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), true, "no sideways scrolling");
}, { context: { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true } }));

test("says when the line is gone, and goes on when it is back", () => visit(watch, async (page, context) => {
  await play(page);
  await until(page, () => !document.querySelector(".pl-trouble").hidden);
  equal(await page.getAttribute(".pl-trouble", "role"), "alert", "role");
  await page.click(".pl-trouble button"); // in vain
  await until(page, () => !document.querySelector(".pl-trouble").hidden);
  await context.unrouteAll(); // it tries again by itself
  await until(page, () => document.querySelector("video").currentTime > 7);
  ok(!(await page.isVisible(".pl-trouble")), "the message is gone");
}, { before: async (page, context) => {
  await page.addInitScript(() => localStorage.setItem("tubelet.choices", '{"share":false}')); // viewers beside it would help out
  await context.route(/\.mp4$/, (route) => {
    const range = route.request().headers().range ?? "";
    return range.startsWith("bytes=0-") ? route.continue() : route.abort();
  });
} }));

test("plays the plain file when the library does not come", () => visit(watch, async (page) => {
  await page.click(".pl-big");
  await until(page, () => document.querySelector(".player").player.engine.way === "file");
  await playing(page);
  ok((await video(page, "currentSrc")).endsWith(".mp4"), "plain file");
  await menu(page);
  equal(await page.locator(row("Quality")).count(), 0, "no quality to choose");
}, { before: (page, context) => context.route(/hls\.light/, (route) => route.abort()) }));

test("starts small for those who save data", () => visit(watch, async (page) => {
  await play(page);
  equal(await video(page, "videoHeight"), 360, "rows");
  await taken(page);
  await until(page, () => document.querySelector("video").currentTime > 4);
  equal(await video(page, "videoHeight"), 360, "rows later");
}, { before: (page) => page.addInitScript(() => Object.defineProperty(navigator, "connection", { value: { saveData: true } })) }));

test("is mirrored where writing is", () => visit(watch, async (page) => {
  await page.evaluate(() => (document.documentElement.dir = "rtl"));
  await play(page);
  await point(page, 0.25);
  await page.mouse.down();
  await page.mouse.up();
  const length = await video(page, "duration");
  await until(page, (at) => Math.abs(document.querySelector("video").currentTime - at) < 1.5, length * 0.75);
  const thumb = await page.locator(".pl-thumb").boundingBox();
  const bar = await page.locator(".pl-scrub").boundingBox();
  between((thumb.x - bar.x) / bar.width, 0.15, 0.3, "thumb");
}));

test("keeps still for those who ask, and shows in forced colours", () => visit(watch, async (page) => {
  await play(page);
  await page.evaluate(() => (document.querySelector(".pl-wheel").hidden = false));
  equal(await page.evaluate(() => getComputedStyle(document.querySelector(".pl-wheel")).animationName), "none", "animation");
  ok(await page.evaluate(() => matchMedia("(forced-colors: active)").matches), "forced colours");
}, { context: { reducedMotion: "reduce", forcedColors: "active" } }));

test("without script the browser plays the plain file", () => visit(watch, async (page) => {
  equal(await video(page, "controls"), true, "the browser's controls");
  await page.evaluate(() => void document.querySelector("video").play());
  await until(page, () => document.querySelector("video").currentTime > 1);
  equal(await page.locator("track[kind=captions]").count(), 2, "captions");
  equal(await page.locator("track[kind=chapters]").count(), 1, "chapters");
}, { context: { javaScriptEnabled: false } }));

await run(openBrowser, closeBrowser);
