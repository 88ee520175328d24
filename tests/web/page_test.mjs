// The page, walked in a real browser against the lab: node page_test.mjs PROGRAM SOURCE-ROOT OUT-FOLDER
// Exit status 77: can't be run here. Screenshots are left in OUT-FOLDER.
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
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

// Somebody who is called: counts, and answers that it heard.
async function openHook() {
  let calls = 0, seen = 0;
  const server = createServer((request, response) => {
    request.resume();
    request.on("end", () => { calls++; response.end("heard"); });
  });
  await new Promise((done) => server.listen(0, "127.0.0.1", done));
  return {
    base: `http://127.0.0.1:${server.address().port}`,
    async called() {
      for (const end = Date.now() + 30000; calls <= seen; await new Promise((done) => setTimeout(done, 50)))
        assert.ok(Date.now() < end, "nobody called");
      seen = calls;
    },
    close: () => server.close(),
  };
}

const folder = mkdtempSync(join(tmpdir(), "mailknock-page-"));
mkdirSync(out, { recursive: true });
writeFileSync(join(folder, "all.scenario"), readFileSync(join(root, "examples/demo.scenario"), "utf8") + readFileSync(join(root, "tests/web/world.scenario"), "utf8"));
const world = await openWorld(program, join(folder, "all.scenario"), 900);
const hook = await openHook();
const browser = await openBrowser(world.base, out);
const { page } = browser;
const { counts, rows } = expectedCounts();

const to = (hash) => page.evaluate((text) => { location.hash = text; }, hash);
const hash = () => page.evaluate(() => location.hash);
const heading = (text) => page.getByRole("heading", { level: 1, name: text, exact: true }).waitFor();
const texts = (selector) => page.locator(selector).allTextContents();
const api = (path) => fetch(world.base + path, { headers: { "X-API-Key": world.key } });
const state = (name) => page.locator(".facts-line .state", { hasText: name }).waitFor();
async function fromMenu(name) {
  await page.locator(".menu summary").click();
  await page.locator(".menu").getByRole("button", { name }).click();
}
const settled = () => page.waitForFunction(() => !document.querySelector('[aria-busy="true"], .busy'));

