// Chromium with a page that is watched: whatever it complains of, or asks elsewhere for, is noted.
import { existsSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";

const require = createRequire(import.meta.url);
const programs = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];

// Why these tests can't be run here; null when they can.
export function missing() {
  if (!programs.some(existsSync)) return "no Chromium (tools/install-deps web)";
  try {
    require.resolve("playwright-core");
    require.resolve("axe-core");
  } catch {
    return "no node_modules in tests/web (npm install, or make test-web)";
  }
  return null;
}

// base: the only address that may be asked. folder: of the screenshots.
export async function openBrowser(base, folder) {
  const { chromium } = await import("playwright-core");
  const axe = readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");
  const browser = await chromium.launch({
    executablePath: programs.find(existsSync),
    args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"],
  });
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, reducedMotion: "reduce", acceptDownloads: true, locale: "en-GB" });
  context.setDefaultTimeout(60000);
  const page = await context.newPage();
  const complaints = [];
  page.on("console", (message) => ["error", "warning"].includes(message.type()) && complaints.push(`${message.text()} (${message.location().url})`));
  page.on("pageerror", (failure) => complaints.push(failure.stack));
  page.on("request", (request) => {
    if (!request.url().startsWith(`${base}/`) && !request.url().startsWith("blob:")) complaints.push(`asked elsewhere: ${request.url()}`);
  });
  return {
    page, complaints,
    // Complaints that a step provokes; returns how many there were.
    forgive(pattern) {
      const before = complaints.length;
      complaints.splice(0, complaints.length, ...complaints.filter((text) => !pattern.test(text)));
      return before - complaints.length;
    },
    async shoot(name, options) {
      await page.screenshot({ path: join(folder, `${name}.png`), ...options });
    },
    async accessibility() {
      const found = await page.evaluate(`(() => { ${axe}; })(); axe.run()`);
      return found.violations.map((each) => `${each.id}: ${each.help}: ${each.nodes.slice(0, 3).map((node) => node.target.join(" ")).join("; ")}`);
    },
    sideways: () => page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth),
    close: () => browser.close(),
  };
}
