// Elements from data. Text is always text: nothing here reads markup.

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

const whole = new Intl.NumberFormat("en");
export const number = (value) => whole.format(value || 0);

export function percent(part, all) {
  if (!all) return "–";
  const share = (100 * part) / all;
  return (share > 0 && share < 10 ? share.toFixed(1) : Math.round(share)) + " %";
}

export function moment(text) {
  if (!text) return "–";
  return new Date(text).toLocaleString(undefined, { dateStyle: "medium", timeStyle: "short" });
}

export function clock(text) {
  return new Date(text).toLocaleTimeString(undefined, { hour: "2-digit", minute: "2-digit" });
}

export function span(seconds) {
  if (seconds === null || seconds === undefined) return "–";
  if (seconds < 60) return `${Math.round(seconds)} s`;
  if (seconds < 3600) return `${Math.round(seconds / 60)} min`;
  const hours = Math.floor(seconds / 3600);
  return `${hours} h ${Math.round((seconds - hours * 3600) / 60)} min`;
}

// Said to screen readers, and for a while at the foot of the page.
export function say(text, isTrouble) {
  let place = document.getElementById("said");
  if (!place) {
    place = h("div", { id: "said", role: "status", "aria-live": "polite" });
    document.body.append(place);
  }
  const note = h("p", { class: isTrouble ? "toast trouble" : "toast" }, text);
  place.append(note);
  setTimeout(() => note.remove(), isTrouble ? 9000 : 4000);
}
