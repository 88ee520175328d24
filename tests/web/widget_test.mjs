// The sign-up form widget in a real browser: node widget_test.mjs PROGRAM SOURCE-ROOT OUT-FOLDER
// Its endpoint is a service beside the lab, or answers as badly as one can. Exit status 77: can't be run here.
import assert from "node:assert/strict";
import { mkdirSync, readFileSync } from "node:fs";
import { createServer } from "node:http";
import { join, resolve } from "node:path";
import { missing, openBrowser } from "./browser.mjs";
import { openWorld } from "./world.mjs";

const [program, root, out] = process.argv.slice(2).map((path) => resolve(path));
const reason = missing();
if (reason) {
  console.log(`skipped: ${reason}`);
  process.exit(77);
}
mkdirSync(out, { recursive: true });

let world = null;
const heard = []; // what endpoints were asked
const sent = []; // forms that arrived
const pages = {
  good: 'data-mailknock="/ask/good" data-mailknock-field="checked"',
  silent: 'data-mailknock="/ask/silent" data-mailknock-deadline="700"',
  patient: 'data-mailknock="/ask/silent" data-mailknock-deadline="4000"',
  broken: 'data-mailknock="/ask/broken"',
  garbage: 'data-mailknock="/ask/garbage"',
  strange: 'data-mailknock="/ask/strange"',
  away: 'data-mailknock="/ask/away"',
  advice: 'data-mailknock="/ask/good" data-mailknock-refuse="none"',
  late: 'data-mailknock="/ask/good" data-mailknock-when="submit"',
  markup: 'data-mailknock="/ask/markup"',
};

function page(name, attributes) {
  return `<!doctype html><html lang="en"><head><title>Sign up</title><link rel="icon" href="data:,"></head><body><main><h1>Sign up</h1>
<form action="/sent/${name}" method="post"><label for="email">Email</label> <input id="email" name="email" type="email" required aria-describedby="hint" ${attributes}>
<p id="hint">We send one message.</p><button name="plan" value="free">Free</button> <button name="plan" value="paid">Paid</button></form></main>
<script type="module" src="/mailknock-form.js"></script></body></html>`;
}

const markup = { status: "invalid", suggestion: "<img src=x onerror=window.hacked=1>@example.org" };
const answers = {
  silent: () => {},
  broken: (response) => response.writeHead(500).end("no"),
  garbage: (response) => response.end("<html>not JSON"),
  strange: (response) => response.end('{"status":"forbidden"}'),
  away: (response) => response.destroy(),
  markup: (response) => response.end(JSON.stringify(markup)),
  // As a site's own path would: the key is added here.
  async good(response, body) {
    const answer = await fetch(`${world.base}/v1/verify`, { method: "POST", body, headers: { "X-API-Key": world.key, "Content-Type": "application/json" } });
    response.writeHead(answer.status, { "Content-Type": "application/json" }).end(await answer.text());
  },
};

const site = createServer((request, response) => {
  const [, kind, name] = request.url.split("/");
  let body = "";
  request.on("data", (piece) => { body += piece; });
  request.on("end", () => {
    if (kind === "mailknock-form.js") return response.writeHead(200, { "Content-Type": "text/javascript" }).end(readFileSync(join(root, "clients/widget/mailknock-form.js")));
    if (kind === "form") return response.writeHead(200, { "Content-Type": "text/html" }).end(page(name, name === "key" ? `data-mailknock="${world.base}/v1/verify" data-mailknock-key="${world.weak}"` : pages[name]));
    if (kind === "sent") {
      sent.push({ name, ...Object.fromEntries(new URLSearchParams(body)) });
      return response.writeHead(200, { "Content-Type": "text/html" }).end("<!doctype html><html lang=en><title>Thanks</title><link rel=icon href=data:,><h1>Thanks</h1>");
    }
    if (kind !== "ask") return response.writeHead(404).end();
    heard.push({ name, ...JSON.parse(body) });
    return answers[name](response, body);
  });
});
await new Promise((done) => site.listen(0, "127.0.0.1", done));
const base = `http://127.0.0.1:${site.address().port}`;
process.env.MAILKNOCK_CORS = base;
world = await openWorld(program, join(root, "examples/demo.scenario"), 300);
world.weak = (await (await fetch(`${world.base}/v1/keys`, { method: "POST", headers: { "X-API-Key": world.key }, body: JSON.stringify({ name: "page", scopes: ["verify"], per_minute: 60 }) })).json()).key;
const browser = await openBrowser(base, out);
const tab = browser.page;

