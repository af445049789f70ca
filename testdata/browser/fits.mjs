// No page scrolls sideways, and what opens over a page stays inside the window, on phones
// from 320 pixels on and on wide screens. Any browser, through a page of three verbs:
// goto(address), run(function source, argument) and size(width, height).

import { test, site, equal, ok } from "./harness.mjs";

const sizes = [[320, 640], [390, 844], [768, 1024], [1280, 800]];

const pages = [
  ["channel", "/"],
  ["search", "/search?q=plane"],
  ["about", "/about"],
  ["watch", `/w/${site.id}`],
  ["embed", `/embed/${site.id}`],
  ["reply", `/interact?what=reply&video=${site.id}`],
  ["not found", "/w/aaaaaaaaaa"],
];

const wide = () => ({ page: document.documentElement.scrollWidth, window: document.documentElement.clientWidth });

const openers = () => [...document.querySelectorAll("button[popovertarget]:not([popovertargetaction])")]
  .filter((b) => b.checkVisibility()).map((b) => b.getAttribute("popovertarget"));

const place = (id) => {
  const box = document.getElementById(id);
  const { left, top, right, bottom, width } = box.getBoundingClientRect();
  return { open: box.matches(":popover-open"), width, out: Math.max(-left, -top, right - innerWidth, bottom - innerHeight), inner: box.scrollWidth - box.clientWidth };
};

// fitTests registers the tests; use hands a fresh page to its argument.
export function fitTests(use) {
  for (const [name, path] of pages) {
    test(`fits the window: ${name}`, () => use(async (page) => {
      await page.size(...sizes[0]);
      await page.goto(site.base + path);
      for (const [width, height] of sizes) {
        await page.size(width, height);
        const got = await page.run(wide);
        ok(got.page <= got.window, `at ${width} px the page is ${got.page} wide, the window ${got.window}`);
        for (const id of await page.run(openers)) await fits(page, id, width);
      }
    }));
  }

  test("fits the window: an address that is none", () => use(async (page) => {
    await page.size(...sizes[0]);
    await page.goto(`${site.base}/interact?what=like&video=${site.id}`);
    await page.run(() => {
      document.querySelector(".home input[name=handle]").value = "nobody";
      document.querySelector(".home").submit(); // as without script
    });
    await answered(page);
    for (const [width, height] of sizes) {
      await page.size(width, height);
      const got = await page.run(wide);
      ok(got.page <= got.window, `at ${width} px the page is ${got.page} wide, the window ${got.window}`);
      ok((await page.run(() => document.querySelector("h1").offsetHeight)) < 120, `at ${width} px the heading has too little room`);
    }
  }));

  test("a watch page offers to follow, like, boost, reply and share", () => use(async (page) => {
    await page.size(1280, 800);
    await page.goto(site.watch);
    const offered = await page.run(() => ({
      pops: [...document.querySelectorAll(".about button[popovertarget]")].map((b) => b.getAttribute("popovertarget")).join(),
      asks: [...document.querySelectorAll('.about a[href^="/interact?"]')].filter((a) => a.checkVisibility()).length,
      comments: document.querySelectorAll(".th > li").length,
    }));
    equal(offered.pops, "follow,share,files", "popovers");
    ok(offered.asks >= 3, `${offered.asks} ways to answer from elsewhere`);
    ok(offered.comments > 0, "comments");
  }));
}

// answered waits until the page says what was wrong. While the browser changes pages, asking it
// fails.
async function answered(page) {
  const end = Date.now() + 20000;
  while (!(await page.run(() => !!document.querySelector("[role=alert]")).catch(() => false))) {
    ok(Date.now() < end, "nothing says what is wrong");
    await new Promise((go) => setTimeout(go, 50));
  }
}

// fits opens a popover by its button and looks where it stands.
async function fits(page, id, width) {
  await page.run((name) => document.querySelector(`button[popovertarget="${name}"]`).click(), id);
  const got = await page.run(place, id);
  ok(got.open, `${id} does not open at ${width} px`);
  ok(got.width > 200, `${id} is ${got.width} wide at ${width} px`);
  ok(got.out < 1, `${id} stands ${got.out} px outside of a window of ${width} px`);
  ok(got.inner <= 0, `${id} scrolls sideways by ${got.inner} px in a window of ${width} px`);
  await page.run((name) => document.getElementById(name).hidePopover(), id);
}
