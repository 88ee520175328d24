// One list: before it starts, how it goes, what came out, its rows.
import { call, get } from "./api.js";
import { ask, busy, clock, h, moment, number, percent, redraw, replace, say, span, tableOf, trouble } from "./dom.js";
import { exportMenu } from "./list_export.js";
import { optionFields } from "./options.js";
import { providerName } from "./evidence.js";
import { rowsOf } from "./list_rows.js";
import { statsOf } from "./list_stats.js";
import { onLeave } from "./app.js";
import { states, t } from "./texts.js";

const SITES_SHOWN = 12, ROWS_REFRESH_MS = 4000;
const isMoving = (list) => ["loading", "running", "removing"].includes(list.state);

function waitingWords(waiting) {
  if (!waiting || !waiting.count) return null;
  return waiting.until ? t.waitingUntil(number(waiting.count), clock(waiting.until)) : t.waitingFor(number(waiting.count));
}

function sitesTable(sites) {
  if (!sites.length) return h("p", { class: "hint" }, t.noOperators);
  return tableOf(t.operators, "compact", [[t.provider], [t.queue, true], [t.connections, true], [t.state, false, true]], sites.slice(0, SITES_SHOWN).map((site) =>
    h("tr", {}, h("td", { class: "host" }, providerName(site.provider) || site.key.replace(/^mx:/, "")), h("td", { class: "figure" }, number(site.waiting)),
      h("td", { class: "figure" }, `${number(site.sessions)} / ${number(site.limit)}`),
      h("td", {}, site.blocked_until ? h("span", { class: "tag" }, t.leftAlone(clock(site.blocked_until))) : ""))));
}

function liveView(list, sites) {
  const share = list.unique ? (100 * list.done) / list.unique : 0;
  if (list.state === "loading") return h("section", { class: "card", "aria-label": t.progress }, busy(`${t.reading} ${t.rowsRead(number(list.rows))}`));
  const figure = (value, words) => h("span", {}, h("strong", {}, value), ` ${words}`);
  return h("section", { class: "card live", "aria-label": t.progress },
    h("div", { class: "bar", role: "progressbar", "aria-valuemin": "0", "aria-valuemax": "100", "aria-label": t.progress, "aria-valuenow": String(Math.floor(share)) },
      h("span", { style: { width: `${share}%` } })),
    h("p", { class: "live-figures" }, figure(percent(list.done, list.unique), t.ofMailboxes(number(list.done), number(list.unique))),
      figure(list.rate === null ? t.none : number(list.rate), t.rate), figure(span(list.eta_s), t.left), list.waiting && list.waiting.count ? h("span", {}, waitingWords(list.waiting)) : null),
    h("h3", {}, t.operators), sitesTable(sites));
}

// What the file looks like: which column was taken, and which others there are.
function columnsView(found, use) {
  const rows = found.columns.map((column) => h("tr", {}, h("td", { class: "figure" }, number(column.index)), h("td", { class: "host" }, column.name || t.none),
    h("td", { class: "answer" }, column.samples.join(", ")), h("td", { class: "figure" }, percent(column.address_share, 1)),
    h("td", { class: "figure" }, column.index === found.column ? h("span", { class: "tag" }, t.taken)
      : h("button", { type: "button", class: "small", "aria-label": `${t.take}: ${column.name || number(column.index)}`, onclick: () => use(String(column.index)) }, t.take))));
  const top = (title, entries, name) => (entries.length ? h("div", {}, h("h3", {}, title), h("p", { class: "hint" }, entries.slice(0, 5).map((entry) => `${name(entry)} ${number(entry.unique)}`).join(" · "))) : null);
  return [found.format ? h("p", { class: "hint" }, found.format) : null, h("h3", {}, t.columns),
    tableOf(t.columns, "compact", [[t.columnNumber, true], [t.columnName], [t.samples], [t.addressShare, true], [t.take, true, true]], rows),
    top(t.topDomains, found.top_domains, (entry) => entry.domain), top(t.topProviders, found.top_providers, (entry) => providerName(entry.provider))];
}

// Read, but nobody asked yet: the first rows show whether the right column was found.
function readyView(list, id, act, changed) {
  const columns = h("div", { class: "part" }, busy()), first = h("div"), problem = h("div");
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
  get(`/v1/lists/${id}/preflight`).then((found) => replace(columns, columnsView(found, (column) => change({ column }))), (failure) => replace(columns, trouble(failure.message)));
  get(`/v1/lists/${id}/results?limit=5`).then((page) => replace(first, tableOf(t.firstRows, "compact", [[t.row, true], [t.addressRead], [t.asItCame]], page.items.map((item) =>
    h("tr", {}, h("td", { class: "figure" }, number(item.row)), h("td", { class: "host" }, item.address || item.fault || t.empty), h("td", { class: "answer" }, item.input))))),
  (failure) => replace(first, trouble(failure.message)));
  return h("section", { class: "card ready", "aria-label": t.readyTitle }, h("h2", {}, t.readyTitle), h("p", { class: "hint" }, t.readyHint),
    h("dl", { class: "tiles flat" }, fact(t.rows, number(list.rows)), fact(t.unique, number(list.unique)), fact(t.duplicates, number(list.duplicates)), fact(t.unreadable, number(list.unreadable))),
    columns, h("h3", {}, t.firstRows), first, problem,
    h("details", {}, h("summary", {}, t.change), h("form", { class: "form", onsubmit: (event) => { event.preventDefault(); change(options.values()); } },
      h("div", { class: "grid thirds" }, options.elements), h("p", {}, h("button", {}, t.apply)))),
    h("p", {}, h("button", { type: "button", class: "primary", onclick: () => act("start") }, t.start)));
}