const field = () => tab.getByLabel("Email");
const note = () => tab.getByRole("status");
const thanks = () => tab.getByRole("heading", { name: "Thanks" }).waitFor();
const press = (name = "Free") => tab.getByRole("button", { name, exact: true }).click();
async function open(name) {
  heard.length = sent.length = 0;
  await tab.goto(`${base}/form/${name}`);
}
async function enter(address) {
  await field().fill(address);
  await field().blur();
}
// Sent, and how long the person was held up.
async function passes(name, address) {
  await open(name);
  await field().fill(address);
  const began = Date.now();
  await press();
  await thanks();
  assert.deepEqual(sent.map((form) => [form.email, form.plan]), [[address, "free"]]);
  return Date.now() - began;
}

const steps = {
  async "a good address goes through, asked once, with the button that was pressed"() {
    await open("good");
    await enter("amara.okafor.demo@gmail.com");
    await press("Paid");
    await thanks();
    assert.deepEqual(sent, [{ name: "good", email: "amara.okafor.demo@gmail.com", plan: "paid", checked: "valid" }]);
    assert.deepEqual(heard, [{ name: "good", address: "amara.okafor.demo@gmail.com", timeout_ms: 4500 }]);
  },
  async "sent at once by Enter, it is asked first"() {
    await open("good");
    await field().fill("amara.okafor.demo@gmail.com");
    await field().press("Enter");
    await thanks();
    assert.equal(sent.length, 1);
    assert.equal(heard.length, 1);
  },
  async "an address that is not there is refused once, in words that are announced; insisting lets it in"() {
    await open("good");
    await field().fill("nobody.demo@gmail.com");
    await press();
    await note().filter({ hasText: "would not arrive" }).waitFor();
    assert.equal(await field().getAttribute("aria-invalid"), "true");
    const described = (await field().getAttribute("aria-describedby")).split(" ");
    assert.deepEqual([described[0], described[1]], ["hint", await note().getAttribute("id")]);
    assert.equal(await tab.evaluate(() => document.activeElement.id), "email");
    assert.deepEqual(await browser.accessibility(), []);
    await browser.shoot("widget-refused");
    assert.equal(sent.length, 0);
    await press();
    await thanks();
    assert.equal(sent[0].checked, "invalid");
    assert.equal(heard.length, 1);
  },
  async "a typo is offered as a button, and taken by keyboard"() {
    await open("good");
    await enter("amara.okafor.demo@gnail.com");
    const use = tab.getByRole("button", { name: "Use amara.okafor.demo@gmail.com" });
    await use.waitFor();
    assert.equal(await field().inputValue(), "amara.okafor.demo@gnail.com", "nothing is changed unasked");
    await browser.shoot("widget-typo");
    assert.deepEqual(await browser.accessibility(), []);
    await use.focus();
    await tab.keyboard.press("Enter");
    assert.equal(await field().inputValue(), "amara.okafor.demo@gmail.com");
    assert.equal(await field().getAttribute("aria-invalid"), null);
    assert.equal(await note().textContent(), "");
    assert.equal(sent.length, 0, "the button sends nothing");
    await press();
    await thanks();
    assert.equal(sent[0].email, "amara.okafor.demo@gmail.com");
  },
  async "another address takes back what was said of the one before"() {
    await open("good");
    await enter("nobody.demo@gmail.com");
    await note().filter({ hasText: "would not arrive" }).waitFor();
    await field().fill("somebody");
    assert.equal(await note().textContent(), "");
    assert.equal(await field().getAttribute("aria-invalid"), null);
  },
  async "unknown, catch-all and throwaway addresses are let in"() {
    const wanted = { "bram@lumenstudio.example": "catch_all", "someone@mailinator.com": "do_not_mail", "someone@yahoo.com": "unknown" };
    for (const [address, status] of Object.entries(wanted)) {
      await passes("good", address);
      assert.equal(sent[0].checked, status);
    }
  },
  async "no answer: the form goes on at the deadline"() {
    const held = await passes("silent", "a@b.example");
    assert.ok(held >= 600 && held < 4000, `held up for ${held} ms`);
    assert.equal(heard[0].timeout_ms, 200);
  },
  async "the deadline counts from the question, not from sending"() {
    await open("patient");
    await enter("a@b.example");
    await new Promise((done) => setTimeout(done, 4200));
    const began = Date.now();
    await press();
    await thanks();
    assert.ok(Date.now() - began < 3000, "held up twice");
    assert.equal(heard.length, 1);
  },
  async "errors and nonsense let everybody in"() {
    for (const name of ["broken", "garbage", "strange", "away"]) assert.ok(await passes(name, "a@b.example") < 4000, name);
    browser.forgive(/500|ERR_EMPTY_RESPONSE/);
  },
  async "advice only: nothing is refused"() {
    await passes("advice", "nobody.demo@gmail.com");
  },
  async "when=submit: nothing leaves the field before"() {
    await open("late");
    await enter("amara.okafor.demo@gmail.com");
    await new Promise((done) => setTimeout(done, 200));
    assert.equal(heard.length, 0);
    await press();
    await thanks();
    assert.equal(heard.length, 1);
  },
  async "what is answered stays text"() {
    await open("markup");
    await enter("a@b.example");
    await tab.getByRole("button", { name: `Use ${markup.suggestion}` }).waitFor();
    assert.equal(await tab.evaluate(() => window.hacked), undefined);
    assert.equal(await tab.locator("form img").count(), 0);
  },
  async "a key of scope verify, from another origin"() {
    await open("key");
    await field().fill("nobody.demo@gmail.com");
    await press();
    await note().filter({ hasText: "would not arrive" }).waitFor();
    assert.ok(browser.forgive(/asked elsewhere: http:\/\/127\.0\.0\.1:\d+\/v1\/verify$/) > 0);
    const lists = await fetch(`${world.base}/v1/lists`, { headers: { "X-API-Key": world.weak } });
    assert.equal(lists.status, 403);
  },
  async "taken off, the form is as it was"() {
    await open("good");
    const left = await tab.evaluate(async () => {
      const { attach } = await import("/mailknock-form.js");
      const input = document.createElement("input");
      input.setAttribute("aria-describedby", "hint");
      document.querySelector("form").append(input);
      const before = document.body.innerHTML;
      attach(input, { endpoint: "/ask/good" }).detach();
      return document.body.innerHTML === before;
    });
    assert.ok(left);
  },
};

let failures = 0;
try {
  for (const [name, step] of Object.entries(steps)) {
    try {
      await step();
      assert.deepEqual(browser.complaints, [], "the browser complains");
      console.log(`ok      ${name}`);
    } catch (trouble) {
      failures++;
      console.log(`FAILED  ${name}\n${trouble.stack}`);
      browser.forgive(/./);
    }
  }
} finally {
  await browser.close();
  site.closeAllConnections();
  site.close();
  const { codes, log } = await world.close();
  if (codes.some((code) => code !== 0)) {
    failures++;
    console.log(`FAILED  service and lab end well: ${codes}\n${log}`);
  }
}
console.log(`${failures} failures`);
process.exit(failures ? 1 : 0);
