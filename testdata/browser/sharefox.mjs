// Firefox and Chromium share a video with each other.
//
//   node sharefox.mjs http://127.0.0.1:8080 VIDEO-ID

import puppeteer from "puppeteer-core";
import { launchChromium, program } from "./chromium.mjs";
import { ok, run, site, test } from "./harness.mjs";
import { clean, ended, past, received, sharing, start } from "./sharing.mjs";

let firefox;
let chromium;

// Browsers hide the machine's own address behind a name that only multicast DNS knows,
// and Firefox leaves out loopback; a test machine may have nothing else.
async function open() {
  chromium = await launchChromium(["--disable-features=WebRtcHideLocalIpsWithMdns"]);
  firefox = await puppeteer.launch({
    browser: "firefox",
    executablePath: process.env.FIREFOX || program("firefox-esr"),
    headless: true,
    extraPrefsFirefox: {
      "media.autoplay.default": 0, "media.peerconnection.ice.obfuscate_host_addresses": false, "media.peerconnection.ice.loopback": true,
    },
  });
}

// Puppeteer's pages have all that the helpers ask of a page.
async function visitWith(browser, body) {
  const context = await (browser.newContext?.() ?? browser.createBrowserContext());
  const page = await context.newPage();
  try {
    await page.goto(site.watch);
    await body(page);
  } finally {
    await context.close();
  }
}

for (const [name, first, second] of [["Firefox joins Chromium", () => chromium, () => firefox], ["Chromium joins Firefox", () => firefox, () => chromium]]) {
  test(name, () => visitWith(first(), (a) => visitWith(second(), async (b) => {
    await start(a);
    await past(a, 3);
    await start(b);
    await Promise.all([sharing(a), sharing(b)]);
    await received(b, 100000);
    await Promise.all([a, b].map((p) => p.evaluate(() => void (document.querySelector("video").playbackRate = 2))));
    await Promise.all([ended(a), ended(b)]);
    const [fa, fb] = [await clean(a), await clean(b)];
    ok(fa.fromViewers + fb.fromViewers > 100000, `from each other: ${fa.fromViewers} and ${fb.fromViewers}`);
  })));
}

await run(open, () => Promise.all([chromium.close(), firefox.close()]));
