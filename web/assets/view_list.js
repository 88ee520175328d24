// One list: before it starts, how it goes, what came out, its rows.
import { call, get } from "./api.js";
import { ask, h, menu, moment, number, percent, redraw, replace, say, trouble } from "./dom.js";
import { acceptSuggestions, rejudge, suppressList } from "./list_actions.js";
import { openExport } from "./list_export.js";
import { liveView } from "./list_live.js";
import { readyView } from "./list_ready.js";
import { rowsOf } from "./list_rows.js";
import { statsOf } from "./list_stats.js";
import { go, may, onLeave } from "./app.js";
import { states, t } from "./texts.js";

const ROWS_REFRESH_MS = 4000, DAY_MS = 86400000, WARN_DAYS = 7;
const isMoving = (list) => ["loading", "running", "removing"].includes(list.state);

export function listView(main, parameters, id) {
  const head = h("div"), live = h("div"), charts = h("div"), table = h("section", { class: "card" });
  replace(main, head, live, charts, table);
  let list = null, sites = [], source = null, isLeft = false, rowsDrawn = 0;
  const title = h("div", { class: "list-title" });
  const rows = rowsOf(id, table, () => list, going);
  const stats = statsOf(id, charts, rows);
  table.hidden = true;

  function going(fresh) {
    if (isLeft) return;
    update(fresh);
    if (isMoving(fresh)) listen();
  }

  async function act(action) {
    if (action === "cancel" && !(await ask(t.cancelTitle, list.state === "loading" ? t.cancelLoadingSure : t.cancelSure, t.cancel))) return;
    try {
      going(await call("POST", `/v1/lists/${id}/${action}`));
    } catch (failure) {
      say(failure.message, true);
    }
  }

  // The heading, and in its place a field while its name is changed.
  function drawName(isEdited) {
    if (!isEdited) return [h("h1", {}, list.name), h("button", { type: "button", class: "quiet small", dataset: { key: "rename" }, onclick: () => redraw(title, drawName(true)) }, t.rename)];
    const input = h("input", { id: "new-name", type: "text", value: list.name, required: true, maxlength: "200" });
    const back = () => { redraw(title, drawName(false)); title.querySelector("button").focus(); };
    setTimeout(() => input.select(), 0);
    return [h("h1", { class: "visually-hidden" }, list.name), h("form", { class: "rename", onkeydown: (event) => event.key === "Escape" && back(), onsubmit: async (event) => {
      event.preventDefault();
      try {
        list = { ...list, name: (await call("PATCH", `/v1/lists/${id}`, { name: input.value.trim() })).name };
        drawHead();
        back();
      } catch (failure) {
        say(failure.message, true);
      }
    } }, h("label", { class: "visually-hidden", for: "new-name" }, t.listName), input, h("button", { class: "primary small" }, t.save), h("button", { type: "button", class: "small", onclick: back }, t.keep))];
  }

  // What is wanted now and then.
  function listMenu() {
    const stands = ["done", "paused", "cancelled", "failed"].includes(list.state) && list.done > 0;
    const erase = async () => {
      if (!(await ask(t.eraseTitle, t.eraseSure(list.name), t.erase))) return;
      try {
        await call("DELETE", `/v1/lists/${id}`);
        say(t.erased(list.name));
        go("/lists");
      } catch (failure) {
        say(failure.message, true);
      }
    };
    return menu(t.more, [list.done ? ["suggestions", t.suggestions, () => acceptSuggestions(id, list.name, {}, 0)] : null,
      list.done && may("admin") ? ["suppress-list", t.suppressList, () => suppressList(id, list)] : null,
      stands ? ["rejudge", t.rejudge, () => rejudge(id, () => { stats.forget(); again(); })] : null,
      ["erase", t.eraseList, erase, "danger-text"]]);
  }

  // Read anew: somebody changed more than its progress.
  async function again() {
    try {
      const fresh = await get(`/v1/lists/${id}`);
      if (isLeft) return;
      list = null;
      update(fresh);
    } catch (failure) {
      say(failure.message, true);
    }
  }

  // When its results go by themselves, told early.
  function expiry() {
    const days = (list.options && list.options.retention_days) || 0;
    if (!days || !list.finished_at) return null;
    const left = Math.ceil((new Date(list.finished_at).getTime() + days * DAY_MS - Date.now()) / DAY_MS);
    if (left > WARN_DAYS) return h("span", {}, t.keptUntil(moment(new Date(new Date(list.finished_at).getTime() + days * DAY_MS).toISOString())));
    return h("span", { class: "pill resting" }, t.erasedSoon(Math.max(0, left)));
  }

  function drawHead() {
    const button = (action, name, look) => h("button", { type: "button", class: look || "", dataset: { key: action }, onclick: () => act(action) }, name);
    const canGoOn = ["paused", "failed", "cancelled"].includes(list.state) && list.done < list.unique;
    const hasResults = list.done > 0;
    const facts = [t.createdAt(moment(list.created_at)), list.finished_at ? t.finishedAt(moment(list.finished_at)) : null, `${number(list.rows)} ${t.rowsUnit}`,
      list.duplicates ? `${number(list.duplicates)} ${t.duplicates.toLowerCase()}` : null, list.unreadable ? `${number(list.unreadable)} ${t.unreadable.toLowerCase()}` : null,
      list.doubtful ? `${number(list.doubtful)} ${t.doubtful.toLowerCase()}` : null];
    if (!title.querySelector("form")) redraw(title, drawName(false));
    redraw(head, h("p", { class: "crumbs" }, h("a", { href: "#/lists" }, t.lists)),
      h("div", { class: "title-row" }, title, h("div", { class: "actions" },
        list.state === "running" ? button("pause", t.pause) : null,
        ["running", "loading", "paused"].includes(list.state) ? button("cancel", t.cancel) : null,
        canGoOn ? button("resume", list.done ? t.resume : t.start, "primary") : null,
        ["done", "cancelled"].includes(list.state) && list.counts.unknown ? button("recheck", t.recheck) : null,
        hasResults ? [h("a", { class: "button", href: `/v1/lists/${id}/report`, target: "_blank", rel: "noopener" }, t.report), h("button", { type: "button", class: "primary", dataset: { key: "export" }, onclick: () => openExport(id, list, rows.view()) }, t.exportList)] : null,
        list.state === "removing" ? null : listMenu())),
      h("p", { class: "hint facts-line" }, h("span", { class: `state ${list.state}` }, states[list.state] || list.state), facts.filter(Boolean).map((text) => h("span", {}, text)), expiry()),
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
    // The browser asks again by itself unless it was refused; either way somebody looks whether the server lives.
    mine.addEventListener("error", () => { if (!isLeft) get(`/v1/lists/${id}`).catch(() => {}); });
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
