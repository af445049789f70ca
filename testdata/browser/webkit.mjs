// Plays the watch page in WebKitGTK, over the W3C WebDriver protocol. The driver and
// its browser need a display and a session bus: the Go test starts this script under
// xvfb-run and dbus-run-session.
//
//   node webkit.mjs http://127.0.0.1:8080 VIDEO-ID [part of a test's name]

import { spawn } from "node:child_process";
import http from "node:http";
import net from "node:net";
import { run } from "./harness.mjs";
import { browserTests } from "./others.mjs";

const element = "element-6066-11e4-a52e-4f735466cecf"; // W3C WebDriver, 12.1
let driver;
let port;

// call sends one command and returns its value.
function call(method, path, body) {
  const text = method === "POST" ? JSON.stringify(body ?? {}) : undefined;
  const headers = text ? { "Content-Type": "application/json", "Content-Length": Buffer.byteLength(text) } : {};
  return new Promise((ok, fail) => {
    const request = http.request({ host: "127.0.0.1", port, path, method, headers }, async (answer) => {
      let all = "";
      for await (const chunk of answer) all += chunk;
      const { value } = JSON.parse(all);
      if (answer.statusCode === 200) ok(value);
      else fail(new Error(`${method} ${path}: ${value?.error}: ${value?.message}`));
    });
    request.on("error", fail);
    request.end(text);
  });
}

async function session() {
  const capabilities = {
    alwaysMatch: {
      "webkitgtk:browserOptions": { binary: process.env.MINIBROWSER, args: ["--automation"] },
      timeouts: { script: 30000, pageLoad: 60000 },
    },
  };
  const { sessionId } = await call("POST", "/session", { capabilities });
  const at = `/session/${sessionId}`;
  return {
    goto: (url) => call("POST", `${at}/url`, { url }),
    run: (source, argument = null) => call("POST", `${at}/execute/sync`, { script: `return (${source})(arguments[0])`, args: [argument] }),
    click: async (value) => {
      const found = await call("POST", `${at}/element`, { using: "css selector", value });
      await call("POST", `${at}/element/${found[element]}/click`);
    },
    end: () => call("DELETE", at),
  };
}

function freePort() {
  return new Promise((ok) => {
    const server = net.createServer().listen(0, "127.0.0.1", () => {
      const { port: free } = server.address();
      server.close(() => ok(free));
    });
  });
}

async function answering() {
  for (let i = 0; i < 100; i++) {
    try {
      return await call("GET", "/status");
    } catch {
      await new Promise((go) => setTimeout(go, 100));
    }
  }
  throw new Error("WebKitWebDriver does not answer");
}

browserTests(async (body) => {
  const page = await session();
  try {
    await body(page);
  } finally {
    await page.end().catch(() => {});
  }
});

await run(
  async () => {
    port = await freePort();
    driver = spawn(process.env.WEBKIT_DRIVER || "WebKitWebDriver", [`--port=${port}`], { stdio: "ignore" });
    await answering();
  },
  async () => {
    driver.kill();
  },
);
