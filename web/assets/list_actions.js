// What can be done with many rows, or with one: own lists, suggestions, new rules, what became of mail.
import { call, get, query } from "./api.js";
import { choice, field, h, number, replace, say, tableOf, trouble } from "./dom.js";
import { go, may } from "./app.js";
import { reasons, statuses, t } from "./texts.js";

const GATHERED_MAX = 20000, PAGE = 1000, ENTRIES_AT_ONCE = 1000;

// Suggestions of all rows of a filter, each once, up to a ceiling. meter: told how many rows were read.
async function gatherSuggestions(id, filter, meter) {
  const found = new Set();
  let next = "", read = 0;
  do {
    const page = await get(query(`/v1/lists/${id}/results`, { ...filter, cursor: next, before: "", limit: PAGE }));
    for (const row of page.items) if (row.suggestion) found.add(row.suggestion);
    read += page.items.length;
    next = page.next;
    meter(read);
  } while (next && read < GATHERED_MAX);
  if (next) throw new Error(t.tooMany(number(GATHERED_MAX)));
  return [...found];
}

// Entries join one of the operator's own lists; those that stand there stay as they are.
export async function addEntries(kind, entries, meter) {
  let added = 0, already = 0;
  for (let from = 0; from < entries.length; from += ENTRIES_AT_ONCE) {
    const answer = await call("POST", `/v1/operator-lists/${kind}/entries`, { entries: entries.slice(from, from + ENTRIES_AT_ONCE) });
    added += answer.added;
    already += answer.already;
    if (meter && entries.length > ENTRIES_AT_ONCE) meter(t.addedSoFar(number(added)));
  }
  return { added, already };
}

export const addedWords = ({ added, already, unusable }) => [t.added(number(added)), already ? t.stoodThere(number(already)) : null, unusable ? t.wereNone(number(unusable)) : null].filter(Boolean).join(" ");

function dialogOf(id, title, body, verb, work, look) {
  const problem = h("div"), meter = h("p", { class: "hint", "aria-live": "polite" });
  const button = h("button", { class: look || "primary" }, verb);
  const dialog = h("dialog", { class: "question", "aria-labelledby": id }, h("form", { class: "form", onsubmit: async (event) => {
    event.preventDefault();
    button.disabled = true;
    replace(problem);
    try {
      await work((text) => { meter.textContent = text; });
      dialog.close();
    } catch (failure) {
      replace(problem, trouble(failure.message));
      meter.textContent = "";
    }
    button.disabled = false;
  } }, h("h2", { id }, title), body, problem, meter,
  h("div", { class: "actions end" }, h("button", { type: "button", onclick: () => dialog.close() }, t.keep), button)));
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
  return dialog;
}

const kindChoice = (kinds, chosen) => choice("suppress-kind", kinds.map((name) => [name, t.kinds[name]]), chosen);

// All rows that a filter matches: the server gathers and adds them.
export function suppressFilter(id, filter, count) {
  const kind = kindChoice(["opt_out", "complaint", "block", "trap"], "opt_out");
  dialogOf("suppress-title", t.suppressTitle, [h("p", {}, t.suppressSays(count ? number(count) : t.allFiltered)), field(t.whichList, "suppress-kind", kind)], t.suppressVerb, async (report) => {
    report(t.busy);
    say(addedWords(await call("POST", query(`/v1/lists/${id}/suppress`, { ...filter, kind: kind.value }))));
  });
}

// Whatever is not to be mailed, of the whole list.
export function suppressList(id, list) {
  const kind = kindChoice(["block", "opt_out", "complaint", "trap"], "block");
  const boxes = ["invalid", "do_not_mail", "unknown"].map((status) => ({ status, box: h("input", { type: "checkbox", id: `suppress-${status}`, checked: status !== "unknown" && list.counts[status] > 0, disabled: !list.counts[status] }) }));
  dialogOf("suppress-title", t.suppressListTitle, [h("p", {}, t.suppressListSays),
    h("fieldset", { class: "picks" }, h("legend", {}, t.whichRows), boxes.map(({ status, box }) => h("label", { class: "pick", for: `suppress-${status}` }, box,
      h("span", { class: "pick-text" }, h("strong", {}, statuses[status].name), h("small", {}, statuses[status].says)), h("span", { class: "pick-count" }, number(list.counts[status]))))),
    field(t.whichList, "suppress-kind", kind)], t.suppressVerb, async (report) => {
    const wanted = boxes.filter(({ box }) => box.checked).map(({ status }) => status);
    if (!wanted.length) throw new Error(t.chooseStatus);
    report(t.busy);
    say(addedWords(await call("POST", query(`/v1/lists/${id}/suppress`, { status: wanted.join(","), kind: kind.value }))));
  });
}

function openAddOne(address) {
  const kind = kindChoice(["opt_out", "complaint", "block", "trap", "allow"], "opt_out");
  dialogOf("suppress-title", t.suppressTitle, [h("p", {}, t.suppressSays(address)), field(t.whichList, "suppress-kind", kind)], t.suppressVerb,
    async () => say(addedWords(await addEntries(kind.value, [address]))));
}

