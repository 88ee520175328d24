// Which page is shown: the part of the address behind "#".
import { call, get, onSignedOut } from "./api.js";
import { h, replace, say } from "./dom.js";
import { t } from "./texts.js";
import { checkView, homeView } from "./view_home.js";
import { listsView, newView } from "./view_lists.js";
import { listView } from "./view_list.js";
import { settingsView } from "./view_settings.js";

const app = document.getElementById("app");
let who = null, leave = null;

export function go(path, parameters) {
  const words = new URLSearchParams();
  for (const [name, value] of Object.entries(parameters || {})) if (value) words.set(name, value);
  const text = words.toString();
  location.hash = text ? `${path}?${text}` : path;
}

export function onLeave(handler) {
  leave = handler;
}

const routes = [
  [/^\/$/, homeView, t.home],
  [/^\/check$/, checkView, t.checkTitle],
  [/^\/lists$/, listsView, t.lists],
  [/^\/lists\/(\d+)$/, listView, t.lists],
  [/^\/new$/, newView, t.newList],
  [/^\/settings$/, settingsView, t.settings],
];

function theme(change) {
  const system = matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
  let chosen = localStorage.getItem("theme") || system;
  if (change) {
    chosen = chosen === "dark" ? "light" : "dark";
    localStorage.setItem("theme", chosen);
  }
  document.documentElement.dataset.theme = chosen;
}

function frame(path) {
  const link = (to, name) => h("li", {}, h("a", { href: `#${to}`, "aria-current": (to === "/" ? path === "/" || path === "/check" : path.startsWith(to)) ? "page" : null }, name));
  const main = h("main", { id: "main", tabindex: "-1" });
  replace(app, h("header", { class: "top" },
    h("a", { class: "brand", href: "#/" }, h("img", { src: "/assets/icon.svg", alt: "", width: "28", height: "28" }), t.name),
    h("nav", { "aria-label": t.menu }, h("ul", {}, link("/", t.home), link("/lists", t.lists), link("/new", t.newList), who.scopes.includes("admin") ? link("/settings", t.settings) : null)),
    h("div", { class: "actions" }, h("button", { type: "button", class: "quiet", onclick: () => theme(true), "aria-label": t.theme, title: t.theme }, "◐"),
      who.open ? null : h("button", { type: "button", class: "quiet", onclick: signOut }, t.signOut))), main);
  return main;
}

function show() {
  const [path, words] = (location.hash.slice(1) || "/").split("?");
  if (leave) leave();
  leave = null;
  if (!who || !who.scopes.length) {
    signInView();
    return;
  }
  const main = frame(path);
  for (const [pattern, view, title] of routes) {
    const match = pattern.exec(path);
    if (!match) continue;
    document.title = `${title} · ${t.name}`;
    view(main, new URLSearchParams(words || ""), ...match.slice(1));
    return;
  }
  replace(main, h("h1", {}, t.notFound));
}

function signInView() {
  document.title = `${t.signIn} · ${t.name}`;
  const key = h("input", { id: "key", type: "password", autocomplete: "current-password", required: true, placeholder: "mk_…", "aria-describedby": "key-hint" });
  const trouble = h("p", { class: "trouble", role: "alert", hidden: true });
  replace(app, h("main", { id: "main", class: "sign-in" }, h("form", { class: "card form", onsubmit: async (event) => {
    event.preventDefault();
    try {
      who = await call("POST", "/v1/session", { key: key.value.trim() });
      show();
    } catch (problem) {
      trouble.textContent = problem.message;
      trouble.hidden = false;
    }
  } }, h("img", { src: "/assets/icon.svg", alt: "", width: "48", height: "48" }), h("h1", {}, t.name),
  h("div", { class: "field" }, h("label", { for: "key" }, t.key), key, h("small", { id: "key-hint" }, t.signInHint)), trouble, h("p", {}, h("button", { class: "primary" }, t.signIn)))));
  key.focus();
}

async function signOut() {
  try {
    await call("DELETE", "/v1/session");
  } catch (trouble) {
    say(trouble.message, true);
  }
  who = null;
  show();
}

theme(false);
onSignedOut(() => { who = null; show(); });
window.addEventListener("hashchange", () => { show(); document.getElementById("main").focus({ preventScroll: true }); window.scrollTo(0, 0); });
get("/v1/session").then((answer) => { who = answer; show(); }, (trouble) => replace(app, h("p", { class: "trouble" }, trouble.message)));
