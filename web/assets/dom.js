// Elements from data. Text is always text: nothing here reads markup.
import { language, t } from "./texts.js";

export function h(name, attributes, ...children) {
  const svg = name.startsWith("svg:");
  const element = svg
    ? document.createElementNS("http://www.w3.org/2000/svg", name.slice(4))
    : document.createElement(name);
  for (const [key, value] of Object.entries(attributes || {})) {
    if (value === undefined || value === null || value === false) continue;
    if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else if (key === "style") Object.assign(element.style, value);
    else if (key === "value" && !svg) element.value = value;
    else if (key === "dataset") Object.assign(element.dataset, value);
    else element.setAttribute(key, value === true ? "" : value);
  }
  put(element, children);
  return element;
}

function put(element, children) {
  for (const child of children) {
    if (child === null || child === undefined || child === false) continue;
    if (Array.isArray(child)) put(element, child);
    else element.append(child instanceof Node ? child : String(child));
  }
}

export function replace(element, ...children) {
  element.textContent = "";
  put(element, children);
  return element;
}

// What is drawn anew keeps the keyboard's place: the element of the same id, or data-key, has it again.
export function redraw(element, ...children) {
  const active = element.contains(document.activeElement) ? document.activeElement : null;
  const { id } = active || {}, key = active && active.dataset.key;
  replace(element, ...children);
  if (!active) return;
  const again = [...element.querySelectorAll("[id], [data-key]")].find((each) => (id && each.id === id) || (key && each.dataset.key === key));
  if (again) again.focus({ preventScroll: true });
}

const whole = new Intl.NumberFormat(language);
export const number = (value) => whole.format(value || 0);

export function percent(part, all) {
  if (!all) return t.none;
  const share = (100 * part) / all;
  return (share > 0 && share < 10 ? share.toFixed(1) : Math.round(share)) + "%";
}

const long = new Intl.DateTimeFormat(language, { dateStyle: "medium", timeStyle: "short" });
const short = new Intl.DateTimeFormat(language, { hour: "2-digit", minute: "2-digit" });
const dayOnly = new Intl.DateTimeFormat(language, { day: "numeric", month: "short", timeZone: "UTC" });
export const moment = (text) => (text ? long.format(new Date(text)) : t.none);
export const clock = (text) => short.format(new Date(text));
export const dayName = (date) => dayOnly.format(new Date(date));

export function span(seconds) {
  if (seconds === null || seconds === undefined) return t.none;
  if (seconds < 60) return t.seconds(Math.round(seconds));
  const minutes = Math.round(seconds / 60);
  return minutes < 60 ? t.minutes(minutes) : t.hours(Math.floor(minutes / 60), minutes % 60);
}

export function bytes(count) {
  let unit = 0;
  while (count >= 1024 && unit < t.byteUnits.length - 1) {
    count /= 1024;
    unit++;
  }
  return `${count < 10 && unit > 0 && count % 1 ? count.toFixed(1) : Math.round(count)} ${t.byteUnits[unit]}`;
}

// Said to screen readers, and for a while at the foot of the page.
export function say(text, isTrouble) {
  const place = document.getElementById("said");
  const note = h("p", { class: isTrouble ? "toast trouble" : "toast" }, text);
  place.append(note);
  setTimeout(() => note.remove(), isTrouble ? 9000 : 4000);
}

export const busy = (text) => h("p", { class: "busy", role: "status" }, text || t.busy);
export const trouble = (text) => h("p", { class: "trouble", role: "alert" }, text);

// A question before something that can't be undone. Resolves to whether it was confirmed.
export function ask(title, text, verb) {
  return new Promise((resolve) => {
    const dialog = h("dialog", { class: "question", "aria-labelledby": "question-title" },
      h("form", { method: "dialog" }, h("h2", { id: "question-title" }, title), h("p", {}, text),
        h("div", { class: "actions end" }, h("button", { value: "", autofocus: true }, t.keep), h("button", { value: "yes", class: "danger" }, verb))));
    dialog.addEventListener("close", () => {
      dialog.remove();
      resolve(dialog.returnValue === "yes");
    });
    document.body.append(dialog);
    dialog.showModal();
  });
}

// A button that opens a list of others. entries: [key, name, action], or null for one that is not offered now.
export function menu(name, entries) {
  const summary = h("summary", { class: "button", dataset: { key: `menu-${name}` } }, name);
  const shut = () => { box.open = false; };
  const box = h("details", { class: "menu", onkeydown: (event) => {
    if (event.key !== "Escape" || !box.open) return;
    event.stopPropagation();
    shut();
    summary.focus();
  }, onfocusout: (event) => { if (event.relatedTarget && !box.contains(event.relatedTarget)) shut(); },
  ontoggle: () => { if (box.open) document.addEventListener("click", (event) => { if (!box.contains(event.target)) shut(); }, { once: true, capture: true }); } },
  summary, h("div", { class: "menu-body" }, entries.filter(Boolean).map(([key, label, action, look]) =>
    h("button", { type: "button", class: `menu-row ${look || ""}`, dataset: { key }, onclick: () => { shut(); summary.focus(); action(); } }, label))));
  return box;
}

// Once the page was drawn and whatever came meanwhile had its turn. A page that is not looked at draws no frames.
export const nextFrame = () => new Promise((resolve) => {
  const timer = setTimeout(resolve, 100);
  requestAnimationFrame(() => { clearTimeout(timer); setTimeout(resolve, 0); });
});

// An address with right-to-left letters: both sides keep their own direction, and their places.
export function addressText(text) {
  const at = text.lastIndexOf("@");
  return at < 0 || /^[\x20-\x7e]*$/.test(text) ? text : [h("bdi", {}, text.slice(0, at)), "@", h("bdi", {}, text.slice(at + 1))];
}

// A table in a region that can be scrolled sideways with the keyboard.
// columns: [heading, is a figure]; cells of figure columns are the caller's to mark.
export function tableOf(label, look, columns, rows) {
  return h("div", { class: "wide", tabindex: "0", role: "region", "aria-label": label }, h("table", { class: look },
    h("thead", {}, h("tr", {}, columns.map(([name, isFigure, isHidden]) =>
      h("th", { scope: "col", class: isFigure ? "figure" : null }, isHidden ? h("span", { class: "visually-hidden" }, name) : name)))),
    h("tbody", {}, rows)));
}

export const field = (name, id, control, hint) => h("div", { class: "field" }, h("label", { for: id }, name), control, hint ? h("small", { id: `${id}-hint` }, hint) : null);
export const choice = (id, pairs, chosen) => h("select", { id, name: id }, pairs.map(([value, name]) => h("option", { value, selected: value === chosen }, name)));
