// Which page is shown: the part of the address behind "#".
import { call, get, onSignedOut, onUnreachable } from "./api.js";
import { field, h, replace, say, trouble } from "./dom.js";
import { t } from "./texts.js";
import { checkView, homeView } from "./view_home.js";
import { listsView } from "./view_lists.js";
import { newView } from "./view_new.js";
import { listView } from "./view_list.js";
import { settingsView } from "./view_settings.js";

const app = document.getElementById("app");
let who = null;
let shown = { path: null, leave: null, update: null };

export function address(path, parameters) {
  const words = new URLSearchParams();
  for (const [name, value] of Object.entries(parameters || {})) if (value) words.set(name, value);
  const text = words.toString();
  return text ? `#${path}?${text}` : `#${path}`;
}

export function go(path, parameters) {
  location.hash = address(path, parameters);
}

// A view calls this with what is to be done when it is left, and with how it takes on another part of the
// address behind "?" without being drawn anew.
export function onLeave(leave, update) {
  shown.leave = leave;
  shown.update = update || null;
}

export const may = (scope) => who !== null && who.scopes.includes(scope);

const routes = [
  [/^\/$/, homeView, t.home, "verify"],
  [/^\/check$/, checkView, t.checkTitle, "verify"],
  [/^\/lists$/, listsView, t.lists, "lists"],
  [/^\/lists\/(\d+)$/, listView, t.lists, "lists"],
  [/^\/new$/, newView, t.newList, "lists"],
  [/^\/settings(?:\/([a-z]+))?$/, settingsView, t.settings, "admin"],
];

const moon = "M20 14.5A8.5 8.5 0 0 1 9.5 4a8.5 8.5 0 1 0 10.5 10.5z";
const sun = "M12 8a4 4 0 1 0 0 8 4 4 0 0 0 0-8zM12 2v2.5M12 19.5V22M2 12h2.5M19.5 12H22M4.9 4.9l1.8 1.8M17.3 17.3l1.8 1.8M4.9 19.1l1.8-1.8M17.3 6.7l1.8-1.8";

const themeNow = () => localStorage.getItem("theme") || (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light");

function themeButton() {
  const button = h("button", { type: "button", class: "quiet icon", onclick: () => {
    localStorage.setItem("theme", themeNow() === "dark" ? "light" : "dark");
    draw();
  } });
  function draw() {
    const isDark = themeNow() === "dark";
    const name = isDark ? t.toLight : t.toDark;
    document.documentElement.dataset.theme = themeNow();
    button.setAttribute("aria-label", name);
    button.title = name;
    replace(button, h("svg:svg", { viewBox: "0 0 24 24", width: 20, height: 20, class: "line", "aria-hidden": "true" }, h("svg:path", { d: isDark ? sun : moon })));
  }
  draw();
  return button;
}

function frame(path) {
  const isHere = (to) => (to === "/" ? path === "/" || path === "/check" : path === to || path.startsWith(`${to}/`));
  const link = (to, name) => h("li", {}, h("a", { href: `#${to}`, "aria-current": isHere(to) ? "page" : null }, name));
  const main = h("main", { id: "main", tabindex: "-1" });
  replace(app, h("header", { class: "top" },
    h("a", { class: "brand", href: "#/" }, h("img", { src: "/assets/icon.svg", alt: "", width: "28", height: "28" }), t.name),
    h("nav", { "aria-label": t.menu }, h("ul", {}, link("/", t.home),
      may("lists") ? [link("/lists", t.lists), link("/new", t.newList)] : null, may("admin") ? link("/settings", t.settings) : null)),
    h("div", { class: "actions" }, themeButton(), who.open ? null : h("button", { type: "button", class: "quiet", onclick: signOut }, t.signOut))), main);
  return main;
}

function show() {
  const [path, words] = (location.hash.slice(1) || "/").split("?");
  const parameters = new URLSearchParams(words || "");
  if (path === shown.path && shown.update && who) {
    shown.update(parameters);
    return false;
  }
  if (shown.leave) shown.leave();
  shown = { path, leave: null, update: null };
  if (!who || !who.scopes.length) {
    signInView();
    return true;
  }
  const main = frame(path);
  for (const [pattern, view, title, scope] of routes) {
    const match = pattern.exec(path);
    if (!match || !may(scope)) continue;
    document.title = `${title} · ${t.name}`;
    view(main, parameters, ...match.slice(1));
    return true;
  }
  if (path !== "/" && routes.some(([pattern]) => pattern.test(path))) {
    go("/"); // what this key may not see
    return true;
  }
  document.title = t.name;
  replace(main, h("h1", {}, t.notFound));
  return true;
}

function signInView() {
  document.title = `${t.signIn} · ${t.name}`;
  const key = h("input", { id: "key", type: "password", autocomplete: "current-password", required: true, placeholder: t.keyShape, "aria-describedby": "key-hint" });
  const problem = h("div");
  replace(app, h("main", { id: "main", class: "sign-in", tabindex: "-1" }, h("form", { class: "card form", onsubmit: async (event) => {
    event.preventDefault();
    try {
      who = await call("POST", "/v1/session", { key: key.value.trim() });
      show();
    } catch (failure) {
      replace(problem, trouble(failure.message));
      key.select();
    }
  } }, h("img", { src: "/assets/icon.svg", alt: "", width: "48", height: "48" }), h("h1", {}, t.name),
  field(t.key, "key", key, t.signInHint), problem, h("p", {}, h("button", { class: "primary" }, t.signIn)))));
  key.focus();
}

async function signOut() {
  try {
    await call("DELETE", "/v1/session");
  } catch (failure) {
    say(failure.message, true);
    return;
  }
  who = null;
  show();
}

// The server is gone: said once, until it answers again; then the page is drawn anew.
const RETRY_MS = 3000;
let isLost = false;
function lost() {
  if (isLost) return;
  isLost = true;
  const banner = h("p", { class: "lost", role: "alert" }, t.lost);
  document.body.prepend(banner);
  const timer = setInterval(async () => {
    const isBack = await fetch("/healthz", { cache: "no-store" }).then((answer) => answer.ok, () => false);
    if (!isBack || !isLost) return;
    clearInterval(timer);
    isLost = false;
    banner.remove();
    say(t.back);
    start();
  }, RETRY_MS);
}

function toContent(event) {
  if (event) event.preventDefault();
  const main = document.getElementById("main");
  if (main) main.focus({ preventScroll: !event });
}

document.documentElement.dataset.theme = themeNow();
const skip = document.querySelector(".skip");
skip.textContent = t.skip;
skip.addEventListener("click", toContent);
onSignedOut(() => {
  who = null;
  show();
});
window.addEventListener("hashchange", () => {
  if (!show()) return;
  toContent(null);
  window.scrollTo(0, 0);
});
onUnreachable(lost);
function start() {
  get("/v1/session").then((answer) => {
    who = answer;
    shown.path = null;
    show();
  }, (failure) => replace(app, h("main", { id: "main" }, trouble(failure.message))));
}
start();
