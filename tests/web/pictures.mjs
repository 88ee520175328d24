// The pictures of README, from the lab: node pictures.mjs PROGRAM SOURCE-ROOT OUT-FOLDER (doc/img)
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { missing, openBrowser } from "./browser.mjs";
import { openWorld } from "./world.mjs";

const [program, root, out] = process.argv.slice(2).map((path) => resolve(path));
const reason = missing();
if (reason) {
  console.log(`skipped: ${reason}`);
  process.exit(77);
}

const folder = mkdtempSync(join(tmpdir(), "mailknock-pictures-"));
writeFileSync(join(folder, "demo.scenario"), readFileSync(join(root, "examples/demo.scenario")));
const world = await openWorld(program, join(folder, "demo.scenario"), 600);
const browser = await openBrowser(world.base, out);
const { page } = browser;
let failure = null;

async function main() {
  await page.setViewportSize({ width: 1280, height: 1000 });
  await page.goto(`${world.base}/`);
  await page.getByLabel("API key").fill(world.key);
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByText("No list yet.").waitFor();
  await page.evaluate(() => { location.hash = "#/new"; });
  await page.locator("#file").setInputFiles(join(root, "examples/customers.csv"));
  await page.getByRole("button", { name: "Start", exact: true }).click();
  await page.waitForFunction(() => document.querySelectorAll("section.live .bar .fill").length >= 2);
  await browser.shoot("running");
  await page.locator(".histogram").waitFor();
  await browser.shoot("page");
}

await main().catch((trouble) => { failure = trouble; });
await browser.close();
await world.close();
rmSync(folder, { recursive: true, force: true });
if (failure) console.log(failure.stack);
process.exit(failure ? 1 : 0);
