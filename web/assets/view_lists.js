// All lists; and a new one.
import { call, get, query, upload } from "./api.js";
import { strip } from "./chart.js";
import { h, moment, number, percent, replace, say } from "./dom.js";
import { go } from "./app.js";
import { states, t } from "./texts.js";

function progress(list) {
  if (list.state === "loading") return `${number(list.rows)} rows`;
  return list.unique ? percent(list.done, list.unique) : "–";
}

function row(list, again) {
  const erase = async () => {
    if (!confirm(t.eraseSure(list.name))) return;
    try {
      await call("DELETE", `/v1/lists/${list.id}`);
      again();
    } catch (trouble) {
      say(trouble.message, true);
    }
  };
  return h("tr", {},
    h("td", {}, h("a", { href: `#/lists/${list.id}` }, list.name)),
    h("td", {}, h("span", { class: `state ${list.state}` }, states[list.state] || list.state)),
    h("td", { class: "figure" }, number(list.rows)), h("td", { class: "figure" }, progress(list)),
    h("td", { class: "wide-strip" }, strip(list.counts, list.rows)), h("td", {}, moment(list.created_at)),
    h("td", { class: "figure" }, h("button", { type: "button", class: "quiet", onclick: erase, "aria-label": `${t.erase} ${list.name}` }, t.erase)));
}

export async function listsView(main, parameters) {
  const place = h("div", {}, h("p", { class: "busy" }, t.busyName));
  replace(main, h("div", { class: "title-row" }, h("h1", {}, t.lists), h("a", { class: "button primary", href: "#/new" }, t.newList)), place);
  const again = () => listsView(main, parameters);
  try {
    const page = await get(query("/v1/lists", { limit: 50, cursor: parameters.get("cursor") }));
    if (!page.items.length) {
      replace(place, h("p", { class: "empty card" }, t.noLists));
      return;
    }
    replace(place, h("div", { class: "wide", tabindex: "0", role: "region", "aria-label": t.lists }, h("table", {},
      h("thead", {}, h("tr", {}, h("th", { scope: "col" }, t.listName), h("th", { scope: "col" }, t.state), h("th", { scope: "col", class: "figure" }, t.rows),
        h("th", { scope: "col", class: "figure" }, t.done), h("th", { scope: "col" }, t.result), h("th", { scope: "col" }, t.created), h("th", { scope: "col" }, h("span", { class: "visually-hidden" }, t.erase)))),
      h("tbody", {}, page.items.map((list) => row(list, again))))),
      page.next ? h("p", {}, h("button", { type: "button", onclick: () => go("/lists", { cursor: page.next }) }, t.next)) : null);
  } catch (trouble) {
    replace(place, h("p", { class: "trouble", role: "alert" }, trouble.message));
  }
}

const field = (name, id, control, hint) => h("div", { class: "field" }, h("label", { for: id }, name), control, hint ? h("small", { id: `${id}-hint` }, hint) : null);
const choice = (id, pairs) => h("select", { id, name: id }, pairs.map(([value, name]) => h("option", { value }, name)));

export function newView(main) {
  let file = null;
  const chosen = h("p", { class: "chosen", "aria-live": "polite" });
  const pick = h("input", { type: "file", id: "file", class: "visually-hidden", accept: ".csv,.tsv,.txt,.ndjson,.jsonl,.xlsx,.gz", onchange: () => take(pick.files[0]) });
  const name = h("input", { id: "name", type: "text", maxlength: "200" });
  const pasted = h("textarea", { id: "pasted", rows: "5", spellcheck: "false", placeholder: "ann@example.org\nben@example.com" });
  const column = h("input", { id: "column", type: "text", "aria-describedby": "column-hint" });
  const header = choice("header", [["", t.auto], ["true", t.yes], ["false", t.no]]);
  const dedupe = choice("dedupe", [["mailbox", t.dedupeMailbox], ["exact", t.dedupeExact], ["off", t.dedupeOff]]);
  const depth = choice("depth", [["", t.depthSmtp], ["dns", t.depthDns], ["syntax", t.depthSyntax]]);
  const patience = choice("patience", [["normal", t.patienceNormal], ["quick", t.patienceQuick], ["patient", t.patiencePatient]]);
  const meter = h("progress", { max: "1", value: 0, hidden: true, "aria-label": t.uploading });
  const trouble = h("p", { class: "trouble", role: "alert", hidden: true });
  const button = h("button", { class: "primary" }, t.start);
  const zone = h("label", { class: "drop", for: "file" }, h("strong", {}, t.drop), h("span", {}, t.dropHint), chosen);

  function take(given) {
    if (!given) return;
    file = given;
    chosen.textContent = `${given.name} · ${number(Math.ceil(given.size / 1024))} KiB`;
    if (!name.value) name.value = given.name;
  }
  for (const kind of ["dragenter", "dragover"]) zone.addEventListener(kind, (event) => { event.preventDefault(); zone.classList.add("over"); });
  for (const kind of ["dragleave", "drop"]) zone.addEventListener(kind, () => zone.classList.remove("over"));
  zone.addEventListener("drop", (event) => { event.preventDefault(); take(event.dataTransfer.files[0]); });

  async function send(event) {
    event.preventDefault();
    trouble.hidden = true;
    const source = file || (pasted.value.trim() ? new File([pasted.value], "pasted.txt", { type: "text/plain" }) : null);
    if (!source) {
      trouble.textContent = t.drop;
      trouble.hidden = false;
      return;
    }
    const options = { dedupe: dedupe.value, patience: patience.value };
    if (name.value.trim()) options.name = name.value.trim();
    if (column.value.trim()) options.column = column.value.trim();
    if (header.value) options.header = header.value === "true";
    if (depth.value) options.depth = depth.value;
    button.disabled = true;
    meter.hidden = false;
    try {
      const list = await upload(source, options, (share) => { meter.value = share; });
      go(`/lists/${list.id}`);
    } catch (problem) {
      trouble.textContent = problem.message;
      trouble.hidden = false;
      button.disabled = false;
      meter.hidden = true;
    }
  }

  replace(main, h("h1", {}, t.newList), h("form", { class: "card form", onsubmit: send },
    pick, zone, field(t.paste, "pasted", pasted),
    h("fieldset", {}, h("legend", {}, t.options), h("div", { class: "grid" },
      field(t.listName, "name", name), field(t.column, "column", column, t.columnHint), field(t.header, "header", header),
      field(t.dedupe, "dedupe", dedupe), field(t.depth, "depth", depth), field(t.patience, "patience", patience))),
    trouble, meter, h("p", {}, button)));
}
