// The rows of a list: filters kept in the address bar, pages, and one row with its evidence.
import { get, query } from "./api.js";
import { badge, order } from "./chart.js";
import { addressText, busy, choice, field, h, nextFrame, number, redraw, replace, tableOf, trouble } from "./dom.js";
import { evidenceView, providerName, tags } from "./evidence.js";
import { acceptSuggestions, rowActions, suppressFilter } from "./list_actions.js";
import { openExport } from "./list_export.js";
import { address, go, may } from "./app.js";
import { flags, providers, reasons, statuses, t } from "./texts.js";

const PAGE = 100, FIRST_DRAWN = 28, DRAWN_AT_ONCE = 24; // rows: what fits into view, then the rest between frames
const names = ["status", "reason", "flag", "provider", "domain", "text", "score_min", "score_max"];
const places = ["cursor", "before"];

const readFilter = (parameters) => Object.fromEntries([...names, ...places].map((name) => [name, parameters.get(name) || ""]));

// What a filter's word is called, for the chips.
function called(name, value) {
  const say = {
    status: () => statuses[value] && statuses[value].name, reason: () => reasons[value], flag: () => flags[value],
    provider: () => providerName(value), score_min: () => t.filterAtLeast(value), score_max: () => t.filterAtMost(value),
    text: () => `“${value}”`,
  }[name];
  return (say && say()) || value;
}

const scoreLook = (score) => (score >= 90 ? "valid" : score >= 50 ? "catch_all" : score >= 30 ? "unknown" : "invalid");
const scoreCell = (item) => h("span", { class: "score-cell" }, h("span", { class: "bar-track", "aria-hidden": "true" }, h("span", { class: `fill ${scoreLook(item.score)}`, style: { width: `${item.score}%` } })), item.score);

