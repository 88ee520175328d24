// Home: one address, how things go, the last 30 days.
import { get, query } from "./api.js";
import { days, order, strip } from "./chart.js";
import { h, number, percent, replace, say } from "./dom.js";
import { evidenceView } from "./evidence.js";
import { go } from "./app.js";
import { states, statuses, t } from "./texts.js";

const sum = (counts) => order.reduce((all, status) => all + (counts[status] || 0), 0);

export function checkForm(address, place) {
  const input = h("input", { id: "address", name: "address", type: "text", inputmode: "email", autocomplete: "off",
    autocapitalize: "none", spellcheck: "false", placeholder: "someone@example.org", value: address || "", required: true });
  const button = h("button", { class: "primary" }, t.check);
  return h("form", { class: "check-form", onsubmit: (event) => {
    event.preventDefault();
    if (input.value.trim() === address) checkNow(address, place, true);
    else go("/check", { address: input.value.trim() });
  } }, h("label", { class: "visually-hidden", for: "address" }, t.address), input, button);
}

export async function checkNow(address, place, fresh) {
  replace(place, h("p", { class: "busy" }, t.checking));
  for (let tries = 0; tries < 40 && place.isConnected; tries++) {
    try {
      const result = await get(query("/v1/verify", { address, evidence: "true", timeout_ms: 8000, fresh: fresh && tries === 0 ? "true" : "" }));
      if (result.pending) {
        replace(place, h("p", { class: "busy" }, t.pending));
        continue;
      }
      replace(place, evidenceView(result, (other) => go("/check", { address: other })),
        h("p", {}, h("button", { type: "button", onclick: () => checkNow(address, place, true) }, t.askAgain)));
    } catch (trouble) {
      replace(place, h("p", { class: "trouble", role: "alert" }, trouble.message));
    }
    return;
  }
}

export function checkView(main, parameters) {
  const place = h("div", { "aria-live": "polite" });
  replace(main, h("h1", {}, t.checkTitle), checkForm(parameters.get("address"), place), place);
  if (parameters.get("address")) checkNow(parameters.get("address"), place, false);
}

const tile = (name, value, hint) => h("div", { class: "tile" }, h("span", {}, name), h("strong", {}, value), hint ? h("small", {}, hint) : null);

function runningRow(list) {
  return h("li", {}, h("a", { href: `#/lists/${list.id}` }, list.name), h("span", { class: "hint" }, `${states[list.state]} · ${number(list.done)} ${t.of} ${number(list.unique)}`),
    strip(list.counts, list.rows));
}

export async function homeView(main) {
  const place = h("div");
  replace(main, h("h1", {}, t.home),
    h("section", { class: "card hero" }, h("h2", {}, t.checkTitle), checkForm("", place), h("p", { class: "hint" }, t.checkHint)), place);
  let overview, lists;
  try {
    [overview, lists] = await Promise.all([get("/v1/overview"), get("/v1/lists?limit=5")]);
  } catch (trouble) {
    if (trouble.status !== 403) say(trouble.message, true);
    return;
  }
  const all = {};
  for (const day of overview.days) for (const status of order) all[status] = (all[status] || 0) + (day.counts[status] || 0);
  const last = overview.days[overview.days.length - 1];
  const isToday = last && last.date === new Date().toISOString().slice(0, 10);
  replace(place,
    overview.alarms.map((alarm) => h("p", { class: "alarm", role: "alert" }, alarm.text)),
    h("section", { class: "tiles", "aria-label": "Figures" },
      tile(t.checkedToday, number(isToday ? sum(last.counts) : 0)), tile(t.checked30, number(sum(all))),
      tile(t.share, percent(all.valid || 0, sum(all))), tile(t.waiting, number(overview.waiting))),
    h("section", { class: "card" }, h("h2", {}, t.lastDays),
      overview.days.length ? [days(overview.days), h("p", { class: "key" }, order.map((s) => h("span", {}, h("span", { class: `dot ${s}`, "aria-hidden": "true" }), statuses[s].name)))] : h("p", { class: "empty" }, t.nothingYet)),
    h("section", { class: "card" }, h("h2", {}, overview.running.length ? t.runningLists : t.lists),
      (overview.running.length ? overview.running : lists.items).length
        ? h("ul", { class: "running" }, (overview.running.length ? overview.running : lists.items).map(runningRow))
        : h("p", { class: "empty" }, t.noLists),
      h("p", {}, h("a", { class: "button", href: "#/new" }, t.newList))));
}