// What was mistyped becomes a list of its own, checked like any other.
export function acceptSuggestions(id, name, filter, count) {
  dialogOf("suggest-title", t.suggestTitle, h("p", {}, t.suggestSays(count ? number(count) : t.allFiltered)), t.suggestVerb, async (report) => {
    const suggested = await gatherSuggestions(id, { ...filter, flag: filter.flag || "typo_suspected" }, (n) => report(t.gathered(number(n))));
    if (!suggested.length) throw new Error(t.noSuggestions);
    const list = await call("POST", `/v1/lists?${new URLSearchParams({ name: t.suggestedName(name) })}`, `${suggested.join("\n")}\n`);
    go(`/lists/${list.id}`);
  });
}

const MOVES_SHOWN = 8;

function movesTable(answer) {
  const moves = [...answer.moves].sort((a, b) => b.rows - a.rows), name = (reason) => reasons[reason] || reason;
  return [tableOf(t.rejudgeMoves, "compact", [[t.rejudgeFrom], [t.rejudgeTo], [t.rows, true]], moves.slice(0, MOVES_SHOWN).map((move) =>
    h("tr", {}, h("td", {}, name(move.from)), h("td", {}, move.from === move.to ? t.rejudgeSame : name(move.to)), h("td", { class: "figure" }, number(move.rows))))),
  moves.length > MOVES_SHOWN ? h("p", { class: "hint" }, t.moreReasons(number(moves.length - MOVES_SHOWN))) : null];
}

// Kept evidence judged by the rules and lists of today: first what would change, then whether it shall.
export function rejudge(id, changed) {
  const place = h("div", { class: "part", "aria-live": "polite" }, h("p", { class: "busy" }, t.rejudging));
  const dialog = dialogOf("rejudge-title", t.rejudgeTitle, [h("p", {}, t.rejudgeSays), place], t.rejudgeVerb, async (report) => {
    report(t.busy);
    const answer = await call("POST", `/v1/lists/${id}/rejudge`);
    say(t.rejudged(number(answer.replaced)));
    changed();
  });
  const button = dialog.querySelector("button.primary");
  button.disabled = true;
  call("POST", `/v1/lists/${id}/rejudge`, { dry_run: true }).then((answer) => {
    replace(place, h("p", {}, h("strong", {}, answer.changed ? t.rejudgeWould(number(answer.changed), number(answer.judged)) : t.rejudgeNone(number(answer.judged)))), answer.changed ? movesTable(answer) : null,
      answer.without_evidence ? h("p", { class: "hint" }, t.rejudgeWithout(number(answer.without_evidence))) : null);
    button.disabled = !answer.changed;
  }, (failure) => replace(place, trouble(failure.message)));
}

// Somebody knows better: what became of a message teaches later checks.
function markWrong(address) {
  const option = (value, name, says, checked) => h("label", { class: "pick" }, h("input", { type: "radio", name: "outcome", value, checked }),
    h("span", { class: "pick-text" }, h("strong", {}, name), h("small", {}, says)), null);
  const detail = h("input", { id: "outcome-detail", type: "text", maxlength: "500", autocomplete: "off", spellcheck: "false", placeholder: t.outcomeShape, "aria-describedby": "outcome-detail-hint" });
  const picks = h("fieldset", { class: "picks" }, h("legend", {}, t.outcomeLegend), Object.entries(t.outcomes).map(([value, [name, says]], index) => option(value, name, says, index === 0)));
  dialogOf("outcome-title", t.outcomeTitle, [h("p", {}, t.outcomeSays(address)), picks, field(t.outcomeDetail, "outcome-detail", detail, t.outcomeDetailHint)], t.outcomeVerb, async () => {
    const event = { address, outcome: picks.querySelector("input:checked").value };
    if (detail.value.trim()) event.detail = detail.value.trim();
    const answer = await call("POST", "/v1/feedback", event);
    if (answer.faulty) throw new Error(answer.faults[0].detail);
    say(t.outcomeKept);
  });
}

// The buttons below one row. changed: told the list once it is asked about again.
export function rowActions(id, line, changed) {
  const problem = h("div", { "aria-live": "polite" });
  const recheck = async () => {
    try {
      replace(problem);
      changed(await call("POST", `/v1/lists/${id}/recheck`, { rows: [line.duplicate_of || line.row] }));
      say(t.rechecking);
    } catch (failure) {
      replace(problem, trouble(failure.message));
    }
  };
  return h("div", { class: "drawer-foot" }, problem, h("div", { class: "actions" },
    h("button", { type: "button", dataset: { key: "recheck-row" }, onclick: recheck }, t.recheckRow),
    line.result ? h("button", { type: "button", dataset: { key: "mark-row" }, onclick: () => markWrong(line.address) }, t.markWrong) : null,
    may("admin") ? h("button", { type: "button", dataset: { key: "own-row" }, onclick: () => openAddOne(line.address) }, t.suppress) : null));
}
