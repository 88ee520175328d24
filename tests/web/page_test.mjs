// The page, walked in a real browser against the lab: node page_test.mjs PROGRAM SOURCE-ROOT OUT-FOLDER
// Exit status 77: can't be run here. Screenshots are left in OUT-FOLDER.
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
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

const markup = "<img src=x onerror=window.hacked=1>";
const statuses = { valid: "Valid", catch_all: "Catch-all", unknown: "Unknown", do_not_mail: "Do not mail", invalid: "Invalid", skipped: "Skipped" };

// The last two columns hold no comma, whatever the address before them does.
function expectedCounts() {
  const counts = Object.fromEntries(Object.keys(statuses).map((status) => [status, 0]));
  const lines = readFileSync(join(root, "examples/customers.expected.csv"), "utf8").trim().split("\n").slice(1);
  for (const line of lines) counts[line.split(",").at(-2)]++;
  return { counts, rows: lines.length };
}

const folder = mkdtempSync(join(tmpdir(), "mailknock-page-"));
mkdirSync(out, { recursive: true });
writeFileSync(join(folder, "all.scenario"), readFileSync(join(root, "examples/demo.scenario"), "utf8") + readFileSync(join(root, "tests/web/world.scenario"), "utf8"));
const world = await openWorld(program, join(folder, "all.scenario"), 900);
const browser = await openBrowser(world.base, out);
const { page } = browser;
const { counts, rows } = expectedCounts();

const to = (hash) => page.evaluate((text) => { location.hash = text; }, hash);
const hash = () => page.evaluate(() => location.hash);
const heading = (text) => page.getByRole("heading", { level: 1, name: text, exact: true }).waitFor();
const texts = (selector) => page.locator(selector).allTextContents();
const api = (path) => fetch(world.base + path, { headers: { "X-API-Key": world.key } });
const state = (name) => page.locator(".facts-line .state", { hasText: name }).waitFor();
const settled = () => page.waitForFunction(() => !document.querySelector('[aria-busy="true"], .busy'));

async function signIn(key) {
  await page.getByLabel("API key").fill(key);
  await page.getByRole("button", { name: "Sign in" }).click();
}

async function lookedAt(name) {
  await settled();
  assert.deepEqual(await browser.accessibility(), [], `axe on ${name}`);
  await browser.shoot(name, { fullPage: true });
}

