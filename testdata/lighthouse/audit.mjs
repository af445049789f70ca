// usage: node audit.mjs URL...: prints Lighthouse's scores of each page as one JSON line.
// Performance is left out: on a busy machine it measures the machine.
import * as chromeLauncher from "chrome-launcher";
import lighthouse from "lighthouse";

const chrome = await chromeLauncher.launch({
  chromePath: "/usr/bin/chromium",
  chromeFlags: ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync"],
});
try {
  for (const url of process.argv.slice(2)) {
    const { lhr } = await lighthouse(url, {
      port: chrome.port, logLevel: "error", onlyCategories: ["accessibility", "best-practices", "seo"],
    });
    const failed = Object.values(lhr.audits).filter((a) => a.score !== null && a.score < 1).map((a) => a.id);
    const score = (name) => Math.round(lhr.categories[name].score * 100);
    console.log(JSON.stringify({
      url, accessibility: score("accessibility"), bestPractices: score("best-practices"), seo: score("seo"), failed,
    }));
  }
} finally {
  chrome.kill();
}