export function listView(main, parameters, id) {
  const head = h("div"), live = h("div"), charts = h("div"), table = h("section", { class: "card" });
  replace(main, head, live, charts, table);
  let list = null, sites = [], source = null, isLeft = false, rowsDrawn = 0;
  const rows = rowsOf(id, table, () => list);
  const stats = statsOf(id, charts, rows);
  table.hidden = true;

  async function act(action) {
    if (action === "cancel" && !(await ask(t.cancelTitle, t.cancelSure, t.cancel))) return;
    try {
      const fresh = await call("POST", `/v1/lists/${id}/${action}`);
      if (isLeft) return;
      update(fresh);
      if (isMoving(fresh)) listen();
    } catch (failure) {
      say(failure.message, true);
    }
  }

  function drawHead() {
    const button = (action, name, look) => h("button", { type: "button", class: look || "", dataset: { key: action }, onclick: () => act(action) }, name);
    const canGoOn = ["paused", "failed", "cancelled"].includes(list.state) && list.done < list.unique;
    const hasResults = list.done > 0;
    const facts = [t.createdAt(moment(list.created_at)), list.finished_at ? t.finishedAt(moment(list.finished_at)) : null, `${number(list.rows)} ${t.rowsUnit}`,
      list.duplicates ? `${number(list.duplicates)} ${t.duplicates.toLowerCase()}` : null, list.unreadable ? `${number(list.unreadable)} ${t.unreadable.toLowerCase()}` : null];
    redraw(head, h("p", { class: "crumbs" }, h("a", { href: "#/lists" }, t.lists)),
      h("div", { class: "title-row" }, h("h1", {}, list.name), h("div", { class: "actions" },
        list.state === "running" ? [button("pause", t.pause), button("cancel", t.cancel)] : null,
        canGoOn ? button("resume", t.resume, "primary") : null,
        ["done", "cancelled"].includes(list.state) && list.counts.unknown ? button("recheck", t.recheck) : null,
        hasResults ? [h("a", { class: "button", href: `/v1/lists/${id}/report`, target: "_blank", rel: "noopener" }, t.report), exportMenu(id, () => list)] : null)),
      h("p", { class: "hint facts-line" }, h("span", { class: `state ${list.state}` }, states[list.state] || list.state), facts.filter(Boolean).map((text) => h("span", {}, text))),
      list.error ? trouble(list.error) : null);
    document.title = `${list.name} · ${t.name}`;
  }

  function drawLive() {
    if (list.state === "ready") return;
    if (list.state === "running") document.title = `${percent(list.done, list.unique)} ${list.name}`;
    if (isMoving(list)) redraw(live, liveView(list, sites));
    else replace(live);
  }

  function update(fresh) {
    const before = list;
    list = fresh;
    const isNewState = !before || before.state !== list.state;
    if (isNewState || (before.done === 0) !== (list.done === 0)) drawHead();
    drawLive();
    if (list.state === "ready" && (isNewState || before.rows !== list.rows)) replace(live, readyView(list, id, act, changed));
    if (isNewState && isMoving(list)) stats.forget();
    if (isNewState || before.done !== list.done) stats.show(list);
    table.hidden = list.state === "ready" || list.state === "loading";
    if (table.hidden) return;
    if (!isNewState) {
      if (Date.now() - rowsDrawn < ROWS_REFRESH_MS) return;
      rowsDrawn = Date.now();
      rows.refresh();
      return;
    }
    rowsDrawn = Date.now();
    rows.show(new URLSearchParams(location.hash.split("?")[1] || ""));
    if (!isMoving(list)) stats.count();
  }

  // Read anew with other options: it is loading, or ready with other numbers.
  function changed(fresh) {
    list = null;
    update(fresh);
    if (isMoving(fresh)) listen();
  }

  function listen() {
    if (source) source.close();
    const mine = new EventSource(`/v1/lists/${id}/events`);
    source = mine;
    mine.addEventListener("progress", (event) => update(JSON.parse(event.data)));
    mine.addEventListener("sites", (event) => { sites = JSON.parse(event.data).items; drawLive(); });
    mine.addEventListener("state", (event) => {
      update(JSON.parse(event.data));
      if (!isMoving(list)) mine.close();
    });
    mine.addEventListener("gone", () => { mine.close(); replace(main, h("p", { class: "empty" }, t.gone)); });
  }

  onLeave(() => {
    isLeft = true;
    rows.close();
    if (source) source.close();
  }, (fresh) => {
    if (!list || table.hidden) return;
    rows.show(fresh);
    stats.show(list);
  });
  get(`/v1/lists/${id}`).then((first) => {
    if (isLeft) return;
    update(first);
    if (isMoving(first)) listen();
  }, (failure) => replace(main, failure.status === 404 ? h("p", { class: "empty" }, t.gone) : trouble(failure.message)));
}
