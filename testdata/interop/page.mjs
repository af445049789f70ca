// Takes a picture of a page once it shows a text and, where it has a video, that has begun to play.
// usage: node page.mjs ADDRESS TEXT FILE; prints how many seconds of a video it has seen, as JSON.

import { launchChromium } from "../browser/chromium.mjs";

const [address, text, file] = process.argv.slice(2);
const patience = { timeout: 120_000 };
const browser = await launchChromium(["--ignore-certificate-errors"]);
try {
  const page = await browser.newPage({ viewport: { width: 1000, height: 800 }, ignoreHTTPSErrors: true });
  await page.goto(address, patience);
  await page.getByText(text).locator("visible=true").first().waitFor(patience);
  const seen = () => document.querySelector("video")?.currentTime ?? 0;
  const play = () => {
    const video = document.querySelector("video");
    video.muted = true;
    if (video.paused) video.play().catch(() => {});
    return video.currentTime > 1;
  };
  if (await page.locator("video").count()) await page.waitForFunction(play, null, { timeout: 60_000, polling: 1000 }).catch(() => {});
  console.log(JSON.stringify({ played: await page.evaluate(seen) }));
  await page.screenshot({ path: file });
} finally {
  await browser.close();
}
