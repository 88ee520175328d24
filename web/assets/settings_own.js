// The operator's own lists; what is kept of people, and how it goes.
import { call, get, query } from "./api.js";
import { ask, field, h, moment, number, replace, say, tableOf, trouble } from "./dom.js";
import { t } from "./texts.js";

export async function ownListsPart(place) {
  const kind = h("select", { id: "kind" }, Object.entries(t.kinds).map(([value, name]) => h("option", { value }, name)));
  const text = h("textarea", { id: "entries", rows: "8", spellcheck: "false", "aria-describedby": "entries-hint" });
  const problem = h("div");
  const load = async () => {
    replace(problem);
    text.value = await get(`/v1/operator-lists/${kind.value}`);
  };
  async function save(event) {
    event.preventDefault();
    replace(problem);
    try {
      await call("PUT", `/v1/operator-lists/${kind.value}`, text.value);
      say(t.saved);
    } catch (failure) {
      replace(problem, trouble(failure.message));
    }
  }
  kind.addEventListener("change", () => load().catch((failure) => replace(problem, trouble(failure.message))));
  replace(place, h("h2", {}, t.ownLists), h("form", { class: "form own-lists", onsubmit: save },
    field(t.whichList, "kind", kind), field(t.entries, "entries", text, t.ownListsHint), problem, h("p", {}, h("button", { class: "primary" }, t.save))));
  await load();
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
