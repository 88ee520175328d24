// What can be done with many rows, or with one: own lists, suggestions, asking again.
import { call, get, query } from "./api.js";
import { choice, field, h, number, replace, say, trouble } from "./dom.js";
import { go, may } from "./app.js";
import { t } from "./texts.js";

const GATHERED_MAX = 20000, PAGE = 1000;

// All rows of a filter, up to a ceiling. meter: told how many there are so far.
export async function gather(id, filter, meter) {
  const found = [];
  let next = "";
  do {
    const page = await get(query(`/v1/lists/${id}/results`, { ...filter, cursor: next, before: "", limit: PAGE }));
    found.push(...page.items);
    next = page.next;
    meter(found.length);
  } while (next && found.length < GATHERED_MAX);
  return { rows: found.slice(0, GATHERED_MAX), isAll: !next && found.length <= GATHERED_MAX };
}

// addresses joins the operator's own list of a kind; those that stand there stay as they are.
async function addToOwnList(kind, addresses) {
  const text = await get(`/v1/operator-lists/${kind}`);
  const there = new Set(text.split("\n").map((line) => line.trim().toLowerCase()));
  const fresh = [...new Set(addresses)].filter((address) => address && !there.has(address.toLowerCase()));
  if (fresh.length) await call("PUT", `/v1/operator-lists/${kind}`, `${text && !text.endsWith("\n") ? `${text}\n` : text}${fresh.join("\n")}\n`);
  return fresh.length;
}

function dialogOf(id, title, body, verb, work) {
  const problem = h("div"), meter = h("p", { class: "hint", "aria-live": "polite" });
  const button = h("button", { class: "primary" }, verb);
  const dialog = h("dialog", { class: "question", "aria-labelledby": id }, h("form", { class: "form", onsubmit: async (event) => {
    event.preventDefault();
    button.disabled = true;
    replace(problem);
    try {
      await work((text) => { meter.textContent = text; });
      dialog.close();
    } catch (failure) {
      replace(problem, trouble(failure.message));
    }
    button.disabled = false;
  } }, h("h2", { id }, title), body, problem, meter,
  h("div", { class: "actions end" }, h("button", { type: "button", onclick: () => dialog.close() }, t.keep), button)));
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
}

// rows: a promise-maker of the addresses, told how to report.
export function openSuppress(count, addressesOf) {
  const kind = choice("suppress-kind", ["opt_out", "complaint", "block", "trap", "allow"].map((name) => [name, t.kinds[name]]), "opt_out");
  dialogOf("suppress-title", t.suppressTitle, [h("p", {}, t.suppressSays(count)), field(t.whichList, "suppress-kind", kind)], t.suppressVerb, async (report) => {
    const addresses = await addressesOf(report);
    say(t.suppressed(number(await addToOwnList(kind.value, addresses))));
  });
}

export function suppressFilter(id, filter, count) {
  openSuppress(count ? number(count) : t.allFiltered, async (report) => {
    const { rows, isAll } = await gather(id, filter, (n) => report(t.gathered(number(n))));
    if (!isAll) throw new Error(t.tooMany(number(GATHERED_MAX)));
    return rows.map((row) => row.address);
  });
}

// What was mistyped becomes a list of its own, checked like any other.
export function acceptSuggestions(id, name, filter, count) {
  dialogOf("suggest-title", t.suggestTitle, h("p", {}, t.suggestSays(count ? number(count) : t.allFiltered)), t.suggestVerb, async (report) => {
    const { rows, isAll } = await gather(id, { ...filter, flag: filter.flag || "typo_suspected" }, (n) => report(t.gathered(number(n))));
    if (!isAll) throw new Error(t.tooMany(number(GATHERED_MAX)));
    const suggested = [...new Set(rows.map((row) => row.suggestion).filter(Boolean))];
    if (!suggested.length) throw new Error(t.noSuggestions);
    const list = await call("POST", `/v1/lists?${new URLSearchParams({ name: t.suggestedName(name) })}`, `${suggested.join("\n")}\n`);
    go(`/lists/${list.id}`);
  });
}

// The buttons below one row. changed: told the list once it is asked about again.
export function rowActions(id, line, changed) {
  const problem = h("div", { "aria-live": "polite" });
  const attempt = (work) => async () => {
    try {
      replace(problem);
      await work();
    } catch (failure) {
      replace(problem, trouble(failure.message));
    }
  };
  const row = line.duplicate_of || line.row;
  return [h("div", { class: "actions" },
    h("button", { type: "button", dataset: { key: "recheck-row" }, onclick: attempt(async () => { changed(await call("POST", `/v1/lists/${id}/recheck`, { rows: [row] })); say(t.rechecking); }) }, t.recheckRow),
    may("admin") ? h("button", { type: "button", onclick: () => openSuppress(t.thisAddress, async () => [line.address]) }, t.suppress) : null), problem];
}
