// Every page in Chromium: no violation that axe finds in any state, light and dark,
// wide and narrow; and the budget of requests and bytes.
//
//   node pages.mjs http://127.0.0.1:8080 VIDEO-ID [part of a test's name]

import { test, run, site, visit, play, playing, taken, until, time, video, accessible, equal, between, ok, openBrowser, closeBrowser } from "./harness.mjs";
import { fitTests } from "./fits.mjs";

const { base, watch, embed } = site;
const wide = { width: 1280, height: 800 };
const narrow = { width: 390, height: 844 };

const wake = (page) => page.mouse.move(200 + Math.random() * 9, 120);
const open = (label) => async (page) => {
  await wake(page);
  await page.click(`.player [aria-label="${label}"]`);
};
const menuPage = (name) => async (page) => {
  await open("Settings")(page);
  await page.click(`.pl-menu .pl-row:has-text("${name}")`);
};

// Each state is an address and what is done there before axe looks.
const states = [
  ["channel", `${base}/`],
  ["channel, a tag", `${base}/?tag=wood`],
  ["search with results", `${base}/search?q=plane`],
  ["search without results", `${base}/search?q=zzzz`],
  ["about", `${base}/about`],
  ["not found", `${base}/w/aaaaaaaaaa`],
  ["reply from elsewhere", `${base}/interact?what=reply&video=${site.id}`],
  ["watch", watch],
  ["watch, popovers", watch, openPopovers],
  ["watch, playing", watch, play],
  ["watch, paused with captions", watch, play, (page) => page.keyboard.press("c"), (page) => page.keyboard.press("k")],
  ["watch, settings open", watch, play, open("Settings")],
  ["watch, quality open", watch, play, menuPage("Quality")],
  ["watch, speed open", watch, play, menuPage("Speed")],
  ["watch, help open", watch, play, (page) => page.keyboard.press("?")],
  ["watch, failed", watch, play, taken, (page) => page.evaluate(() => {
    const { engine } = document.querySelector(".player").player;
    engine.hls.stopLoad();
    engine.retry = () => {};
    document.querySelector("video").pause();
    engine.failed = true;
    Object.defineProperty(document.querySelector("video"), "readyState", { value: 0 });
    engine.dispatchEvent(new Event("failed"));
  })],
  ["embed", embed],
  ["embed, playing", embed, play],
  ["embed, settings open", embed, play, open("Settings")],
];

// openPopovers checks each popover of the page as it stands open, and leaves the last.
async function openPopovers(page) {
  const openers = page.locator("button[popovertarget]:visible");
  for (let i = 0; i < (await openers.count()); i++) {
    const id = await openers.nth(i).getAttribute("popovertarget");
    await openers.nth(i).click();
    await until(page, (name) => document.getElementById(name).matches(":popover-open"), id);
    await accessible(page, `popover ${id}`);
    await page.keyboard.press("Escape");
  }
}

const looks = [[wide, "light"], [wide, "dark"], [narrow, "dark"], [narrow, "light"]];

for (const [name, address, ...steps] of states) {
  test(`axe: ${name}`, () => visit(address, async (page) => {
    for (const step of steps) await step(page);
    for (const [viewport, colorScheme] of looks) {
      await page.setViewportSize(viewport);
      await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
      if (steps.includes(openPopovers)) await openPopovers(page);
      await accessible(page, `${viewport.width} px, ${colorScheme}`);
      ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), `sideways scrolling at ${viewport.width} px`);
      if (process.env.SHOTS) await page.screenshot({ path: `${process.env.SHOTS}/${name.replaceAll(/\W+/g, "-")}-${viewport.width}-${colorScheme}.png` });
    }
  }));
}

// What a visitor's browser is sent until the first frame, and the weight of the page
// without its media.
test("budget: requests and bytes of a watch page", () => visit(watch, async (page, context) => {
  const cdp = await context.newCDPSession(page);
  await cdp.send("Network.enable");
  await cdp.send("Network.clearBrowserCache"); // as at a first visit: what is used twice is sent once
  const requests = new Map();
  const kept = new Set();
  cdp.on("Network.requestServedFromCache", (e) => kept.add(e.requestId));
  let count = 0;
  let weight = 0;
  cdp.on("Network.requestWillBeSent", (e) => requests.set(e.requestId, e));
  cdp.on("Network.loadingFinished", (e) => {
    const { request, type } = requests.get(e.requestId) ?? {};
    // webtorrent.js comes only where others watch, here the tabs of other tests; share.mjs looks after that.
    if (request && !/\/media\/|webtorrent/.test(request.url) && type !== "Media") weight += e.encodedDataLength;
  });
  await page.addInitScript(() => {
    const look = () => {
      const v = document.querySelector("video");
      if (!v || window.watching) return;
      window.watching = true;
      v.requestVideoFrameCallback(() => (window.frameAt = performance.timeOrigin + performance.now()));
    };
    new MutationObserver(look).observe(document, { childList: true, subtree: true });
  });
  requests.clear();
  await page.reload();
  await page.locator(".fresh > .pl-big").dispatchEvent("click"); // without the mouse, whose coming fetches the library early
  await until(page, () => window.frameAt);
  const frameAt = (await page.evaluate(() => window.frameAt)) / 1000;
  // Who waits for the first seconds for long asks who is there; how long, is the machine's load.
  const sent = [...requests.values()].filter((e) => !kept.has(e.requestId) && e.wallTime < frameAt && e.request.url.startsWith("http") && !/favicon|tracker\/crowd/.test(e.request.url));
  count = sent.length;
  await until(page, () => document.querySelector("video").currentTime > 2);
  await page.waitForLoadState("networkidle").catch(() => {});
  between(count, 1, 8, `requests before the first frame: ${sent.map((e) => e.request.url.replace(base, "")).join(" ")}`);
  between(weight, 1000, 170 * 1024, "bytes of the page without media");
  console.error(`${count} requests before the first frame, ${Math.round(weight / 1024)} KiB without media`);
}));

