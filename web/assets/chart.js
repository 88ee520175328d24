// Drawings: the donut, stacked days, strips. Never colour alone: each has its words beside it.
import { h, number, percent } from "./dom.js";
import { statuses } from "./texts.js";

export const order = ["valid", "catch_all", "unknown", "do_not_mail", "invalid", "skipped"];

export function strip(counts, total) {
  const all = total || order.reduce((sum, status) => sum + (counts[status] || 0), 0);
  const words = order.filter((s) => counts[s]).map((s) => `${statuses[s].name} ${number(counts[s])}`).join(", ");
  return h("div", { class: "strip", role: "img", "aria-label": words || "no results yet", title: words },
    order.filter((s) => counts[s]).map((s) =>
      h("span", { class: `fill ${s}`, style: { width: `${(100 * counts[s]) / all}%` } })));
}

export function donut(counts, choose, chosen) {
  const all = order.reduce((sum, status) => sum + (counts[status] || 0), 0);
  const size = 180, middle = 90, radius = 70, around = 2 * Math.PI * radius;
  let at = 0;
  const arcs = order.filter((s) => counts[s]).map((s) => {
    const length = (around * counts[s]) / all;
    const gap = length > 6 ? 2 : 0;
    const arc = h("svg:circle", {
      class: `arc ${s}`, cx: middle, cy: middle, r: radius, fill: "none", "stroke-width": 24,
      "stroke-dasharray": `${length - gap} ${around - length + gap}`, "stroke-dashoffset": -at,
      transform: `rotate(-90 ${middle} ${middle})`, onclick: () => choose(s),
    }, h("svg:title", {}, `${statuses[s].name}: ${number(counts[s])}`));
    at += length;
    return arc;
  });
  return h("div", { class: "donut" },
    h("svg:svg", { viewBox: `0 0 ${size} ${size}`, "aria-hidden": "true" },
      h("svg:circle", { class: "track", cx: middle, cy: middle, r: radius, fill: "none", "stroke-width": 24 }),
      arcs,
      h("svg:text", { x: middle, y: middle + 2, class: "total", "text-anchor": "middle" }, number(all)),
      h("svg:text", { x: middle, y: middle + 22, class: "unit", "text-anchor": "middle" }, "rows")),
    h("ul", { class: "legend" }, order.map((s) =>
      h("li", {}, h("button", {
        type: "button", class: "legend-row", "aria-pressed": String(chosen === s),
        title: statuses[s].says, onclick: () => choose(s),
      },
      h("span", { class: `dot ${s}`, "aria-hidden": "true" }),
      h("span", { class: "legend-name" }, statuses[s].name),
      h("span", { class: "legend-count" }, number(counts[s])),
      h("span", { class: "legend-share" }, percent(counts[s] || 0, all)))))));
}

export function bars(rows, total, choose, chosen) {
  const most = Math.max(1, ...rows.map((row) => row.count));
  return h("ul", { class: "bars" }, rows.map((row) =>
    h("li", {}, h("button", { type: "button", class: "bar-row", "aria-pressed": String(chosen === row.key), onclick: () => choose(row.key) },
      h("span", { class: "bar-name" }, row.name),
      h("span", { class: "bar-track", "aria-hidden": "true" },
        h("span", { class: `fill ${row.status}`, style: { width: `${(100 * row.count) / most}%` } })),
      h("span", { class: "bar-count" }, number(row.count)),
      h("span", { class: "bar-share" }, percent(row.count, total))))));
}

export function days(list) {
  const byDate = new Map(list.map((day) => [day.date, day.counts]));
  const dates = [];
  for (let back = 29; back >= 0; back--)
    dates.push(new Date(Date.now() - back * 86400000).toISOString().slice(0, 10));
  const sum = (counts) => order.reduce((total, s) => total + (counts[s] || 0), 0);
  const most = Math.max(1, ...dates.map((date) => sum(byDate.get(date) || {})));
  const width = 640, height = 150, step = width / dates.length;
  const columns = dates.map((date, index) => {
    const counts = byDate.get(date) || {};
    let y = height;
    return h("svg:g", {}, h("svg:title", {}, `${date}: ${number(sum(counts))}`),
      h("svg:rect", { class: "day-ground", x: index * step + 1, y: 0, width: step - 2, height }),
      order.filter((s) => counts[s]).map((s) => {
        const tall = (height * counts[s]) / most;
        y -= tall;
        return h("svg:rect", { class: `block ${s}`, x: index * step + 2, y, width: step - 4, height: Math.max(tall, 1) });
      }));
  });
  const total = dates.reduce((all, date) => all + sum(byDate.get(date) || {}), 0);
  return h("figure", { class: "days" },
    h("svg:svg", { viewBox: `0 0 ${width} ${height}`, preserveAspectRatio: "none", role: "img",
      "aria-label": `${number(total)} addresses in 30 days, at most ${number(most)} on one` }, columns),
    h("figcaption", {}, h("span", {}, dates[0]), h("span", {}, `most on one day: ${number(most)}`), h("span", {}, dates[29])));
}

export function badge(status, words) {
  return h("span", { class: `badge ${status}` }, h("span", { class: `dot ${status}`, "aria-hidden": "true" }),
    words || (statuses[status] ? statuses[status].name : "…"));
}
