// Starts a Chromium that takes no part in anything but the benchmark.

import { chromium } from "playwright-core";

export const probe = new URL("./probe.js", import.meta.url).pathname;

// launch starts the program at executablePath; origins are the addresses of our pages.
export function launch(executablePath, origins) {
  const args = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--mute-audio",
    "--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-extensions",
    "--autoplay-policy=no-user-gesture-required",
    // Our network has no mDNS and no certificate: every way may gather plain host addresses
    // and may use what browsers keep for secure pages.
    "--disable-features=WebRtcHideLocalIpsWithMdns,Translate,OptimizationHints",
    `--unsafely-treat-insecure-origin-as-secure=${origins.join(",")}`,
  ];
  return chromium.launch({ executablePath, args, chromiumSandbox: false });
}
