// Drawings: the donut, stacked days, strips, bars. Never colour alone: each has its words beside it.
import { dayName, h, number, percent } from "./dom.js";
import { statuses, t } from "./texts.js";

export const order = ["valid", "catch_all", "unknown", "do_not_mail", "invalid", "skipped"];
export const sum = (counts) => order.reduce((total, status) => total + (counts[status] || 0), 0);

export function badge(status) {
  return h("span", { class: `badge ${status}` }, h("span", { class: `dot ${status}`, "aria-hidden": "true" }), statuses[status] ? statuses[status].name : status);
}

export const key = () => h("p", { class: "key" }, order.map((s) => h("span", {}, h("span", { class: `dot ${s}`, "aria-hidden": "true" }), statuses[s].name)));

export function strip(counts, total) {
  const all = total || sum(counts);
  const words = order.filter((s) => counts[s]).map((s) => `${statuses[s].name} ${number(counts[s])}`).join(", ");
  return h("div", { class: "strip", role: "img", "aria-label": words || t.noResults, title: words },
    order.filter((s) => counts[s]).map((s) =>
      h("span", { class: `fill ${s}`, style: { width: `${(100 * counts[s]) / all}%` } })));
}

function arcs(counts, all, choose, chosen) {
  const middle = 90, radius = 70, around = 2 * Math.PI * radius;
  let at = 0;
  return order.filter((s) => counts[s]).map((s) => {
    const length = (around * counts[s]) / all;
    const gap = length > 6 && counts[s] < all ? 2 : 0;
    const arc = h("svg:circle", {
      class: `arc ${s}${chosen && chosen !== s ? " faint" : ""}`, cx: middle, cy: middle, r: radius, fill: "none", "stroke-width": 24,
      "stroke-dasharray": `${length - gap} ${around - length + gap}`, "stroke-dashoffset": -at,
      transform: `rotate(-90 ${middle} ${middle})`, onclick: () => choose(s),
    }, h("svg:title", {}, `${statuses[s].name}: ${number(counts[s])}`));
    at += length;
    return arc;
  });
}

export function donut(counts, choose, chosen) {
  const all = sum(counts);
  return h("div", { class: "donut" },
    h("svg:svg", { viewBox: "0 0 180 180", "aria-hidden": "true" },
      h("svg:circle", { class: "track", cx: 90, cy: 90, r: 70, fill: "none", "stroke-width": 24 }),
      arcs(counts, all, choose, chosen),
      h("svg:text", { x: 90, y: 92, class: all > 999999 ? "total small" : "total", "text-anchor": "middle" }, number(all)),
      h("svg:text", { x: 90, y: 112, class: "unit", "text-anchor": "middle" }, t.rowsUnit)),
    h("ul", { class: "legend" }, order.map((s) =>
      h("li", {}, h("button", {
        type: "button", class: "legend-row", "aria-pressed": String(chosen === s), dataset: { key: `status-${s}` },
        title: statuses[s].says, onclick: () => choose(s),
      },
      h("span", { class: `dot ${s}`, "aria-hidden": "true" }),
      h("span", { class: "legend-name" }, statuses[s].name),
      h("span", { class: "legend-count" }, number(counts[s])),
      h("span", { class: "legend-share" }, percent(counts[s] || 0, all)))))));
}

// rows: {key, name, count, status}, each a filter that can be pressed; what: of what kind they are.
export function bars(what, rows, total, choose, chosen) {
  const most = Math.max(1, ...rows.map((row) => row.count));
  return h("ul", { class: "bars" }, rows.map((row) =>
    h("li", {}, h("button", { type: "button", class: "bar-row", "aria-pressed": String(chosen === row.key), dataset: { key: `${what}-${row.key}` }, onclick: () => choose(row.key) },
      h("span", { class: "bar-name", title: row.name }, row.name),
      h("span", { class: "bar-track", "aria-hidden": "true" },
        h("span", { class: `fill ${row.status || "plain"}`, style: { width: `${(100 * row.count) / most}%` } })),
      h("span", { class: "bar-count" }, number(row.count)),
      h("span", { class: "bar-share" }, percent(row.count, total))))));
}

// Ten columns, pressed for the rows of that score.
export function histogram(numbers, choose, chosen) {
  const most = Math.max(1, ...numbers);
  const look = (low) => (low >= 90 ? "valid" : low >= 50 ? "catch_all" : low >= 30 ? "unknown" : "invalid");
  return h("ul", { class: "histogram" }, numbers.map((count, index) => {
    const low = index * 10, high = index === 9 ? 100 : low + 9;
    return h("li", {}, h("button", { type: "button", class: "column", "aria-pressed": String(chosen === low), dataset: { key: `score-${low}` }, onclick: () => choose(low, high) },
      h("span", { class: "column-count" }, count ? number(count) : ""),
      h("span", { class: "column-track", "aria-hidden": "true" }, h("span", { class: `fill ${look(low)}`, style: { height: `${(100 * count) / most}%` } })),
      h("span", { class: "column-name" }, t.scoreRange(low, high))));
  }));
}

function dayColumn(date, counts, index, step, height, most) {
  let y = height;
  return h("svg:g", {}, h("svg:title", {}, `${dayName(date)}: ${number(sum(counts))}`),
    h("svg:rect", { class: "day-ground", x: index * step + 1, y: 0, width: step - 2, height }),
    order.filter((s) => counts[s]).map((s) => {
      const tall = (height * counts[s]) / most;
      y -= tall;
      return h("svg:rect", { class: `block ${s}`, x: index * step + 2, y, width: step - 4, height: Math.max(tall, 1) });
    }));
}

export function days(list) {
  const byDate = new Map(list.map((day) => [day.date, day.counts]));
  const dates = [];
  for (let back = 29; back >= 0; back--)
    dates.push(new Date(Date.now() - back * 86400000).toISOString().slice(0, 10));
  const most = Math.max(1, ...dates.map((date) => sum(byDate.get(date) || {})));
  const width = 640, height = 150, step = width / dates.length;
  const total = dates.reduce((all, date) => all + sum(byDate.get(date) || {}), 0);
  return h("figure", { class: "days" },
    h("div", { class: "days-scale", "aria-hidden": "true" }, h("span", {}, number(most)), h("span", {}, "0")),
    h("svg:svg", { viewBox: `0 0 ${width} ${height}`, preserveAspectRatio: "none", role: "img",
      "aria-label": t.daysSummary(number(total), number(most)) },
    dates.map((date, index) => dayColumn(date, byDate.get(date) || {}, index, step, height, most))),
    h("figcaption", {}, [0, 7, 14, 22, 29].map((index) => h("span", {}, dayName(dates[index])))));
}
