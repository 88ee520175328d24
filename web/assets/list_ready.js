// A list that was read, but nobody asked yet: its first rows show whether the right column was found.
import { call, get } from "./api.js";
import { addressText, busy, h, moment, number, percent, replace, say, span, tableOf, trouble } from "./dom.js";
import { providerName } from "./evidence.js";
import { optionFields } from "./options.js";
import { t } from "./texts.js";

function columnsTable(found, use) {
  const rows = found.columns.map((column) => h("tr", { class: column.index === found.column ? "taken" : null }, h("td", { class: "figure" }, number(column.index)), h("td", { class: "host" }, column.name || t.none),
    h("td", { class: "answer" }, column.samples.join(", ")), h("td", { class: "figure" }, percent(column.address_share, 1)),
    h("td", { class: "figure" }, column.index === found.column ? h("span", { class: "pill asking" }, t.taken)
      : h("button", { type: "button", class: "small", "aria-label": `${t.take}: ${column.name || number(column.index)}`, onclick: () => use(String(column.index)) }, t.take))));
  return tableOf(t.columns, "compact", [[t.columnNumber, true], [t.columnName], [t.samples], [t.addressShare, true], [t.take, true, true]], rows);
}

function topList(title, entries, name, total) {
  if (!entries.length) return null;
  const most = entries[0].unique;
  return h("div", {}, h("h3", {}, title), h("ul", { class: "bars" }, entries.slice(0, 5).map((entry) => h("li", { class: "bar-row static" }, h("span", { class: "bar-name" }, name(entry)),
    h("span", { class: "bar-track", "aria-hidden": "true" }, h("span", { class: "fill brand", style: { width: `${(100 * entry.unique) / most}%` } })),
    h("span", { class: "bar-count" }, number(entry.unique)), h("span", { class: "bar-share" }, percent(entry.unique, total))))));
}

function seenBefore(found) {
  const before = found.seen_before;
  if (!before || (Array.isArray(before) && !before.length)) return null;
  const lists = Array.isArray(before) ? before : [before];
  return h("p", { class: "alarm" }, t.seenBefore, " ", lists.map((each, index) => [index ? ", " : "", each.id ? h("a", { href: `#/lists/${each.id}` }, each.name || each.id) : String(each.name || ""), each.created_at ? ` (${moment(each.created_at)})` : ""]));
}

function preflightView(found, list, use) {
  return [seenBefore(found), h("h3", {}, t.columns), found.format ? h("p", { class: "hint" }, found.format) : null, columnsTable(found, use),
    h("div", { class: "columns inner halves" }, topList(t.topDomains, found.top_domains, (entry) => entry.domain, list.unique), topList(t.topProviders, found.top_providers, (entry) => providerName(entry.provider), list.unique))];
}

// act: starts it; changed: it is read anew, in another way.
export function readyView(list, id, act, changed) {
  const columns = h("div", { class: "part" }, busy()), first = h("div"), problem = h("div"), estimate = h("div", { class: "tile", hidden: true });
  const options = optionFields(list.options);
  const fact = (name, value) => h("div", { class: "tile" }, h("dt", {}, name), h("dd", {}, value));
  async function change(values) {
    try {
      changed(await call("PATCH", `/v1/lists/${id}`, values));
      say(t.saved);
    } catch (failure) {
      replace(problem, trouble(failure.message));
    }
  }
  get(`/v1/lists/${id}/preflight`).then((found) => {
    replace(columns, preflightView(found, list, (column) => change({ column })));
    estimate.hidden = found.estimate_s === undefined || found.estimate_s === null;
    replace(estimate, h("dt", {}, t.estimate), h("dd", {}, found.estimate_s < 1 ? t.atOnce : t.about(span(found.estimate_s))));
  }, (failure) => replace(columns, trouble(failure.message)));
  get(`/v1/lists/${id}/results?limit=5`).then((page) => replace(first, tableOf(t.firstRows, "compact", [[t.row, true], [t.addressRead], [t.asItCame]], page.items.map((item) =>
    h("tr", {}, h("td", { class: "figure" }, number(item.row)), h("td", { class: "host" }, addressText(item.address || item.fault || t.empty)), h("td", { class: "answer" }, item.input))))),
  (failure) => replace(first, trouble(failure.message)));
  const start = () => h("button", { type: "button", class: "primary", onclick: () => act("start") }, t.start);
  return h("section", { class: "card ready", "aria-label": t.readyTitle },
    h("div", { class: "title-row" }, h("div", {}, h("h2", {}, t.readyTitle), h("p", { class: "hint" }, t.readyHint)), start()),
    h("dl", { class: "tiles flat" }, fact(t.rows, number(list.rows)), fact(t.unique, number(list.unique)), fact(t.duplicates, number(list.duplicates)), fact(t.unreadable, number(list.unreadable)),
      list.doubtful ? fact(t.doubtful, number(list.doubtful)) : null,
      estimate),
    columns, h("h3", {}, t.firstRows), first, problem,
    h("details", {}, h("summary", {}, t.change), h("form", { class: "form", onsubmit: (event) => { event.preventDefault(); change(options.values()); } },
      h("div", { class: "grid thirds" }, options.elements), h("p", {}, h("button", {}, t.apply)))));
}
