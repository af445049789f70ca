// A copied rendition whose pictures lost user data on the way plays, seeks both ways and ends
// in Chromium, as a stream and as the plain file.

import { closeBrowser, equal, ok, openBrowser, play, playing, run, site, taken, test, until, visit } from "./harness.mjs";

async function seeks(page) {
  for (const at of [15.3, 3.2, 19.7]) {
    await page.evaluate((t) => { document.querySelector("video").currentTime = t; }, at);
    await until(page, (t) => Math.abs(document.querySelector("video").currentTime - t) < 3 && !document.querySelector("video").seeking, at);
    await playing(page);
  }
  const [decoded, width] = await page.evaluate(() => {
    const v = document.querySelector("video");
    return [v.getVideoPlaybackQuality().totalVideoFrames, v.videoWidth];
  });
  equal(width, 1280, "width of the picture");
  ok(decoded > 30, `${decoded} frames decoded`);
  await until(page, () => document.querySelector("video").ended);
}

test("as a stream", () => visit(site.watch, async (page) => {
  await play(page);
  await taken(page);
  await seeks(page);
}));

test("as a plain file", () => visit(site.watch, async (page) => {
  await page.evaluate(() => document.querySelector("video").play());
  await playing(page);
  await seeks(page);
}, { context: { javaScriptEnabled: false } }));

await run(openBrowser, closeBrowser);
