// Home: one address, how things go, the last 30 days.
import { get, query } from "./api.js";
import { days, key, order, strip, sum } from "./chart.js";
import { busy, h, number, percent, redraw, replace, trouble } from "./dom.js";
import { evidenceView } from "./evidence.js";
import { go, may, onLeave } from "./app.js";
import { states, t } from "./texts.js";

const REFRESH_MS = 5000, TRIES = 40;

function checkForm(address, again) {
  const input = h("input", { id: "address", name: "address", type: "text", inputmode: "email", autocomplete: "off",
    autocapitalize: "none", spellcheck: "false", placeholder: t.addressShape, value: address || "", required: true, maxlength: "1000" });
  return h("form", { class: "check-form", onsubmit: (event) => {
    event.preventDefault();
    if (input.value.trim() === address) again();
    else go("/check", { address: input.value.trim() });
  } }, h("label", { class: "visually-hidden", for: "address" }, t.address), input, h("button", { class: "primary" }, t.check));
}

// Asks until there is an answer, or the place is gone.
export async function checkNow(address, place, fresh) {
  replace(place, busy(t.checking));
  try {
    for (let tries = 0; tries < TRIES && place.isConnected; tries++) {
      const result = await get(query("/v1/verify", { address, evidence: "true", timeout_ms: 8000, fresh: fresh && tries === 0 ? "true" : "" }));
      if (!result.pending) {
        replace(place, evidenceView(result, (other) => go("/check", { address: other })),
          h("p", {}, h("button", { type: "button", onclick: () => checkNow(address, place, true) }, t.askAgain)));
        return;
      }
      if (tries === 0) replace(place, busy(t.pending));
    }
    replace(place, h("p", { class: "empty" }, t.stillPending));
  } catch (failure) {
    replace(place, trouble(failure.message));
  }
}

export function checkView(main, parameters) {
  const place = h("div", { "aria-live": "polite" });
  const address = parameters.get("address");
  replace(main, h("h1", {}, t.checkTitle), checkForm(address, () => checkNow(address, place, true)), place);
  if (address) checkNow(address, place, false);
  else document.getElementById("address").focus();
}

const tile = (name, value) => h("div", { class: "tile" }, h("dt", {}, name), h("dd", {}, value));

function listLine(list) {
  return h("li", {}, h("a", { href: `#/lists/${list.id}` }, list.name),
    h("span", { class: "hint" }, h("span", { class: `state ${list.state}` }, states[list.state] || list.state),
      ` · ${t.ofMailboxes(number(list.done), number(list.unique))}`), strip(list.counts, list.rows));
}

function figures(overview) {
  const all = {};
  for (const day of overview.days) for (const status of order) all[status] = (all[status] || 0) + (day.counts[status] || 0);
  const last = overview.days[overview.days.length - 1];
  const isToday = last && last.date === new Date().toISOString().slice(0, 10);
  return h("dl", { class: "tiles" },
    tile(t.checkedToday, number(isToday ? sum(last.counts) : 0)), tile(t.checked30, number(sum(all))),
    tile(t.share, percent(all.valid || 0, sum(all))), tile(t.waiting, number(overview.waiting)));
}

export async function homeView(main) {
  const place = h("div");
  let timer = 0;
  replace(main, h("h1", { class: "visually-hidden" }, t.home),
    h("section", { class: "card hero" }, h("h2", {}, t.checkTitle), checkForm("", null), h("p", { class: "hint" }, t.checkHint)), place);
  if (!may("lists")) return;
  onLeave(() => clearTimeout(timer));

  async function draw() {
    try {
      const [overview, lists] = await Promise.all([get("/v1/overview"), get("/v1/lists?limit=5")]);
      if (!place.isConnected) return;
      const isRunning = overview.running.length > 0;
      const shown = isRunning ? overview.running : lists.items;
      redraw(place,
        overview.alarms.map((alarm) => h("p", { class: "alarm", role: "alert" }, alarm.text)),
        figures(overview),
        h("div", { class: "columns wide-left" },
          h("section", { class: "card" }, h("h2", {}, t.lastDays),
            overview.days.length ? [days(overview.days), key()] : h("p", { class: "empty" }, t.nothingYet)),
          h("section", { class: "card" }, h("div", { class: "title-row" }, h("h2", {}, isRunning ? t.runningLists : t.latestLists),
            shown.length ? h("a", { href: "#/lists", class: "quiet-link" }, t.allLists) : null),
          shown.length ? h("ul", { class: "running" }, shown.map(listLine)) : h("p", { class: "empty" }, t.noLists),
          h("p", {}, h("a", { class: "button", href: "#/new" }, t.newList)))));
      if (isRunning) timer = setTimeout(draw, REFRESH_MS);
    } catch (failure) {
      replace(place, trouble(failure.message));
    }
  }
  await draw();
}
