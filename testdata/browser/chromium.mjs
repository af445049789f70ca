// Starts the machine's Chromium with nothing in it that calls home.

import { existsSync } from "node:fs";
import { chromium } from "playwright-core";

const flags = [
  "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
  "--disable-background-networking", "--disable-component-update", "--disable-sync",
  "--autoplay-policy=no-user-gesture-required",
];

// program finds a browser as a shell would: .ci/install puts some into a folder of its own.
export function program(name) {
  const path = process.env.PATH.split(":").map((dir) => `${dir}/${name}`).find((file) => existsSync(file));
  if (!path) throw new Error(`missing ${name}: "make test" installs it`);
  return path;
}

export function launchChromium(more = []) {
  return chromium.launch({ executablePath: process.env.CHROMIUM || program("chromium"), args: [...flags, ...more] });
}