const steps = {
  async "a wrong key is refused in words"() {
    await page.goto(`${world.base}/`);
    await signIn("mk_wrong");
    await page.getByRole("alert").waitFor();
    assert.equal(browser.forgive(/401/), 1);
    await lookedAt("sign-in");
  },

  async "the right key opens the home page"() {
    await signIn(world.key);
    await page.getByRole("heading", { name: "Check one address" }).waitFor();
    await page.getByText("No list yet.").waitFor();
    await page.getByText("Nothing was checked yet.").waitFor();
    await lookedAt("home-empty");
  },

  async "one address is checked, with all evidence"() {
    await page.getByLabel("Address").fill("amara.okafor.demo@gmail.com");
    await page.keyboard.press("Enter");
    await page.locator(".verdict.valid").waitFor();
    assert.match(await hash(), /^#\/check\?address=amara\.okafor\.demo%40gmail\.com$/);
    assert.match(await page.locator(".transcript").first().textContent(), /C: RCPT TO:<amara\.okafor\.demo@gmail\.com>[^]*S: 250 2\.1\.5/);
    assert.equal(await page.locator(".layer.ok").count(), 4);
    assert.match(await page.getByRole("region", { name: "DNS answers" }).textContent(), /gmail-smtp-in\.l\.google\.com/);
    await lookedAt("check");
  },

  async "a suggestion can be followed"() {
    await to("/check?address=chen.wei.demo@gnail.com");
    await page.locator(".verdict.invalid").waitFor();
    await page.getByRole("button", { name: "chen.wei.demo@gmail.com" }).click();
    await page.locator(".verdict h2", { hasText: "chen.wei.demo@gmail.com" }).waitFor();
  },

  async "markup in an address and in a reply stays text"() {
    await to(`/check?address=${encodeURIComponent("nobody@markup.example")}`);
    await page.locator(".verdict.invalid h2", { hasText: "nobody@markup.example" }).waitFor();
    assert.match(await page.locator(".transcript").first().textContent(), /<script>window\.hacked='greeting'<\/script>[^]*<img src=x onerror/);
    await to(`/check?address=${encodeURIComponent(`${markup}@markup.example`)}`);
    await page.locator(".verdict h2", { hasText: markup }).waitFor();
    assert.equal(await page.evaluate(() => window.hacked), undefined);
  },

  async "the same in a pasted list and a file's name"() {
    await to("/new");
    await lookedAt("new-list");
    const name = `${markup}.csv`;
    await page.locator("#file").setInputFiles({ name, mimeType: "text/csv", buffer: Buffer.from(`email,note\n"""${markup}""@gmail.com",${markup}\nnobody@markup.example,=1+1\n`) });
    await page.locator(".file-name", { hasText: markup }).waitFor();
    await page.getByRole("button", { name: "Start", exact: true }).click();
    await state("Done");
    await heading(name);
    await page.locator("table.rows .address-cell", { hasText: markup }).getByRole("button").click();
    await page.locator("dialog .verdict").waitFor();
    await page.keyboard.press("Escape");
    assert.equal(await page.evaluate(() => window.hacked), undefined);
    assert.equal(await page.locator("main img, dialog img").count(), 0);
  },

  async "a list is looked at before it starts"() {
    await to("/new");
    await page.locator("#file").setInputFiles(join(root, "examples/customers.csv"));
    await page.getByRole("button", { name: "Look first, start later" }).click();
    await page.getByRole("heading", { name: "Ready to start" }).waitFor();
    const [all, mailboxes, duplicates, unreadable] = (await texts(".ready .tile dd")).map(Number);
    assert.deepEqual([all, mailboxes + duplicates, unreadable], [rows, rows, 0]);
    assert.ok(duplicates > 0);
    await page.getByRole("cell", { name: "marta.kask.demo@gmail.com", exact: true }).waitFor();
    await page.getByRole("region", { name: "Columns" }).getByRole("row", { name: /email.*taken/ }).waitFor();
    await page.getByRole("button", { name: "Take this: name" }).click();
    await page.getByRole("cell", { name: "Marta Kask", exact: true }).waitFor();
    await page.getByText("Change how it is read").click();
    await page.getByLabel("Column of addresses").fill("email");
    await page.getByRole("button", { name: "Apply" }).click();
    await page.getByRole("region", { name: "Columns" }).getByRole("row", { name: /email.*taken/ }).waitFor();
    await page.getByRole("cell", { name: "marta.kask.demo@gmail.com", exact: true }).waitFor();
    await lookedAt("ready");
    await page.getByRole("button", { name: "Start", exact: true }).click();
  },

  async "it runs in sight, and its verdicts are those expected"() {
    await page.getByRole("progressbar").waitFor();
    await state("Done");
    await page.waitForFunction((all) => document.querySelector(".donut .total").textContent === String(all), rows);
    for (const [status, name] of Object.entries(statuses))
      assert.equal(await page.locator(`[data-key="status-${status}"] .legend-count`).textContent(), String(counts[status]), name);
  },

  async "figures add up"() {
    const table = page.getByRole("region", { name: "Provider and status" });
    await table.waitFor();
    const google = await table.locator("tr", { has: page.getByRole("rowheader", { name: "Google", exact: true }) }).locator("td").allTextContents();
    assert.equal(google.slice(1).reduce((sum, count) => sum + Number(count), 0), Number(google[0]));
    const scores = (await texts(".column-count")).reduce((sum, count) => sum + Number(count), 0);
    assert.equal(scores, rows);
    assert.match(await page.locator(".bounce").textContent(), /as it came\d+\.\d%sending to valid only\d+\.\d%/);
    await lookedAt("results");
  },

  async "a filter is one press, and stays in the address bar"() {
    await page.getByRole("button", { name: /^Unknown/ }).first().click();
    await page.waitForFunction((count) => document.querySelectorAll("table.rows tbody tr").length === count, counts.unknown);
    assert.match(await hash(), /\?status=unknown$/);
    assert.deepEqual(new Set(await texts("table.rows .badge")), new Set(["Unknown"]));
    assert.equal(await page.evaluate(() => document.activeElement.dataset.key), "status-unknown");
    await page.reload();
    await page.waitForFunction((count) => document.querySelectorAll("table.rows tbody tr").length === count, counts.unknown);
    await page.getByRole("button", { name: "Remove the filter Unknown" }).click();
    await page.waitForFunction(() => document.querySelectorAll("table.rows tbody tr").length === 100);
  },

  async "filters go together, and say so when nothing fits"() {
    const filters = page.getByRole("search", { name: "Filters" });
    await filters.getByLabel("Text").fill("demo@gmail");
    await page.keyboard.press("Enter");
    await page.waitForFunction(() => [...document.querySelectorAll("table.rows .address-cell")].every((cell) => cell.textContent.includes("demo@gmail")));
    await filters.getByLabel("Status").selectOption("invalid");
    await page.waitForFunction(() => [...document.querySelectorAll("table.rows .badge")].every((each) => each.textContent === "Invalid"));
    assert.match(await hash(), /status=invalid&text=demo%40gmail/);
    await filters.getByLabel("Score from").fill("99");
    await page.keyboard.press("Enter");
    await page.getByText("No row fits these filters.").waitFor();
    await page.getByRole("button", { name: "Clear all" }).click();
    await page.getByText(`1–100 of ${rows}`).waitFor();
  },

  async "pages go forth and back"() {
    await page.getByRole("link", { name: "Next" }).click();
    await page.getByText(`101–${rows} of ${rows}`).waitFor();
    await page.reload();
    await page.getByText(`101–${rows} of ${rows}`).waitFor();
    await page.getByRole("link", { name: "Previous" }).click();
    await page.getByText(`1–100 of ${rows}`).waitFor();
  },

  async "a row opens by the keyboard, with its conversation"() {
    await settled();
    const row = page.getByRole("button", { name: "bram@lumenstudio.example" });
    await row.focus();
    await page.keyboard.press("Enter");
    await page.locator("dialog .verdict.catch_all").waitFor();
    assert.match(await page.locator("dialog .transcript").first().textContent(), /RCPT TO:<bram@lumenstudio\.example>/);
    assert.match(await page.locator("dialog").textContent(), /1009,Bram Claes,bram@lumenstudio\.example,Ghent/);
    assert.match(await hash(), /row=9$/);
    await lookedAt("row");
    await page.getByRole("button", { name: "Next row" }).click();
    await page.locator("dialog h2", { hasText: "Row 10" }).waitFor();
    await page.locator("dialog .verdict h2", { hasText: "webmaster@nomail.example" }).waitFor();
    await page.keyboard.press("Escape");
    await page.locator("dialog").waitFor({ state: "detached" });
    assert.equal(await row.evaluate((element) => element === document.activeElement), true);
  },

  async "what is exported is what was found"() {
    const menu = page.locator("details.menu");
    await page.locator("summary", { hasText: "Export" }).click();
    await browser.shoot("export");
    const take = async (preset) => {
      if (!(await menu.evaluate((element) => element.open))) await menu.locator("summary").click();
      const [download] = await Promise.all([page.waitForEvent("download"), menu.locator(`[data-preset="${preset}"]`).click()]);
      return [download.suggestedFilename(), readFileSync(await download.path(), "utf8").replace(/^\ufeff/, "").trim().split(/\r?\n/)];
    };
    const [name, safe] = await take("safe");
    assert.equal(name, "customers.cleaned.csv");
    assert.equal(safe.length, counts.valid + 1);
    assert.match(safe[0], /^id,name,email,city,/);
    assert.equal((await take("all"))[1].length, rows + 1);
    await menu.locator("summary").click();
    await menu.getByLabel("Format").selectOption("ndjson");
    const [, objects] = await take("unknown");
    assert.deepEqual(objects.map((line) => JSON.parse(line).mailknock.status), Array(counts.unknown).fill("unknown"));
  },

  async "the report is a page of its own"() {
    const address = await page.getByRole("link", { name: "Report" }).getAttribute("href");
    const answer = await api(address);
    assert.equal(answer.status, 200);
    assert.match(await answer.text(), /customers\.csv/);
  },

  async "what stayed unknown is asked about again"() {
    await page.getByRole("button", { name: "Check unknown again" }).click();
    await state("Running");
    await page.waitForFunction((all) => Number(document.querySelector(".donut .total").textContent) < all, rows);
    // A server that asked to be left alone is left alone for minutes: all but its few rows come.
    await page.waitForFunction((most) => Number(document.querySelector(".donut .total").textContent) >= most, rows - 5);
    await page.getByRole("button", { name: "Cancel" }).click();
    await page.getByRole("dialog").getByRole("button", { name: "Cancel" }).click();
    await state("Cancelled");
  },

  async "lists are found by name, and erased after a question"() {
    const name = `${markup}.csv`;
    await to("/lists");
    await page.getByRole("link", { name }).waitFor();
    await lookedAt("lists");
    await page.getByLabel("Find a list by name").fill("IMG SRC");
    await page.waitForFunction(() => document.querySelectorAll("table.lists tbody tr").length === 1);
    await page.getByRole("button", { name: `Erase: ${name}` }).click();
    await page.getByRole("dialog").getByRole("button", { name: "Erase" }).click();
    await page.getByText("No list has such a name.").waitFor();
    await page.getByLabel("Find a list by name").fill("");
    await page.getByRole("link", { name: "customers.csv" }).waitFor();
    assert.equal(await page.locator("table.lists tbody tr").count(), 1);
  },

  async "own lists are checked line by line"() {
    await to("/settings");
    await heading("Settings");
    await settled();
    await Promise.all([page.waitForResponse(/operator-lists\/block$/), page.getByLabel("List", { exact: true }).selectOption("block")]);
    await page.getByLabel("Entries").fill("fine.example\nnot fine!\n");
    await page.getByRole("button", { name: "Save" }).click();
    assert.match(await page.getByRole("alert").textContent(), /2/);
    assert.equal(browser.forgive(/422/), 1);
    await page.getByLabel("Entries").fill("# rivals\nrival.example\n");
    await page.getByRole("button", { name: "Save" }).click();
    await page.getByText("Saved.").waitFor();
    assert.equal((await (await api("/v1/verify?address=a@rival.example")).json()).reason, "blocked_domain");
  },

  async "an address is erased everywhere, and that is written down"() {
    await page.getByRole("textbox", { name: "Address", exact: true }).fill("amara.okafor.demo@gmail.com");
    await page.getByRole("button", { name: "Erase", exact: true }).click();
    await page.getByRole("dialog").getByRole("button", { name: "Erase" }).click();
    await page.getByText(/Erased from [1-9]\d* results\./).waitFor();
    await page.reload();
    await page.getByRole("region", { name: "What was done" }).getByRole("cell", { name: "erased", exact: true }).waitFor();
  },

  async "a key is shown once, opens what it may, and is removed"() {
    await page.getByLabel("Name", { exact: true }).fill("sign-up form");
    await page.getByRole("button", { name: "Make a key" }).click();
    const key = await page.locator(".secret code").textContent();
    await page.getByRole("cell", { name: "sign-up form", exact: true }).waitFor();
    await lookedAt("settings");
    await page.getByRole("button", { name: "Sign out" }).click();
    await signIn(key);
    await page.getByRole("heading", { name: "Check one address" }).waitFor();
    assert.deepEqual(await texts("nav li"), ["Home"]);
    await page.getByRole("button", { name: "Sign out" }).click();
    await signIn(world.key);
    await to("/settings");
    await page.getByRole("button", { name: "Remove: sign-up form" }).click();
    await page.getByRole("dialog").getByRole("button", { name: "Remove" }).click();
    await page.getByRole("cell", { name: "sign-up form", exact: true }).waitFor({ state: "detached" });
    assert.equal((await fetch(`${world.base}/v1/verify?address=a@b.example`, { headers: { "X-API-Key": key } })).status, 401);
  },

  async "a list is paused, goes on and is cancelled"() {
    await to("/new");
    await page.getByLabel("or paste addresses, one a line").fill(Array.from({ length: 300 }, (_, index) => `person${index}@slow.example`).join("\n"));
    await page.getByLabel("Name", { exact: true }).fill("slow ones");
    await page.getByRole("button", { name: "Start", exact: true }).click();
    await heading("slow ones");
    await page.getByRole("progressbar").waitFor();
    await page.locator("section.live tbody tr").first().waitFor();
    await lookedAt("running");
    await page.getByRole("button", { name: "Pause" }).click();
    await state("Paused");
    await page.getByRole("button", { name: "Go on" }).click();
    await state("Running");
    await page.getByRole("button", { name: "Cancel" }).click();
    await browser.shoot("cancel");
    await page.getByRole("dialog").getByRole("button", { name: "Leave it" }).click();
    await state("Running");
    await page.getByRole("button", { name: "Cancel" }).click();
    await page.getByRole("dialog").getByRole("button", { name: "Cancel" }).click();
    await state("Cancelled");
  },

  async "the keyboard reaches the content first"() {
    await to("/");
    await page.getByText("Latest lists").waitFor();
    await page.reload();
    await page.getByText("Latest lists").waitFor();
    await page.keyboard.press("Tab");
    assert.equal(await page.evaluate(() => document.activeElement.className), "skip");
    await page.keyboard.press("Enter");
    assert.equal(await page.evaluate(() => document.activeElement.id), "main");
    assert.match(await hash(), /^#\/$|^$/);
    const outline = await page.evaluate(() => {
      const link = document.querySelector("nav a");
      link.focus({ focusVisible: true });
      return getComputedStyle(link).outlineStyle;
    });
    assert.equal(outline, "solid");
  },

  async "dark is kept, and as readable"() {
    await page.getByRole("button", { name: "Dark colours" }).click();
    await page.reload();
    assert.equal(await page.evaluate(() => document.documentElement.dataset.theme), "dark");
    for (const [path, name] of pages) {
      await to(path);
      await heading(pages.find((each) => each[0] === path)[2]);
      await lookedAt(`${name}-dark`);
    }
  },

  async "nothing sticks out at phone width"() {
    await page.setViewportSize({ width: 375, height: 800 });
    for (const [path, name] of pages) {
      await to(path);
      await settled();
      await page.waitForTimeout(100);
      assert.equal(await browser.sideways(), 0, `${name} at phone width`);
      await browser.shoot(`${name}-phone`, { fullPage: true });
    }
  },

  async "nothing was complained of, and nobody else asked"() {
    assert.deepEqual(browser.complaints, []);
  },
};

const pages = [["/", "home", "Home"], ["/check?address=bram@lumenstudio.example", "check", "Check one address"], ["/lists", "lists", "Lists"],
  ["/new", "new-list", "New list"], ["/lists/2", "results", "customers.csv"], ["/settings", "settings", "Settings"]];

let failure = null, done = 0;
for (const [name, step] of Object.entries(steps)) {
  const began = Date.now();
  try {
    await step();
    console.log(`ok ${++done} - ${name} (${Date.now() - began} ms)`);
  } catch (trouble) {
    failure = trouble;
    console.log(`not ok ${done + 1} - ${name}\n${trouble.stack}\nat ${page.url()}\ncomplaints: ${browser.complaints.join("\n")}`);
    await browser.shoot("failure", { fullPage: true }).catch(() => {});
    break;
  }
}
await browser.close();
const { codes, log } = await world.close();
rmSync(folder, { recursive: true, force: true });
if (!failure && codes.some((code) => code !== 0)) failure = new Error(`the service and the lab ended with ${codes}:\n${log}`);
if (failure) console.log(String(failure.message));
process.exit(failure ? 1 : 0);
