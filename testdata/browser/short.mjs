// What new viewers find where the upload is too small even for those who are there.
//
//   node short.mjs http://127.0.0.1:8080 VIDEO-ID [part of a test's name]

import { accessible, closeBrowser, equal, ok, openBrowser, run, site, test, visit } from "./harness.mjs";
import { eventually, start } from "./sharing.mjs";

// alone keeps viewers from helping each other, so that the line has to carry them both.
const alone = { before: (page) => page.addInitScript(() => localStorage.setItem("tubelet.choices", '{"share":false}')) };

const told = () => {
  const { short, begin, renditions } = JSON.parse(document.querySelector("[data-player]").dataset.player);
  return { short: !!short, begin, heights: renditions.map((r) => r.height) };
};

// says waits until the page says that the line is short, or that it is not.
const says = (page, short) => eventually(page, `short is ${short}`, async ([address, want]) => {
  const text = await (await fetch(address)).text();
  return text.includes("&#34;short&#34;:true") === want;
}, [site.watch, short]);

test("who comes to a full line starts lower, and is told why", () => visit(site.watch, async (first) => {
  await says(first, false); // of those who watched before us
  await first.reload();
  const before = await first.evaluate(told);
  equal(before.short, false, "short before anybody watches");
  await start(first);
  await says(first, true);
  await visit(site.watch, async (second) => {
    const now = await second.evaluate(told);
    ok(now.begin < before.begin, `the second begins with ${now.begin}, the first with ${before.begin}`);
    equal(now.heights.join(), before.heights.join(), "renditions to choose from");
    await second.click(".pl-big");
    const reason = second.locator(".pl-reason");
    await reason.waitFor();
    equal(await reason.innerText(), `This channel\u2019s line is busy: starting at ${now.begin}p.`, "reason");
    await accessible(second, "a short line");
    await eventually(second, "a picture", () => document.querySelector("video").videoHeight > 0);
    equal(await second.evaluate(() => document.querySelector("video").videoHeight), now.begin, "rows of the picture");
  }, alone);
}, alone));

await run(openBrowser, closeBrowser);