// list: () => the list as it is known now; changed: told the list when it was set going from here.
export function rowsOf(id, place, list, changed) {
  let filter = {}, items = [], refill = null; // of the row that is open
  const tableId = `rows-${id}`;
  const form = h("div"), chips = h("div", { class: "chips" }), tools = h("div", { class: "actions" }), table = h("div", { id: tableId });
  replace(place, h("div", { class: "title-row" }, h("h2", {}, t.rows), tools), form, chips, table);

  const path = `/lists/${id}`;
  const change = (changes) => go(path, { ...filter, cursor: "", before: "", ...changes });

  // --- filters ------------------------------------------------------------------------------------

  function drawForm() {
    const apply = () => change(Object.fromEntries(new FormData(element)));
    const pick = (name, label, pairs) => field(label, `f-${name}`, Object.assign(choice(`f-${name}`, [["", t.all], ...pairs], filter[name]), { name }));
    const input = (name, label, more) => field(label, `f-${name}`, h("input", { id: `f-${name}`, name, value: filter[name], ...more }));
    const score = { type: "number", min: "0", max: "100", inputmode: "numeric" };
    const element = h("form", { class: "filters", role: "search", "aria-label": t.filters,
      onsubmit: (event) => { event.preventDefault(); apply(); },
      onkeydown: (event) => { if (event.key === "Enter" && event.target.tagName === "INPUT") element.requestSubmit(); },
      onchange: () => { if (element.reportValidity()) apply(); } },
    input("text", t.text, { type: "search", placeholder: t.textHint }), pick("status", t.status, order.map((s) => [s, statuses[s].name])),
    pick("reason", t.reason, Object.entries(reasons)), pick("flag", t.flag, Object.entries(flags)),
    input("provider", t.provider, { type: "text", list: "known-providers" }), input("domain", t.domain, { type: "text" }),
    input("score_min", t.scoreFrom, score), input("score_max", t.scoreTo, score),
    h("datalist", { id: "known-providers" }, Object.entries(providers).filter(([name]) => name !== "other").map(([value, label]) => h("option", { value, label }))));
    redraw(form, element);
  }

  function drawChips() {
    const set = names.filter((name) => filter[name]);
    redraw(chips, set.map((name) => h("button", { type: "button", class: "chip", dataset: { key: `chip-${name}` }, onclick: () => change({ [name]: "" }),
      "aria-label": t.drop1(called(name, filter[name])) }, called(name, filter[name]), h("span", { "aria-hidden": "true" }, "×"))),
    set.length > 1 ? h("button", { type: "button", class: "quiet small", onclick: () => go(path) }, t.clear) : null);
  }

  const asked = () => Object.fromEntries(names.filter((name) => filter[name]).map((name) => [name, filter[name]]));

  // What can be done with the rows in view.
  function drawTools() {
    const isFiltered = Object.keys(asked()).length > 0;
    const button = (key, name, action) => h("button", { type: "button", class: "small", dataset: { key }, onclick: action }, name);
    redraw(tools, isFiltered && list().done ? button("take-view", t.exportView, () => openExport(id, list(), view())) : null,
      list().done && filter.flag === "typo_suspected" ? button("suggestions", t.suggestions, () => acceptSuggestions(id, list().name, asked(), known())) : null,
      isFiltered && may("admin") ? button("suppress", t.suppress, () => suppressFilter(id, asked(), known())) : null);
  }

  function view() {
    const words = names.filter((name) => filter[name]).map((name) => called(name, filter[name]));
    return words.length ? { filter: asked(), words: words.join(" · "), count: known() } : null;
  }

  // How many fit in all, where the list's own counts tell.
  function known() {
    const set = names.filter((name) => filter[name]);
    if (!set.length) return list().rows;
    if (set.length === 1 && filter.status) return list().counts[filter.status];
    if (set.length === 1 && filter.reason) return list().reasons[filter.reason] || 0;
    return 0;
  }

  // --- table --------------------------------------------------------------------------------------

  function rowOf(item) {
    const open = () => openRow(item.row);
    return h("tr", { class: "can-open", onclick: (event) => { if (!event.target.closest("button") && !String(getSelection())) open(); } },
      h("td", { class: "figure hint row-number" }, number(item.row)),
      h("td", { class: "address-cell" }, h("button", { type: "button", class: "link plain", dataset: { key: `row-${item.row}` }, onclick: open }, addressText(item.address || item.fault || t.empty))),
      h("td", {}, item.status ? badge(item.status) : h("span", { class: "hint" }, t.notYetShort)),
      h("td", { class: "reason" }, item.reason ? reasons[item.reason] || item.reason : ""), h("td", { class: "figure" }, item.status ? scoreCell(item) : ""),
      h("td", { class: "tags" }, tags(item.flags || [])), h("td", { class: "provider" }, providerName(item.provider)));
  }

  // Rows are found by their number: the page that begins with it.
  function jump() {
    if (list().rows <= PAGE || Object.keys(asked()).length) return null;
    const input = h("input", { id: "jump", type: "number", min: "1", max: String(list().rows), inputmode: "numeric" });
    return h("form", { class: "jump", onsubmit: (event) => {
      event.preventDefault();
      const row = Math.min(Math.max(1, Number(input.value) || 1), list().rows);
      go(path, { ...filter, cursor: row > 1 ? String(row - 1) : "", before: row > 1 ? "0" : "" });
    } }, h("label", { for: "jump" }, t.goToRow), input, h("button", { class: "small" }, t.goTo));
  }

  function pager(next) {
    const before = filter.before ? filter.before.split(",") : [];
    const from = before.length * PAGE + 1;
    const isPlain = !Object.keys(asked()).length; // then places are the numbers of the rows
    const last = before[before.length - 1];
    const link = (words, parameters) => h("a", { class: "button small", href: address(path, { ...filter, ...parameters }), dataset: { key: `page-${words}` } }, words);
    return h("nav", { class: "pager", "aria-label": t.rows },
      jump(), h("span", { class: "hint" }, t.rowsShown(number(isPlain ? items[0].row : from), number(isPlain ? items[items.length - 1].row : from + items.length - 1), known() ? number(known()) : next ? "" : number(from + items.length - 1))),
      before.length > 1 ? link(t.first, { cursor: "", before: "" }) : null,
      before.length ? link(t.previous, { cursor: last === "0" ? "" : last, before: before.slice(0, -1).join(",") }) : null,
      next ? link(t.next, { cursor: next, before: [...before, filter.cursor || "0"].join(",") }) : null);
  }

  let turn = 0;
  async function drawTable() {
    const mine = ++turn, wanted = { ...filter };
    const found = [];
    let next = wanted.cursor;
    table.setAttribute("aria-busy", "true");
    if (!table.childElementCount) replace(table, busy());
    try {
      // A filter that lets little through is looked through piece by piece.
      do {
        const page = await get(query(`/v1/lists/${id}/results`, { ...wanted, before: "", cursor: next, limit: PAGE - found.length }));
        if (mine !== turn || !table.isConnected) return;
        found.push(...page.items);
        next = page.next;
        if (next && found.length < PAGE && !found.length) replace(table, busy(t.looking(number(Number(next)))));
      } while (next && found.length < PAGE);
    } catch (failure) {
      if (mine === turn) replace(table, trouble(failure.message));
      return;
    } finally {
      if (mine === turn) table.removeAttribute("aria-busy");
    }
    items = found;
    if (!items.length) redraw(table, h("p", { class: "empty" }, t.noRows));
    else await drawRows(next, () => mine === turn && table.isConnected);
  }

  // A table in pieces: each leaves the page its turn to scroll and to hear keys.
  async function drawRows(next, isWanted) {
    const whole = tableOf(t.rows, "rows", [[t.row, true], [t.address], [t.status], [t.reason], [t.score, true], [t.flags], [t.provider]], items.slice(0, FIRST_DRAWN).map(rowOf));
    const body = whole.querySelector("tbody");
    redraw(table, whole, pager(next));
    if (items.length <= FIRST_DRAWN) return;
    table.setAttribute("aria-busy", "true");
    for (let from = FIRST_DRAWN; from < items.length; from += DRAWN_AT_ONCE) {
      await nextFrame();
      if (!isWanted()) return;
      body.append(...items.slice(from, from + DRAWN_AT_ONCE).map(rowOf));
    }
    table.removeAttribute("aria-busy");
  }

  // --- one row --------------------------------------------------------------------------------------

  function close() {
    const dialog = document.querySelector("dialog.drawer");
    refill = null;
    if (dialog) dialog.remove();
  }

  const mark = (row) => history.replaceState(null, "", address(path, { ...filter, row }));

  function openRow(row) {
    const title = h("h2", {}), body = h("div", { class: "drawer-body" });
    const step = (by, words, sign) => h("button", { type: "button", class: "small", "aria-label": words, title: words, onclick: () => move(by) }, sign);
    const back = step(-1, t.previousRow, "↑"), on = step(1, t.nextRow, "↓");
    const dialog = h("dialog", { class: "drawer", "aria-labelledby": "drawer-title" },
      h("div", { class: "drawer-head" }, title, h("div", { class: "actions" }, back, on, h("button", { type: "button", class: "small", onclick: () => dialog.close() }, t.close))), body);
    title.id = "drawer-title";
    const at = () => items.findIndex((item) => item.row === row);
    function move(by) {
      const other = items[at() + by];
      if (!other) return;
      row = other.row;
      fill();
    }
    async function fill(isAgain) {
      const mine = row;
      title.textContent = t.rowTitle(number(row));
      back.disabled = at() <= 0;
      on.disabled = at() < 0 || at() >= items.length - 1;
      mark(String(row));
      if (isAgain !== true) replace(body, busy());
      try {
        const line = await get(`/v1/lists/${id}/results/${row}`);
        if (mine === row) redraw(body, rowView(line));
      } catch (failure) {
        if (mine === row) replace(body, trouble(failure.status === 404 ? t.noRows : failure.message));
      }
      if (isAgain !== true) dialog.scrollTop = 0;
    }
    refill = () => fill(true);
    dialog.addEventListener("close", () => { refill = null; dialog.remove(); mark(""); });
    dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });
    document.body.append(dialog);
    dialog.showModal();
    fill();
  }

  function rowView(line) {
    return [line.result ? evidenceView(line.result, (other) => { close(); go("/check", { address: other }); }) : h("section", { class: "card" }, h("p", { class: "address" }, line.address || t.empty), h("p", { class: "hint" }, line.fault || t.notYet)),
      line.duplicate_of ? h("p", { class: "hint" }, t.duplicateOf(number(line.duplicate_of))) : null,
      line.input ? [h("h3", {}, t.original), h("pre", { class: "transcript", tabindex: "0", role: "region", "aria-label": t.original }, line.input)] : null,
      line.address ? rowActions(id, line, changed) : null];
  }

  return {
    filter: () => filter,
    toggle: (name) => (value) => change({ [name]: filter[name] === value ? "" : value }),
    change,
    show(parameters) {
      filter = readFilter(parameters);
      drawForm();
      drawChips();
      drawTools();
      const drawn = drawTable();
      const row = Number(parameters.get("row"));
      if (refill) refill();
      else if (row > 0) drawn.then(() => openRow(row));
    },
    // New results have come: what is shown is read again, unless somebody is at it.
    refresh() {
      if (!document.querySelector("dialog[open]") && !String(getSelection()) && !table.hasAttribute("aria-busy")) drawTable();
    },
    view,
    close() {
      turn++;
      close();
    },
  };
}