test("budget: nothing of the video is fetched before it is wanted", () => visit(watch, async (page) => {
  const asked = [];
  page.on("request", (r) => asked.push(r.url()));
  await page.reload();
  await page.waitForLoadState("networkidle");
  equal(asked.filter((u) => /\.(mp4|m3u8)$|hls\.light/.test(u)).join(" "), "", "requests");
}));

// Whoever embeds may take the frame's origin away.
test("a sandboxed frame plays, and its view counts", () => visit("about:blank", async (page) => {
  const body = `<iframe sandbox="allow-scripts" allow="autoplay" width="640" height="360" src="${embed}?autoplay=1&muted=1"></iframe>`;
  await page.route("**/elsewhere", (r) => r.fulfill({ contentType: "text/html", body }));
  const views = [];
  page.on("response", (r) => r.url().includes("/views/") && views.push(r.status()));
  await page.goto(`${base}/elsewhere`);
  const frame = await (await page.waitForSelector("iframe")).contentFrame();
  equal(await frame.evaluate(() => self.origin), "null", "origin");
  await frame.waitForFunction(() => document.querySelector("video")?.currentTime > 11, null, { timeout: 40000 });
  equal(await frame.locator(".pl-bar").count(), 1, "bars of our player");
  equal(views.join(), "204", "answers to views");
}));

test("without script no page breaks", async () => {
  for (const address of [`${base}/`, watch, embed, `${base}/about`, `${base}/search?q=plane`]) {
    await visit(address, async (page) => {
      equal(await page.locator("h1").count(), 1, `headings on ${address}`);
    }, { context: { javaScriptEnabled: false } });
  }
});

test("print: the text stays, what one can press goes", () => visit(watch, async (page) => {
  const shown = (selector) => page.locator(selector).filter({ visible: true }).count();
  const controls = ".top, .stage, .acts, .skip, .foot nav, .player button";
  ok((await shown(controls)) > 3, "controls on a screen");
  await page.emulateMedia({ media: "print" });
  equal(await shown(controls), 0, "controls on paper");
  for (const selector of ["h1", ".desc", ".md", ".by"]) ok(await shown(selector), `${selector} on paper`);
  ok((await page.innerText("main")).includes("The stones come out at 0:12."), "description on paper");
}));

test("nothing moves for who wants no motion", async () => {
  // What is in a video element is not drawn.
  const moving = (page) => page.evaluate(() => [...document.querySelectorAll(":not(video *)")].filter((e) => ["", "::before", "::after"].some((part) => {
    const { transitionDuration, animationName } = getComputedStyle(e, part || null);
    return animationName !== "none" || transitionDuration.split(", ").some((t) => parseFloat(t) > 0);
  })).map((e) => `${e.localName}.${e.className.baseVal ?? e.className}`));
  for (const address of [`${base}/`, watch]) {
    await visit(address, async (page) => {
      if (address === watch) await play(page);
      await page.emulateMedia({ reducedMotion: "no-preference" });
      ok((await moving(page)).length > 0, "something moves else");
      await page.emulateMedia({ reducedMotion: "reduce" });
      equal((await moving(page)).join(" "), "", `what moves on ${address}`);
    });
  }
});

// The name is of letters that are written from right to left, and ends in digits: outside of
// a <bdi> the address that follows would be drawn before the digits.
test("a foreign name leaves the line in order", () => visit(watch, async (page) => {
  const { isolates, name, next } = await page.evaluate(() => {
    const by = document.querySelector(".by");
    const [name, next] = by.querySelectorAll("bdi");
    return { isolates: getComputedStyle(name).unicodeBidi, name: name.getBoundingClientRect().right, next: next.getBoundingClientRect().left };
  });
  equal(isolates, "isolate", "unicode-bidi");
  ok(next >= name, `the address begins at ${next}, the name ends at ${name}`);
  ok((await page.innerText(".by")).startsWith("\u05d0\u05d3\u05d4 7"), "the name");
}));

test("embed page: waits for a click, then plays", () => visit(embed, async (page) => {
  equal(await video(page, "paused"), true, "paused at first");
  await play(page);
  ok((await page.getAttribute(".pl-title a", "href")).endsWith(`/w/${site.id}`), "link to the watch page");
}));

test("a moment after the end is the start", () => visit(`${watch}?t=999`, async (page) => {
  await play(page);
  between(await time(page), 0, 5, "watch page");
  equal(await page.locator(".pl-offer:visible, .pl-note:visible").count(), 0, "notes");
  await page.goto(`${embed}?start=999&autoplay=1&muted=1`);
  await playing(page);
  between(await time(page), 0, 5, "embed page");
}));

test("embed page: autoplay, start, loop and muted", () => visit(`${embed}?autoplay=1&start=8&loop=1&muted=1`, async (page) => {
  await playing(page);
  between(await time(page), 8, 14, "start");
  equal(await video(page, "loop"), true, "loop");
  equal(await video(page, "muted"), true, "muted");
}));

test("embed page: autoplay from the start", () => visit(`${embed}?autoplay=1`, async (page) => {
  await playing(page);
  await taken(page);
  between(await page.evaluate(() => document.querySelector("video").buffered.start(0)), 0, 0.05, "start of the buffer");
}));

fitTests((body) => visit("about:blank", (page) => body({
  goto: (address) => page.goto(address),
  run: (source, argument) => page.evaluate(source, argument),
  click: (selector) => page.click(selector),
  size: (width, height) => page.setViewportSize({ width, height }),
})));

await run(openBrowser, closeBrowser, 2);
