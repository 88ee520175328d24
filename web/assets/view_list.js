// One list: how it goes, what came out, its rows.
import { call, get, query } from "./api.js";
import { badge, bars, donut, order, strip } from "./chart.js";
import { clock, h, moment, number, percent, replace, say, span } from "./dom.js";
import { evidenceView } from "./evidence.js";
import { checkNow } from "./view_home.js";
import { go, onLeave } from "./app.js";
import { flags, reasons, states, statuses, t } from "./texts.js";

const statusOf = {
  accepted: "valid", accepted_restricted: "valid", accepts_all: "catch_all", provider_accepts_all: "catch_all",
  disposable: "do_not_mail", spam_trap: "do_not_mail", complainer: "do_not_mail", listed_domain: "do_not_mail", mailbox_full: "do_not_mail", known_bounce: "do_not_mail",
  bad_syntax: "invalid", provider_syntax: "invalid", domain_not_found: "invalid", no_mail_server: "invalid", null_mx: "invalid", unroutable_mx: "invalid",
  domain_not_accepted: "invalid", mailbox_not_found: "invalid", mailbox_disabled: "invalid", mailbox_moved: "invalid",
  opted_out: "skipped", blocked_domain: "skipped", duplicate: "skipped", cancelled: "skipped",
};

export function listView(main, parameters, id) {
  const head = h("div"), live = h("div"), charts = h("div", { class: "columns" }), table = h("section", { class: "card", "aria-label": t.rows });
  replace(main, head, live, charts, table);
  let list = null, sites = [], source = null, leaving = false;

  const filter = Object.fromEntries(["status", "reason", "flag", "provider", "domain", "text", "score_min", "score_max", "cursor", "page"].map((name) => [name, parameters.get(name) || ""]));
  const change = (changes) => go(`/lists/${id}`, { ...filter, cursor: "", page: "", ...changes });
  const toggle = (name) => (value) => change({ [name]: filter[name] === value ? "" : value });

  async function act(action) {
    if (action === "cancel" && !confirm(t.cancelSure)) return;
    try {
      update(await call("POST", `/v1/lists/${id}/${action}`));
      if (action === "resume" || action === "start") listen();
    } catch (trouble) {
      say(trouble.message, true);
    }
  }

  function drawHead() {
    const button = (action, name, look) => h("button", { type: "button", class: look || "", onclick: () => act(action) }, name);
    replace(head, h("p", { class: "crumbs" }, h("a", { href: "#/lists" }, t.lists)),
      h("div", { class: "title-row" }, h("h1", {}, list.name), h("div", { class: "actions" },
        list.state === "running" ? [button("pause", t.pause), button("cancel", t.cancel, "quiet")] : null,
        ["paused", "failed", "cancelled"].includes(list.state) && list.done < list.unique ? button("resume", t.resume, "primary") : null,
        list.state === "ready" ? button("start", t.start, "primary") : null,
        list.rows ? exportMenu() : null)),
      h("p", { class: "hint" }, h("span", { class: `state ${list.state}` }, states[list.state] || list.state), ` ${moment(list.created_at)} · ${number(list.rows)} ${t.rows.toLowerCase()} · ${number(list.duplicates)} ${t.duplicates.toLowerCase()}${list.unreadable ? ` · ${number(list.unreadable)} ${t.unreadable.toLowerCase()}` : ""}`),
      list.error ? h("p", { class: "trouble", role: "alert" }, list.error) : null);
  }

  function exportMenu() {
    const format = h("select", { id: "format" }, [["csv", "CSV"], ["xlsx", "XLSX"], ["ndjson", "NDJSON"]].map(([value, name]) => h("option", { value }, name)));
    const profile = h("select", { id: "profile" }, [["", t.mailknockWords], ["emailverify", "EmailVerify.io"], ["zerobounce", "ZeroBounce"], ["neverbounce", "NeverBounce"], ["kickbox", "Kickbox"], ["reacher", "Reacher"]].map(([value, name]) => h("option", { value }, name)));
    const address = (preset) => query(`/v1/lists/${id}/export`, { preset, format: format.value, profile: profile.value });
    return h("details", { class: "menu" }, h("summary", { class: "button primary" }, t.exportList),
      h("div", { class: "menu-body" }, h("div", { class: "grid" },
        h("div", { class: "field" }, h("label", { for: "format" }, t.format), format), h("div", { class: "field" }, h("label", { for: "profile" }, t.words), profile)),
      h("ul", {}, Object.entries(t.presets).map(([preset, name]) =>
        h("li", {}, h("button", { type: "button", class: "quiet", onclick: () => { location.href = address(preset); } }, name))))));
  }

  function drawLive() {
    const isLive = list.state === "running" || list.state === "loading";
    if (!isLive) {
      replace(live);
      return;
    }
    const waiting = list.waiting && list.waiting.count ? t.waitingUntil(number(list.waiting.count), clock(list.waiting.until)) : null;
    replace(live, h("section", { class: "card live", "aria-label": t.progress },
      h("div", { class: "bar", role: "progressbar", "aria-valuemin": "0", "aria-valuemax": "100", "aria-label": t.progress, "aria-valuenow": String(Math.floor((100 * list.done) / (list.unique || 1))) },
        h("span", { style: { width: `${(100 * list.done) / (list.unique || 1)}%` } })),
      h("p", { class: "live-figures" }, h("span", {}, h("strong", {}, number(list.done)), ` ${t.of} ${number(list.unique)} ${t.unique.toLowerCase()} (${percent(list.done, list.unique)})`),
        h("span", {}, h("strong", {}, list.rate === null ? "–" : list.rate), ` ${t.rate.toLowerCase()}`), h("span", {}, h("strong", {}, span(list.eta_s)), ` ${t.eta.toLowerCase()}`), waiting ? h("span", {}, waiting) : null),
      h("h2", {}, t.operators),
      sites.length ? h("div", { class: "wide", tabindex: "0", role: "region", "aria-label": t.operators }, h("table", { class: "compact" },
        h("thead", {}, h("tr", {}, h("th", { scope: "col" }, t.provider), h("th", { scope: "col", class: "figure" }, t.queue), h("th", { scope: "col", class: "figure" }, t.connections), h("th", { scope: "col" }, h("span", { class: "visually-hidden" }, t.state)))),
        h("tbody", {}, sites.slice(0, 12).map((site) => h("tr", {}, h("td", {}, site.provider || site.key), h("td", { class: "figure" }, number(site.waiting)),
          h("td", { class: "figure" }, `${site.sessions} / ${site.limit}`), h("td", {}, site.blocked_until ? h("span", { class: "tag" }, t.leftAlone(clock(site.blocked_until))) : "")))))) : h("p", { class: "hint" }, t.noOperators)));
  }

  function drawCharts() {
    const total = order.reduce((sum, s) => sum + (list.counts[s] || 0), 0);
    if (!total) {
      replace(charts);
      return;
    }
    const rows = Object.entries(list.reasons).map(([key, count]) => ({ key, count, name: reasons[key] || key, status: statusOf[key] || "unknown" })).sort((a, b) => b.count - a.count);
    replace(charts, h("section", { class: "card" }, h("h2", {}, t.byStatus), donut(list.counts, toggle("status"), filter.status)),
      h("section", { class: "card" }, h("h2", {}, t.byReason), bars(rows.slice(0, 12), total, toggle("reason"), filter.reason)));
  }

  function update(fresh) {
    const wasDone = list && list.done;
    const wasState = list && list.state;
    list = fresh;
    if (!wasState || wasState !== list.state) drawHead();
    drawLive();
    if (wasDone !== list.done || wasState !== list.state) drawCharts();
  }

  // --- rows ---------------------------------------------------------------------------------------

  function filterForm() {
    const control = (name, label, element) => h("div", { class: "field" }, h("label", { for: `f-${name}` }, label), element);
    const select = (name, pairs) => h("select", { id: `f-${name}`, name }, h("option", { value: "" }, t.all), pairs.map(([value, text]) => h("option", { value, selected: filter[name] === value }, text)));
    const input = (name, type) => h("input", { id: `f-${name}`, name, type: type || "text", value: filter[name], min: type ? "0" : null, max: type ? "100" : null });
    const form = h("form", { class: "filters", "aria-label": t.filters, onsubmit: (event) => {
      event.preventDefault();
      change(Object.fromEntries(new FormData(form)));
    }, onchange: (event) => { if (event.target.tagName === "SELECT") form.requestSubmit(); } },
      control("status", t.status, select("status", order.map((s) => [s, statuses[s].name]))),
      control("reason", t.reason, select("reason", Object.entries(reasons))),
      control("flag", t.flag, select("flag", Object.entries(flags))),
      control("provider", t.provider, input("provider")), control("domain", t.domain, input("domain")), control("text", t.text, input("text", "")),
      control("score_min", t.scoreFrom, input("score_min", "number")), control("score_max", t.scoreTo, input("score_max", "number")),
      h("div", { class: "field" }, h("span", { class: "label-space", "aria-hidden": "true" }, " "), h("div", { class: "actions" }, h("button", {}, t.filters),
        h("button", { type: "button", class: "quiet", onclick: () => go(`/lists/${id}`, {}) }, t.clear))));
    return form;
  }

  function rowOf(item) {
    return h("tr", {}, h("td", { class: "figure" }, number(item.row)),
      h("td", { class: "address-cell" }, h("button", { type: "button", class: "link", onclick: () => openRow(item.row) }, item.address || item.fault || "(empty)")),
      h("td", {}, item.status ? badge(item.status) : h("span", { class: "hint" }, "…")),
      h("td", {}, item.reason ? reasons[item.reason] || item.reason : ""), h("td", { class: "figure" }, item.status ? item.score : ""),
      h("td", {}, (item.flags || []).map((flag) => h("span", { class: "tag" }, flags[flag] || flag))), h("td", {}, item.provider || ""));
  }

  async function drawTable() {
    const place = h("div", {}, h("p", { class: "busy" }, t.busyName));
    const page = Number(filter.page || 1);
    replace(table, h("h2", {}, t.rows), filterForm(), place);
    let found = { items: [], next: filter.cursor || "0" };
    try {
      const wanted = { ...filter, limit: 100, page: "" };
      let cursor = filter.cursor;
      const items = [];
      // A filter that lets little through is looked through piece by piece.
      do {
        found = await get(query(`/v1/lists/${id}/results`, { ...wanted, cursor, limit: 100 - items.length }));
        items.push(...found.items);
        cursor = found.next;
        if (!items.length && found.next) replace(place, h("p", { class: "busy" }, t.looking));
      } while (items.length < 100 && found.next && place.isConnected);
      found.items = items;
    } catch (trouble) {
      replace(place, h("p", { class: "trouble", role: "alert" }, trouble.message));
      return;
    }
    replace(place, found.items.length
      ? h("div", { class: "wide", tabindex: "0", role: "region", "aria-label": t.rows }, h("table", { class: "rows" },
        h("thead", {}, h("tr", {}, h("th", { scope: "col", class: "figure" }, t.row), h("th", { scope: "col" }, t.address), h("th", { scope: "col" }, t.status), h("th", { scope: "col" }, t.reason), h("th", { scope: "col", class: "figure" }, t.score), h("th", { scope: "col" }, t.flag), h("th", { scope: "col" }, t.provider))),
        h("tbody", {}, found.items.map(rowOf)))) : h("p", { class: "empty" }, t.noRows),
    h("p", { class: "pager" }, page > 1 ? h("button", { type: "button", onclick: () => history.back() }, t.previous) : null,
      h("span", { class: "hint" }, t.page(number(page))), found.next ? h("button", { type: "button", onclick: () => change({ cursor: found.next, page: page + 1 }) }, t.next) : null));
  }

  async function openRow(row) {
    const place = h("div", {}, h("p", { class: "busy" }, t.busyName));
    const dialog = h("dialog", { class: "drawer", "aria-label": `${t.row} ${row}` },
      h("div", { class: "drawer-head" }, h("strong", {}, `${t.row} ${number(row)}`), h("button", { type: "button", class: "quiet", onclick: () => dialog.close() }, t.close)), place);
    dialog.addEventListener("close", () => dialog.remove());
    dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });
    document.body.append(dialog);
    dialog.showModal();
    try {
      const line = await get(`/v1/lists/${id}/results/${row}`);
      const live = h("div");
      replace(place, line.result ? evidenceView(line.result, null) : h("p", { class: "empty" }, line.fault || states.running),
        line.duplicate_of ? h("p", { class: "hint" }, t.duplicateOf(number(line.duplicate_of))) : null,
        line.input ? [h("h3", {}, t.original), h("pre", { class: "transcript", tabindex: "0" }, line.input)] : null,
        line.address ? h("p", {}, h("button", { type: "button", onclick: () => checkNow(line.address, live, true) }, t.askAgain)) : null, live);
    } catch (trouble) {
      replace(place, h("p", { class: "trouble", role: "alert" }, trouble.status === 404 ? t.noRows : trouble.message));
    }
  }

  // --- events ---------------------------------------------------------------------------------------

  function listen() {
    if (source) source.close();
    source = new EventSource(`/v1/lists/${id}/events`);
    source.addEventListener("progress", (event) => update(JSON.parse(event.data)));
    source.addEventListener("sites", (event) => { sites = JSON.parse(event.data).items; drawLive(); });
    source.addEventListener("state", (event) => {
      update(JSON.parse(event.data));
      drawTable();
      if (["done", "paused", "cancelled", "failed"].includes(list.state)) source.close();
    });
    source.addEventListener("gone", () => { source.close(); replace(main, h("p", { class: "empty" }, t.gone)); });
  }

  onLeave(() => { leaving = true; if (source) source.close(); });
  get(`/v1/lists/${id}`).then((first) => {
    if (leaving) return;
    update(first);
    drawTable();
    if (["loading", "running"].includes(first.state)) listen();
  }, (trouble) => replace(main, h("p", { class: "trouble", role: "alert" }, trouble.status === 404 ? t.gone : trouble.message)));
}
