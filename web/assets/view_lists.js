// All lists, newest first.
import { call, get, query } from "./api.js";
import { strip } from "./chart.js";
import { ask, busy, h, moment, number, percent, redraw, replace, say, tableOf, trouble } from "./dom.js";
import { address, go, onLeave } from "./app.js";
import { states, t } from "./texts.js";

const REFRESH_MS = 3000, PAGE = 50;

function progress(list) {
  if (list.state === "loading") return t.rowsRead(number(list.rows));
  return list.unique ? percent(list.done, list.unique) : t.none;
}

async function erase(list, again) {
  if (!(await ask(t.eraseTitle, t.eraseSure(list.name), t.erase))) return;
  try {
    await call("DELETE", `/v1/lists/${list.id}`);
    again();
  } catch (failure) {
    say(failure.message, true);
  }
}

function row(list, again) {
  return h("tr", {},
    h("td", { class: "name-cell" }, h("a", { href: `#/lists/${list.id}`, dataset: { key: `list-${list.id}` } }, list.name)),
    h("td", {}, h("span", { class: `state ${list.state}` }, states[list.state] || list.state)),
    h("td", { class: "figure" }, number(list.rows)), h("td", { class: "figure" }, progress(list)),
    h("td", { class: "wide-strip" }, strip(list.counts, list.rows)), h("td", { class: "moment" }, moment(list.created_at)),
    h("td", { class: "figure" }, h("button", { type: "button", class: "quiet small", dataset: { key: `erase-${list.id}` }, onclick: () => erase(list, again), "aria-label": `${t.erase}: ${list.name}` }, t.erase)));
}

export async function listsView(main, parameters) {
  const place = h("div", {}, busy());
  let timer = 0, typing = 0;
  let words = parameters;
  const find = h("input", { id: "find", type: "search", placeholder: t.findListShape, value: words.get("text") || "", oninput: () => {
    clearTimeout(typing);
    typing = setTimeout(() => go("/lists", { text: find.value.trim() }), 300);
  } });
  replace(main, h("div", { class: "title-row" }, h("h1", {}, t.lists),
    h("div", { class: "actions" }, h("form", { role: "search", onsubmit: (event) => event.preventDefault() }, h("label", { class: "visually-hidden", for: "find" }, t.findList), find),
      h("a", { class: "button primary", href: "#/new" }, t.newList))), place);

  function pager(page) {
    const before = (words.get("before") || "").split(",").filter(Boolean);
    const cursor = words.get("cursor") || "";
    const text = words.get("text");
    if (!page.next && !cursor) return null;
    return h("nav", { class: "pager", "aria-label": t.lists },
      cursor ? h("a", { class: "button", href: address("/lists", { text, cursor: before[before.length - 1] === "0" ? "" : before[before.length - 1], before: before.slice(0, -1).join(",") }) }, t.newer) : null,
      page.next ? h("a", { class: "button", href: address("/lists", { text, cursor: page.next, before: [...before, cursor || "0"].join(",") }) }, t.older) : null);
  }

  async function draw() {
    clearTimeout(timer);
    try {
      const page = await get(query("/v1/lists", { limit: PAGE, cursor: words.get("cursor"), text: words.get("text") }));
      if (!place.isConnected) return;
      if (!page.items.length) {
        replace(place, h("section", { class: "card" }, h("p", { class: "empty" }, words.get("text") ? t.noListNamed : t.noLists)));
        return;
      }
      redraw(place, h("section", { class: "card tight" }, tableOf(t.lists, "lists", [[t.listName], [t.state], [t.rows, true], [t.done, true], [t.result], [t.created], [t.erase, true, true]],
        page.items.map((list) => row(list, draw))), pager(page)));
      if (page.items.some((list) => ["loading", "running", "removing"].includes(list.state))) timer = setTimeout(draw, REFRESH_MS);
    } catch (failure) {
      replace(place, trouble(failure.message));
    }
  }

  onLeave(() => { clearTimeout(timer); clearTimeout(typing); }, (fresh) => {
    words = fresh;
    draw();
  });
  await draw();
}
