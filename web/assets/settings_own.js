// The operator's own lists; what is kept of people, and how it goes.
import { call, get, query } from "./api.js";
import { addressText, ask, field, h, moment, number, redraw, replace, say, tableOf, trouble } from "./dom.js";
import { addEntries, addedWords } from "./list_actions.js";
import { t } from "./texts.js";

const PAGE = 20, EDITED_MAX = 20000;

// A large list is never read whole: entries join, are looked for and go by themselves.
export async function ownListsPart(place) {
  const kinds = h("div"), one = h("div", { class: "part" });
  let kind = "opt_out", held = {};

  async function drawKinds() {
    const { items } = await get("/v1/operator-lists");
    held = Object.fromEntries(items.map((item) => [item.kind, item]));
    redraw(kinds, tableOf(t.ownLists, "compact kinds", [[t.whichList], [t.inEffect, true], [t.keptHere, true], [t.fromFiles]], Object.entries(t.kinds).map(([value, name]) => {
      const item = held[value];
      return h("tr", { class: value === kind ? "taken" : null }, h("td", {}, h("button", { type: "button", class: "link plain", dataset: { key: `kind-${value}` }, "aria-pressed": String(value === kind), onclick: () => { kind = value; draw(); } }, name)),
        h("td", { class: "figure" }, number(item.in_effect)), h("td", { class: "figure" }, number(item.own)), h("td", { class: "answer" }, item.files.join(", ") || t.none));
    })));
  }
  async function draw() {
    try {
      await drawKinds();
      const mine = kind;
      oneList(one, mine, held[mine].own, () => { if (mine === kind) draw(); });
    } catch (failure) {
      replace(one, trouble(failure.message));
    }
  }
  replace(place, h("h2", {}, t.ownLists), h("p", { class: "hint" }, t.ownListsSays), kinds, one);
  await draw();
}

