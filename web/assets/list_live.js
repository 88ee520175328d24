// How a list goes: what fills up, at which pace, whom it waits for.
import { order } from "./chart.js";
import { busy, clock, h, number, percent, span, tableOf } from "./dom.js";
import { providerName } from "./evidence.js";
import { statuses, t } from "./texts.js";

const SITES_SHOWN = 10;

function waitingWords(waiting) {
  if (!waiting || !waiting.count) return null;
  return waiting.until ? t.waitingUntil(number(waiting.count), clock(waiting.until)) : t.waitingFor(number(waiting.count));
}

function siteState(site) {
  if (site.blocked_until) return h("span", { class: "pill resting" }, t.leftAlone(clock(site.blocked_until)));
  if (site.sessions) return h("span", { class: "pill asking" }, t.beingAsked);
  return h("span", { class: "pill" }, site.waiting ? t.inQueue : t.restingNow);
}

function sitesTable(sites) {
  if (!sites.length) return h("p", { class: "hint" }, t.noOperators);
  const sorted = [...sites].sort((a, b) => b.waiting - a.waiting || b.sessions - a.sessions), most = Math.max(1, sorted[0].waiting);
  const hasEta = sites.some((site) => site.eta_s !== undefined && site.eta_s !== null);
  const rest = sorted.slice(SITES_SHOWN).reduce((all, site) => all + site.waiting, 0);
  return [tableOf(t.operators, "compact sites", [[t.provider], [t.queue], [t.queued, true, true], [t.connections, true], hasEta ? [t.left, true] : null, [t.state]].filter(Boolean), sorted.slice(0, SITES_SHOWN).map((site) =>
    h("tr", {}, h("td", { class: "host" }, providerName(site.provider) || site.key.replace(/^mx:/, "")),
      h("td", { class: "queue" }, h("span", { class: "bar-track", "aria-hidden": "true" }, h("span", { class: "fill brand", style: { width: `${(100 * site.waiting) / most}%` } }))),
      h("td", { class: "figure" }, number(site.waiting)), h("td", { class: "figure" }, t.ofLimit(number(site.sessions), number(site.limit))),
      hasEta ? h("td", { class: "figure" }, site.eta_s === null || site.eta_s === undefined ? t.none : span(site.eta_s)) : null, h("td", {}, siteState(site))))),
  sorted.length > SITES_SHOWN ? h("p", { class: "hint" }, t.moreOperators(number(sorted.length - SITES_SHOWN), number(rest))) : null];
}

// The bar fills in the colours of what came out; what it says aloud is the share that is done.
function fillingBar(list, share) {
  const shown = order.filter((status) => list.counts[status]);
  return h("div", { class: "bar", role: "progressbar", "aria-valuemin": "0", "aria-valuemax": "100", "aria-label": t.progress, "aria-valuenow": String(Math.floor(share)),
    "aria-valuetext": `${percent(list.done, list.unique)}: ${shown.map((status) => `${statuses[status].name} ${number(list.counts[status])}`).join(", ")}` },
  shown.map((status) => h("span", { class: `fill ${status}`, style: { width: `${(100 * list.counts[status]) / list.rows}%` } })));
}

export function liveView(list, sites) {
  const share = list.unique ? (100 * list.done) / list.unique : 0;
  if (list.state === "loading") return h("section", { class: "card", "aria-label": t.progress }, busy(`${t.reading} ${t.rowsRead(number(list.rows))}`));
  const figure = (name, value, more) => h("div", { class: "live-figure" }, h("dt", {}, name), h("dd", {}, value, more ? h("small", {}, more) : null));
  const waiting = waitingWords(list.waiting);
  return h("section", { class: "card live", "aria-label": t.progress },
    h("h2", { class: "visually-hidden" }, t.progress), h("div", { class: "live-head" }, h("p", { class: "live-share" }, h("strong", {}, percent(list.done, list.unique)), h("span", {}, t.ofMailboxes(number(list.done), number(list.unique)))),
      h("dl", { class: "live-figures" }, figure(t.pace, list.rate === null ? t.none : number(list.rate), t.rate), figure(t.timeLeft, span(list.eta_s), list.eta_s ? t.untilClock(clock(Date.now() + list.eta_s * 1000)) : null),
        figure(t.waitingShort, number(list.waiting && list.waiting.count), list.waiting && list.waiting.count && list.waiting.until ? t.untilClock(clock(list.waiting.until)) : null))),
    fillingBar(list, share), waiting ? h("p", { class: "waiting-note" }, t.waitingWhy(waiting)) : null,
    h("h3", {}, t.operators), sitesTable(sites));
}
