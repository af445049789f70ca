// Plays the watch page in Firefox, over WebDriver BiDi.
//
//   node firefox.mjs http://127.0.0.1:8080 VIDEO-ID [part of a test's name]

import puppeteer from "puppeteer-core";
import { program } from "./chromium.mjs";
import { run } from "./harness.mjs";
import { fitTests } from "./fits.mjs";
import { browserTests } from "./others.mjs";

let browser;

const use = async (body) => {
  const context = await browser.createBrowserContext();
  const page = await context.newPage();
  try {
    await body({
      goto: (address) => page.goto(address),
      run: (source, argument) => page.evaluate(source, argument),
      click: (selector) => page.click(selector),
      size: (width, height) => page.setViewport({ width, height }),
    });
  } finally {
    await context.close();
  }
};

browserTests(use);
fitTests(use);

await run(
  async () => {
    browser = await puppeteer.launch({
      browser: "firefox",
      executablePath: process.env.FIREFOX || program("firefox-esr"),
      headless: true,
      extraPrefsFirefox: { "media.autoplay.default": 0 },
    });
  },
  () => browser.close(),
);