// changed: told when entries have come or gone.
function oneList(place, kind, own, changed) {
  const path = `/v1/operator-lists/${kind}`;
  const text = h("textarea", { id: "new-entries", rows: "3", spellcheck: "false", required: true, "aria-describedby": "new-entries-hint" });
  const find = h("input", { id: "find-entry", type: "search", placeholder: t.findEntryShape, oninput: () => { clearTimeout(typing); typing = setTimeout(first, 250); } });
  const found = h("div", { "aria-live": "polite" }), problem = h("div"), meter = h("p", { class: "hint" });
  const more = h("button", { type: "button", class: "small", hidden: true }, t.moreEntries);
  let typing = 0, items = [], next = null, turn = 0;

  async function add(event) {
    event.preventDefault();
    replace(problem);
    const entries = text.value.split("\n").map((line) => line.replace(/(^|\s)#.*$/, "").trim()).filter(Boolean);
    try {
      say(addedWords(await addEntries(kind, entries, (words) => { meter.textContent = words; })));
      changed();
    } catch (failure) {
      replace(problem, trouble(failure.message));
    }
  }
  async function remove(entry) {
    if (!(await ask(t.removeEntryTitle, t.removeEntrySure(entry), t.remove))) return;
    try {
      await call("DELETE", query(`${path}/entries`, { entry }));
      changed();
    } catch (failure) {
      say(failure.message, true);
    }
  }
  const line = ({ entry }) => h("tr", {}, h("td", { class: "host" }, addressText(entry)), h("td", { class: "figure" },
    h("button", { type: "button", class: "quiet small", "aria-label": `${t.remove}: ${entry}`, onclick: () => remove(entry) }, t.remove)));
  async function read(cursor) {
    const mine = ++turn;
    try {
      const page = await get(query(`${path}/entries`, { text: find.value.trim(), limit: PAGE, cursor }));
      if (mine !== turn) return;
      items = cursor ? [...items, ...page.items] : page.items;
      next = page.next;
      more.hidden = !next;
      redraw(found, items.length ? tableOf(t.entries, "compact", [[t.entry], [t.remove, true, true]], items.map(line)) : h("p", { class: "empty" }, find.value.trim() ? t.noEntryFound : t.noEntries));
    } catch (failure) {
      replace(found, trouble(failure.message));
    }
  }
  const first = () => read("");
  more.addEventListener("click", () => read(next));
  replace(place, h("h3", { class: "part-head" }, t.kinds[kind]),
    h("form", { class: "form", onsubmit: add }, field(t.newEntries, "new-entries", text, t.ownListsHint), problem, meter, h("p", {}, h("button", { class: "primary" }, t.addEntries))),
    own ? [field(t.findEntry, "find-entry", find), found, h("p", {}, more), wholeText(path, own, changed)] : h("p", { class: "empty" }, t.noEntries));
  if (own) first();
}

// The list as text, with its comments: read when it is wanted, and put back only if nobody changed it meanwhile.
// What was not read is never saved, and what was edited never read over without being told to.
function wholeText(path, own, changed) {
  if (own > EDITED_MAX) return h("p", { class: "hint" }, t.tooLongToEdit);
  const text = h("textarea", { id: "entries", rows: "10", spellcheck: "false", disabled: true, "aria-describedby": "entries-hint" });
  const button = h("button", { disabled: true }, t.save), problem = h("div");
  let tag = null, asRead = "";
  async function load() {
    let heard = null;
    text.disabled = button.disabled = true;
    replace(problem);
    try {
      text.value = await call("GET", path, undefined, { heard: (headers) => { heard = headers.get("ETag"); } });
      asRead = text.value;
      tag = heard;
    } catch (failure) {
      replace(problem, trouble(failure.message));
    }
    text.disabled = button.disabled = !tag;
  }
  const reload = () => h("p", {}, h("button", { type: "button", class: "quiet small", onclick: () => load().then(() => text.focus()) }, t.reloadText));
  async function save(event) {
    event.preventDefault();
    if (!tag) return;
    replace(problem);
    try {
      await call("PUT", path, text.value, { headers: { "If-Match": tag } });
      say(t.saved);
      changed();
    } catch (failure) {
      replace(problem, trouble(failure.message), failure.status === 412 ? reload() : null);
    }
  }
  return h("details", { ontoggle: (event) => { if (event.target.open && text.value === asRead) load(); } }, h("summary", {}, t.editText),
    h("form", { class: "form", onsubmit: save }, field(t.entries, "entries", text, t.editTextHint), problem, h("p", {}, button)));
}

const DAY_MS = 86400000, WARN_DAYS = 7;

// How long results stay, and which lists lose theirs soon.
export async function retentionPart(place) {
  const [settings, lists] = await Promise.all([get("/v1/settings"), get("/v1/lists?limit=100")]);
  const ends = lists.items.map((list) => {
    const days = (list.options && list.options.retention_days) || settings.retention_days;
    return days && list.finished_at ? { list, at: new Date(list.finished_at).getTime() + days * DAY_MS } : null;
  }).filter((end) => end && end.at < Date.now() + WARN_DAYS * DAY_MS).sort((a, b) => a.at - b.at);
  replace(place, h("h2", {}, t.retention), h("p", {}, settings.retention_days ? t.retentionIs(number(settings.retention_days)) : t.retentionNone), h("p", { class: "hint" }, t.retentionHint),
    ends.length ? [h("p", { class: "alarm" }, t.erasedSoonMany(number(ends.length))), tableOf(t.retention, "compact", [[t.listName], [t.erasedAt]], ends.map(({ list, at }) =>
      h("tr", {}, h("td", { class: "host" }, h("a", { href: `#/lists/${list.id}` }, list.name)), h("td", { class: "moment" }, moment(new Date(at).toISOString())))))] : null);
}

export async function erasePart(place) {
  const input = h("input", { id: "erase-address", type: "text", inputmode: "email", required: true, maxlength: "1000", autocomplete: "off", spellcheck: "false", "aria-describedby": "erase-address-hint" });
  const outcome = h("div", { "aria-live": "polite" });
  async function erase(event) {
    event.preventDefault();
    const address = input.value.trim();
    if (!(await ask(t.eraseAddressTitle, t.eraseAddressSure(address), t.erase))) return;
    try {
      const answer = await call("POST", "/v1/erase", { address });
      replace(outcome, h("p", {}, t.erasedRows(number(answer.rows))),
        answer.lists.length ? [h("p", {}, t.heldBy), h("ul", {}, answer.lists.map((list) => h("li", {}, h("a", { href: `#/lists/${list.id}` }, list.name))))] : null);
      input.value = "";
    } catch (failure) {
      replace(outcome, trouble(failure.message));
    }
  }
  replace(place, h("h2", {}, t.eraseAddress), h("form", { class: "form", onsubmit: erase }, field(t.address, "erase-address", input, t.eraseAddressHint), outcome, h("p", {}, h("button", {}, t.erase))));
}

// What was done, newest first, page after page.
export async function auditPart(place) {
  const body = h("tbody", {}), more = h("button", { type: "button", class: "small" }, t.olderEntries);
  let next = "";
  const line = (item) => h("tr", {}, h("td", { class: "moment" }, moment(item.at)), h("td", {}, (item.event || "").replaceAll("_", " ")), h("td", { class: "host" }, [item.by, item.key].filter(Boolean).join(" ")), h("td", { class: "answer" }, item.subject || ""));
  async function draw() {
    const page = await get(query("/v1/audit", { limit: 25, cursor: next }));
    body.append(...page.items.map(line));
    next = page.next;
    more.hidden = !next;
    return page.items.length;
  }
  more.addEventListener("click", () => draw().catch((failure) => say(failure.message, true)));
  const isAny = await draw();
  const table = tableOf(t.audit, "compact", t.auditColumns.map((name) => [name]), []);
  table.querySelector("tbody").replaceWith(body);
  replace(place, h("h2", {}, t.audit), h("p", { class: "hint" }, t.auditHint), isAny ? table : h("p", { class: "empty" }, t.noAudit), more);
}