async function signIn(key) {
  await page.locator("#key").fill(key);
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
    const dialog = page.getByRole("dialog", { name: "Export" });
    const open = async (button = "Export") => {
      await page.getByRole("button", { name: button, exact: true }).click();
      await dialog.waitFor();
    };
    await open();
    await lookedAt("export");
    await page.keyboard.press("Escape");
    const take = async (preset, prepare = () => {}) => {
      if (!(await dialog.count())) await open();
      await dialog.locator(`[name="preset"][value="${preset}"]`).check();
      await prepare();
      const [download] = await Promise.all([page.waitForEvent("download"), dialog.getByRole("link", { name: "Download" }).click()]);
      await dialog.waitFor({ state: "detached" });
      return [download.suggestedFilename(), readFileSync(await download.path(), "utf8").replace(/^\ufeff/, "").trim().split(/\r?\n/)];
    };
    const [name, safe] = await take("safe");
    assert.equal(name, "customers.cleaned.csv");
    assert.equal(safe.length, counts.valid + 1);
    assert.match(safe[0], /^id,name,email,city,/);
    assert.equal((await take("all"))[1].length, rows + 1);
    const [, objects] = await take("unknown", () => dialog.getByLabel("Format").selectOption("ndjson"));
    assert.deepEqual(objects.map((line) => JSON.parse(line).mailknock.status), Array(counts.unknown).fill("unknown"));
    const [archive] = await take("all", () => dialog.getByLabel("Format").selectOption("zip"));
    assert.equal(archive, "customers.cleaned.zip");
    const [, kickbox] = await take("all", () => dialog.getByLabel("Words of").selectOption("kickbox"));
    assert.match(kickbox[0], /city,result,reason,/);
    const [, mended] = await take("all", () => dialog.getByLabel("Add a column with the address to mail").check());
    assert.match(mended[0], /,mk_explanation,mk_send_to$/);
    assert.match(mended.find((line) => line.includes(",chen.wei.demo@gnail.com,")), /,chen\.wei\.demo@gmail\.com$/);
  },

  async "exactly what is in view is exported, with the columns chosen"() {
    const dialog = page.getByRole("dialog", { name: "Export" });
    await to("/lists/2?flag=role&provider=google");
    await page.getByRole("button", { name: "Remove the filter role" }).waitFor();
    await settled();
    const shown = await texts("table.rows .address-cell");
    assert.ok(shown.length > 0);
    await page.getByRole("button", { name: "Export these rows" }).click();
    await dialog.getByRole("radio", { name: /As filtered now/ }).waitFor();
    for (const name of ["Score", "Advice", "Flags", "Suggestion", "Provider", "Explanation"]) await dialog.getByRole("checkbox", { name }).uncheck();
    const [download] = await Promise.all([page.waitForEvent("download"), dialog.getByRole("link", { name: "Download" }).click()]);
    const lines = readFileSync(await download.path(), "utf8").replace(/^\ufeff/, "").trim().split(/\r?\n/);
    assert.equal(lines[0], "id,name,email,city,mk_status,mk_reason");
    assert.equal(lines.length, shown.length + 1);
    for (const [index, address] of shown.entries()) assert.ok(lines[index + 1].includes(`,${address},`), lines[index + 1]);
    await page.getByRole("button", { name: "Clear all" }).click();
  },

  async "a list is renamed"() {
    const rename = async (from, name) => {
      await heading(from);
      await page.getByRole("button", { name: "Rename" }).click();
      await page.getByRole("textbox", { name: "Name", exact: true }).fill(name);
      await page.keyboard.press("Enter");
      await heading(name);
      assert.equal(await page.evaluate(() => document.activeElement.dataset.key), "rename");
    };
    await rename("customers.csv", `spring ${markup}`);
    await rename(`spring ${markup}`, "customers.csv");
  },

  async "what was mistyped becomes a list of its own"() {
    await settled();
    const wanted = new Set((await (await api("/v1/lists/2/results?flag=typo_suspected&limit=1000")).json()).items.map((item) => item.suggestion));
    await fromMenu("Mend mistyped addresses…");
    const dialog = page.getByRole("dialog", { name: "Accept what was suggested" });
    await lookedAt("suggestions");
    await dialog.getByRole("button", { name: "Make a list of them" }).click();
    await heading("customers.csv, mended");
    await state("Done");
    await page.waitForFunction((count) => document.querySelectorAll("table.rows tbody tr").length === count, wanted.size);
    assert.deepEqual(new Set(await texts("table.rows .address-cell")), wanted);
    await page.evaluate(() => history.back());
    await heading("customers.csv");
    await api("/v1/lists/3").then((answer) => answer.json()).then((list) => assert.equal(list.name, "customers.csv, mended"));
    assert.equal((await fetch(`${world.base}/v1/lists/3`, { method: "DELETE", headers: { "X-API-Key": world.key } })).status, 204);
  },

  async "one row joins an own list, and is asked about again"() {
    await to("/lists/2?text=marta.kask");
    await page.locator("table.rows").getByRole("button", { name: "marta.kask.demo@gmail.com" }).click();
    const drawer = page.locator("dialog.drawer");
    await drawer.getByRole("button", { name: "Add to own list…" }).click();
    const dialog = page.getByRole("dialog", { name: "Add to one of your own lists" });
    await dialog.getByLabel("List").selectOption("complaint");
    await lookedAt("own-list");
    await dialog.getByRole("button", { name: "Add", exact: true }).click();
    await page.getByText("1 added.").waitFor();
    assert.match(await (await api("/v1/operator-lists/complaint")).text(), /marta\.kask\.demo@gmail\.com/);
    await drawer.getByRole("button", { name: "Check this row again" }).click();
    await page.getByText("It is being asked about again.").waitFor();
    await page.keyboard.press("Escape");
    await drawer.waitFor({ state: "detached" });
    await page.locator("table.rows .reason", { hasText: "Complained before" }).waitFor();
    await fetch(`${world.base}/v1/operator-lists/complaint`, { method: "PUT", body: "", headers: { "X-API-Key": world.key, "Content-Type": "text/plain" } });
    await page.getByRole("button", { name: "Remove the filter “marta.kask”" }).click();
  },

  async "somebody who knows better says so, and is heeded"() {
    await to("/lists/2?text=olivia.chen");
    await page.locator("table.rows").getByRole("button", { name: "olivia.chen.demo@fastmail.com" }).click();
    const drawer = page.locator("dialog.drawer"), dialog = page.getByRole("dialog", { name: "What became of a message?" });
    await drawer.getByRole("button", { name: "Mark as wrong…" }).click();
    await lookedAt("mark-wrong");
    await dialog.getByRole("radio", { name: /Was complained of/ }).check();
    await dialog.getByRole("radio", { name: /Bounced/ }).check();
    await dialog.getByLabel("What the server said, if you know").fill("550 5.1.1 No such user");
    await dialog.getByRole("button", { name: "Note it" }).click();
    await page.getByText("Noted. Later checks heed it.").waitFor();
    assert.equal((await (await api("/v1/verify?address=olivia.chen.demo@fastmail.com")).json()).reason, "known_bounce");
    await page.keyboard.press("Escape");
    await drawer.waitFor({ state: "detached" });
  },

  async "what is not to be mailed joins an own list, and the list is judged again by it"() {
    await to("/lists/2");
    await page.getByText(`1–100 of ${rows}`).waitFor();
    await fromMenu("Keep out what is not to be mailed…");
    const keepOut = page.getByRole("dialog", { name: "Keep out what is not to be mailed" });
    await lookedAt("keep-out");
    await keepOut.getByRole("checkbox", { name: /Invalid/ }).uncheck();
    await keepOut.getByRole("checkbox", { name: /Do not mail/ }).uncheck();
    await keepOut.getByRole("button", { name: "Add", exact: true }).click();
    await keepOut.getByRole("alert").waitFor();
    await keepOut.getByRole("checkbox", { name: /Invalid/ }).check();
    await keepOut.getByRole("button", { name: "Add", exact: true }).click();
    const told = await page.locator(".toast", { hasText: /\d\d added/ }).last().textContent(); // not the one row's of before
    const { items } = await (await api("/v1/operator-lists")).json();
    const { own } = items.find((item) => item.kind === "block");
    assert.equal(Number(/^(\d+) added/.exec(told)[1]), own);
    assert.ok(own > 20 && own <= counts.invalid, told);
    await fromMenu("Judge again with today’s rules…");
    const judge = page.getByRole("dialog", { name: "Judge again with today’s rules" });
    await judge.getByText(/of \d+ mailboxes would come out differently/).waitFor();
    await lookedAt("judge-again");
    assert.equal((await (await api("/v1/lists/2")).json()).counts.skipped, counts.skipped, "only told so far");
    await judge.getByRole("button", { name: "Take them over" }).click();
    await page.getByText(/mailboxes were judged differently/).waitFor();
    await page.waitForFunction((most) => Number(document.querySelector('[data-key="status-skipped"] .legend-count').textContent) > most, counts.skipped);
    await fetch(`${world.base}/v1/operator-lists/block`, { method: "PUT", body: "", headers: { "X-API-Key": world.key, "Content-Type": "text/plain" } });
    await fromMenu("Judge again with today’s rules…");
    await judge.getByRole("button", { name: "Take them over" }).click();
    await page.waitForFunction((count) => document.querySelector('[data-key="status-skipped"] .legend-count').textContent === String(count), counts.skipped);
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
    // On a slow machine the last few are through by now.
    const cancel = page.getByRole("button", { name: "Cancel", exact: true }), over = page.locator(".facts-line .state", { hasText: /Done/ });
    await cancel.or(over).first().waitFor();
    if (await over.count()) return;
    await cancel.click();
    await page.getByRole("dialog").getByRole("button", { name: "Cancel" }).click();
    await page.locator(".facts-line .state", { hasText: /Cancelled|Done/ }).waitFor();
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
    await to("/settings/lists");
    await heading("Settings");
    await settled();
    await lookedAt("settings-lists");
    const entries = page.getByRole("region", { name: "Entries" }), add = page.getByRole("button", { name: "Add", exact: true });
    await page.getByRole("button", { name: /^Blocked/ }).click();
    await page.getByRole("heading", { name: "Blocked: don’t ask" }).waitFor();
    await page.getByText("Nothing is kept here yet.").waitFor();
    await page.getByLabel("Add entries").fill("fine.example\nnot fine!\n");
    await add.click();
    assert.match(await page.getByRole("alert").textContent(), /2/);
    assert.equal(browser.forgive(/422/), 1);
    await page.getByLabel("Add entries").fill(`# rivals\nrival.example\n${Array.from({ length: 30 }, (_, index) => `person${index}@many.example`).join("\n")}\n`);
    await add.click();
    await page.getByText("31 added.").waitFor();
    await entries.getByRole("cell", { name: "rival.example", exact: true }).waitFor();
    assert.equal((await (await api("/v1/verify?address=a@rival.example")).json()).reason, "blocked_domain");
    assert.equal(await entries.locator("tbody tr").count(), 20);
    await page.getByRole("button", { name: "More", exact: true }).click();
    await page.waitForFunction(() => document.querySelectorAll('[aria-label="Entries"] tbody tr').length === 31);
    await page.getByLabel("Find an entry").fill("PERSON29");
    await page.waitForFunction(() => document.querySelectorAll('[aria-label="Entries"] tbody tr').length === 1);
    await lookedAt("settings-lists-found");
    await page.getByRole("button", { name: "Remove: person29@many.example" }).click();
    await page.getByRole("dialog").getByRole("button", { name: "Remove" }).click();
    await page.waitForFunction(() => document.querySelector("tr.taken td.figure + td.figure").textContent === "30");
    assert.doesNotMatch(await (await api("/v1/operator-lists/block")).text(), /person29/);
  },

  async "a list changed meanwhile is not written over"() {
    const text = page.getByRole("textbox", { name: "Entries", exact: true }), save = page.getByRole("button", { name: "Save" });
    // What could not be read is not saved as nothing.
    await page.route("**/v1/operator-lists/block", (route) => route.fulfill({ status: 503, contentType: "application/problem+json", body: '{"detail":"not now"}' }));
    await page.getByText("Edit as text").click();
    await page.getByText("not now").waitFor();
    assert.equal(browser.forgive(/503/), 1);
    assert.equal(await save.isDisabled() && await text.isDisabled(), true);
    await page.unroute("**/v1/operator-lists/block");
    await page.getByText("Edit as text").click();
    await page.getByText("Edit as text").click();
    await page.waitForFunction(() => document.getElementById("entries").value.includes("rival.example"));
    await fetch(`${world.base}/v1/operator-lists/block/entries`, { method: "POST", body: JSON.stringify({ entries: ["other.example"] }), headers: { "X-API-Key": world.key, "Content-Type": "application/json" } });
    await text.fill("mine.example\n");
    await save.click();
    await page.getByRole("alert").waitFor();
    assert.equal(browser.forgive(/412/), 1);
    await page.getByText("Edit as text").click();
    await page.getByText("Edit as text").click();
    assert.equal(await text.inputValue(), "mine.example\n");
    await page.getByRole("button", { name: "Drop my changes and read it again" }).click();
    await page.waitForFunction(() => document.getElementById("entries").value.includes("other.example"));
    await text.fill("# rivals\nrival.example\n");
    await save.click();
    await page.getByText("Saved.").waitFor();
    assert.equal(await (await api("/v1/operator-lists/block")).text(), "# rivals\nrival.example\n");
  },

  async "an address is erased everywhere, and that is written down"() {
    await to("/settings/privacy");
    await page.getByText("Lists and results stay until somebody erases them.").waitFor();
    await lookedAt("settings-privacy");
    await page.getByRole("textbox", { name: "Address", exact: true }).fill("amara.okafor.demo@gmail.com");
    await page.getByRole("button", { name: "Erase", exact: true }).click();
    await page.getByRole("dialog").getByRole("button", { name: "Erase" }).click();
    await page.getByText(/Erased from [1-9]\d* results\./).waitFor();
    await to("/settings/audit");
    await page.getByRole("region", { name: "Audit log" }).getByRole("cell", { name: "erased", exact: true }).waitFor();
  },

  async "health names what only the operator can mend"() {
    await lookedAt("settings-audit");
    await to("/settings/health");
    await page.locator(".layer", { hasText: "Storage" }).waitFor();
    assert.equal(await page.locator(".layer").count() >= 4, true);
    await page.getByText("SMTP port").waitFor();
    await lookedAt("settings-health");
  },

  async "a webhook is added, tested and removed"() {
    await to("/settings/webhooks");
    await page.getByText("Nobody is called yet.").waitFor();
    await lookedAt("settings-webhooks-empty");
    const url = `${hook.base}/hook`;
    await page.getByLabel("Address to call").fill(url);
    await page.getByRole("button", { name: "Add a webhook" }).click();
    const secret = await page.locator(".secret code").textContent();
    assert.ok(secret.length >= 16);
    await page.getByRole("button", { name: `Test: ${url}` }).click();
    await page.getByRole("heading", { name: `Deliveries to ${url}` }).waitFor();
    await hook.called();
    await page.getByRole("button", { name: `Deliveries: ${url}` }).click();
    await page.locator(".pill", { hasText: "delivered" }).waitFor();
    await lookedAt("settings-webhooks");
    await page.getByRole("button", { name: /^Send again/ }).click();
    await hook.called();
    await page.getByRole("button", { name: `Switch off: ${url}` }).click();
    await page.getByRole("button", { name: `Switch on: ${url}` }).waitFor();
    await page.getByRole("button", { name: `Remove: ${url}` }).click();
    await page.getByRole("dialog").getByRole("button", { name: "Remove" }).click();
    await page.getByText("Nobody is called yet.").waitFor();
  },

  async "a key is shown once, opens what it may, and is removed"() {
    await to("/settings/keys");
    await settled();
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

  async "a list that is still read can be cancelled, and started later"() {
    await to("/new");
    const buffer = Buffer.from(Array.from({ length: 400000 }, (_, index) => `person${index}@nowhere.invalid`).join("\n"));
    await page.locator("#file").setInputFiles({ name: "Empfängerverzeichnis der Donaudampfschifffahrtsgesellschaft, Übersicht für Führungskräfte (Größe XL).txt", mimeType: "text/plain", buffer });
    await page.getByLabel("How deep").selectOption("syntax");
    await page.getByRole("button", { name: "Start", exact: true }).click();
    await heading("Empfängerverzeichnis der Donaudampfschifffahrtsgesellschaft, Übersicht für Führungskräfte (Größe XL).txt");
    await page.getByText("The list is being read.").waitFor();
    await browser.shoot("loading");
    await page.getByRole("button", { name: "Cancel", exact: true }).click();
    await page.getByRole("dialog").getByRole("button", { name: "Cancel" }).click();
    await state("Cancelled");
    const list = (await (await api("/v1/lists?limit=1")).json()).items[0];
    assert.equal(list.rows, 400000);
    // On a slow browser it is read by then, and was begun.
    assert.ok(list.done < 400000, `${list.done} done`);
    await page.getByRole("button", { name: list.done ? "Go on" : "Start", exact: true }).waitFor();
    await fromMenu("Erase this list…");
    await page.getByRole("dialog").getByRole("button", { name: "Erase" }).click();
    await heading("Lists");
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

  async "a list is made, cancelled and read by the keyboard alone"() {
    const { keyboard } = page;
    const tabTo = async (name, most = 60) => {
      for (let step = 0; step < most; step++) {
        await keyboard.press("Tab");
        const here = await page.evaluate(() => { const e = document.activeElement; return e.getAttribute("aria-label") || e.textContent.trim() || (e.labels && e.labels[0] && e.labels[0].textContent) || e.id; });
        if (name.test(here)) return;
      }
      assert.fail(`Tab does not reach ${name}`);
    };
    await tabTo(/^New list$/);
    await keyboard.press("Enter");
    await heading("New list");
    await tabTo(/^or paste addresses/);
    await keyboard.type(Array.from({ length: 150 }, (_, index) => `key${index}@slow.example`).join("\n"));
    await tabTo(/^Name$/);
    await keyboard.type("by keyboard");
    await tabTo(/^Start$/);
    await keyboard.press("Enter");
    await heading("by keyboard");
    await page.locator("section.live tbody tr").first().waitFor();
    await tabTo(/^Cancel$/);
    await keyboard.press("Enter");
    await page.getByRole("dialog").waitFor();
    await tabTo(/^Cancel$/);
    await keyboard.press("Enter");
    await state("Cancelled");
    await tabTo(/^key0@slow\.example$/, 80);
    await keyboard.press("Enter");
    await page.locator("dialog.drawer h2", { hasText: "Row 1" }).waitFor();
    await keyboard.press("Escape");
    await page.locator("dialog").waitFor({ state: "detached" });
    assert.equal(await page.evaluate(() => document.activeElement.textContent), "key0@slow.example");
    await to("/");
    await page.getByText("Latest lists").waitFor();
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
  ["/new", "new-list", "New list"], ["/lists/2", "results", "customers.csv"], ["/settings/keys", "settings", "Settings"], ["/settings/webhooks", "webhooks", "Settings"], ["/settings/health", "health", "Settings"]];

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
hook.close();
const { codes, log } = await world.close();
rmSync(folder, { recursive: true, force: true });
if (!failure && codes.some((code) => code !== 0)) failure = new Error(`the service and the lab ended with ${codes}:\n${log}`);
if (failure) console.log(String(failure.message));
process.exit(failure ? 1 : 0);
