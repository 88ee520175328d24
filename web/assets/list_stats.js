// What a list came to: statuses, reasons, operators, scores, flags.
import { get } from "./api.js";
import { bars, donut, histogram, order, sum } from "./chart.js";
import { busy, h, number, redraw, replace, tableOf, trouble } from "./dom.js";
import { providerName } from "./evidence.js";
import { flags, reasons, statuses, t } from "./texts.js";

const REASONS_SHOWN = 7, OPERATORS_SHOWN = 12, DOMAINS_SHOWN = 6;

const statusOf = {
  accepted: "valid", accepted_restricted: "valid", accepts_all: "catch_all", provider_accepts_all: "catch_all",
  disposable: "do_not_mail", spam_trap: "do_not_mail", complainer: "do_not_mail", listed_domain: "do_not_mail", mailbox_full: "do_not_mail", known_bounce: "do_not_mail",
  bad_syntax: "invalid", provider_syntax: "invalid", domain_not_found: "invalid", no_mail_server: "invalid", null_mx: "invalid", unroutable_mx: "invalid",
  domain_not_accepted: "invalid", mailbox_not_found: "invalid", mailbox_disabled: "invalid", mailbox_moved: "invalid",
  opted_out: "skipped", blocked_domain: "skipped", duplicate: "skipped", cancelled: "skipped",
};

function bounceView(stats) {
  const most = Math.max(stats.bounce_before, stats.bounce_after, 1);
  const line = (name, share, look) => h("li", {}, h("span", { class: "bar-name" }, name),
    h("span", { class: "bar-track", "aria-hidden": "true" }, h("span", { class: `fill ${look}`, style: { width: `${(100 * share) / most}%` } })),
    h("strong", { class: "bar-count" }, `${share.toFixed(1)}%`));
  return h("div", { class: "bounce" }, h("h3", {}, t.bounce), h("ul", {}, line(t.bounceBefore, stats.bounce_before, "invalid"), line(t.bounceAfter, stats.bounce_after, "valid")));
}

// A cell is as dark as its share of its row.
function heatRow(name, entry, choose) {
  return h("tr", {}, h("th", { scope: "row" }, name), h("td", { class: "figure" }, number(entry.rows)),
    order.map((status) => {
      const count = entry.counts[status] || 0;
      const cell = h("td", { class: `figure heat ${status}` }, count ? h("button", { type: "button", class: "link plain", onclick: () => choose(status),
        "aria-label": `${name}, ${statuses[status].name}: ${number(count)}` }, number(count)) : h("span", { class: "zero" }, "0"));
      if (count) cell.style.setProperty("--heat", `${Math.round((34 * count) / entry.rows)}%`);
      return cell;
    }));
}

export function statsOf(id, place, rows) {
  const first = h("div", { class: "columns" }), second = h("div");
  let list = null, stats = null, showAll = false;
  replace(place, first, second);

  function drawFirst() {
    const total = sum(list.counts);
    if (!total) {
      replace(first);
      return;
    }
    const filter = rows.filter();
    const all = Object.entries(list.reasons).map(([key, count]) => ({ key, count, name: reasons[key] || key, status: statusOf[key] || "unknown" })).sort((a, b) => b.count - a.count);
    const hidden = all.length - REASONS_SHOWN;
    redraw(first,
      h("section", { class: "card" }, h("h2", {}, t.byStatus), donut(list.counts, rows.toggle("status"), filter.status), stats ? bounceView(stats) : null),
      h("section", { class: "card" }, h("h2", {}, t.byReason), bars("reason", showAll || hidden < 2 ? all : all.slice(0, REASONS_SHOWN), total, rows.toggle("reason"), filter.reason),
        hidden >= 2 ? h("p", {}, h("button", { type: "button", class: "quiet small", "aria-expanded": String(showAll), dataset: { key: "more-reasons" }, onclick: () => { showAll = !showAll; drawFirst(); } },
          showAll ? t.fewerReasons : t.moreReasons(number(hidden)))) : null));
  }

  function operators() {
    const columns = [[t.provider], [t.rows, true], ...order.map((s) => [statuses[s].name, true])];
    return tableOf(t.byProvider, "compact heat-table", columns, stats.by_provider.slice(0, OPERATORS_SHOWN).map((entry) =>
      heatRow(providerName(entry.provider), entry, (status) => rows.change({ status, provider: entry.provider === "other" ? "" : entry.provider }))));
  }

  function flagBars() {
    const found = Object.entries(stats.flags).filter(([, count]) => count > 0).map(([key, count]) => ({ key, count, name: flags[key] || key })).sort((a, b) => b.count - a.count);
    return found.length ? bars("flag", found, stats.rows, rows.toggle("flag"), rows.filter().flag) : h("p", { class: "hint" }, t.noFlags);
  }

  function worst() {
    const bad = stats.domains.filter((entry) => entry.bad > 0).slice(0, DOMAINS_SHOWN);
    if (!bad.length) return null;
    return [h("h3", {}, t.worstDomains), tableOf(t.worstDomains, "compact", [[t.domains], [t.rows, true], [t.bad, true]], bad.map((entry) =>
      h("tr", {}, h("td", { class: "host" }, h("button", { type: "button", class: "link plain", dataset: { key: `domain-${entry.domain}` }, onclick: () => rows.toggle("domain")(entry.domain) }, entry.domain)),
        h("td", { class: "figure" }, number(entry.rows)), h("td", { class: "figure" }, number(entry.bad)))))];
  }

  function drawSecond() {
    const filter = rows.filter();
    const low = filter.score_min !== "" && filter.score_max !== "" ? Number(filter.score_min) : null;
    const chooseScore = (from, to) => rows.change(low === from ? { score_min: "", score_max: "" } : { score_min: String(from), score_max: String(to) });
    const old = second.querySelector("details");
    redraw(second, h("details", { class: "card", open: old ? old.open : matchMedia("(min-width: 52rem)").matches }, h("summary", {}, h("h2", {}, t.details)),
      h("div", { class: "columns wide-left inner" }, h("div", {}, h("h3", {}, t.byProvider), operators(), worst()),
        h("div", {}, h("h3", {}, t.byScore), histogram(stats.score_histogram, chooseScore, low), h("h3", {}, t.byFlag), flagBars()))));
  }

  return {
    show(fresh) {
      list = fresh;
      drawFirst();
      if (stats) drawSecond();
    },
    // What was counted is true no more.
    forget() {
      stats = null;
      replace(second);
    },
    // Counted by the server over all rows: asked for when the list stands still.
    async count() {
      if (!sum(list.counts)) return;
      if (!stats) replace(second, busy(t.counting));
      try {
        stats = await get(`/v1/lists/${id}/stats`);
      } catch (failure) {
        replace(second, trouble(failure.message));
        return;
      }
      if (!place.isConnected) return;
      drawFirst();
      drawSecond();
    },
  };
}
