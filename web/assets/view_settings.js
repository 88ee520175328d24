// Keys, own lists, erasing, what was done, configuration.
import { call, get } from "./api.js";
import { ask, bytes, field, h, moment, number, replace, say, tableOf, trouble } from "./dom.js";
import { t } from "./texts.js";

// --- keys -------------------------------------------------------------------------------------------

async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    say(t.copied);
  } catch (failure) {
    say(failure.message, true);
  }
}

async function removeKey(key, again) {
  if (!(await ask(t.removeKeyTitle, t.removeKeySure(key.name), t.remove))) return;
  try {
    await call("DELETE", `/v1/keys/${key.id}`);
    await again();
  } catch (failure) {
    say(failure.message, true);
  }
}

function keyRow(key, again) {
  return h("tr", {}, h("td", { class: "name-cell" }, key.name), h("td", { class: "tags" }, key.scopes.map((scope) => h("span", { class: "tag" }, t.scopeNames[scope] || scope))),
    h("td", { class: "figure" }, key.per_minute ? number(key.per_minute) : t.anyNumber), h("td", { class: "figure" }, number(key.uses)),
    h("td", { class: "moment" }, key.used_at ? moment(key.used_at) : t.never),
    h("td", { class: "figure" }, h("button", { type: "button", class: "quiet small", "aria-label": `${t.remove}: ${key.name}`, onclick: () => removeKey(key, again) }, t.remove)));
}

async function keysPart(place) {
  const made = h("div", { "aria-live": "polite" }), table = h("div"), problem = h("div");
  const name = h("input", { id: "key-name", type: "text", required: true, maxlength: "100" });
  const rate = h("input", { id: "key-rate", type: "number", min: "0", max: "1000000", value: "0", "aria-describedby": "key-rate-hint" });
  const scopes = Object.entries(t.scopeNames).map(([value, text]) => ({ value, text, box: h("input", { type: "checkbox", id: `scope-${value}`, checked: value === "verify" }) }));
  async function draw() {
    const { items } = await get("/v1/keys");
    replace(table, tableOf(t.keys, "", [[t.keyName], [t.scopes], [t.perMinute, true], [t.uses, true], [t.used], [t.remove, true, true]], items.map((key) => keyRow(key, draw))));
  }
  async function make(event) {
    event.preventDefault();
    replace(problem);
    try {
      const answer = await call("POST", "/v1/keys", { name: name.value.trim(), per_minute: Number(rate.value || 0), scopes: scopes.filter(({ box }) => box.checked).map(({ value }) => value) });
      replace(made, h("div", { class: "secret" }, h("p", {}, t.keyMade), h("code", {}, answer.key), h("button", { type: "button", class: "small", onclick: () => copy(answer.key) }, t.copy)));
      name.value = "";
      await draw();
    } catch (failure) {
      replace(problem, trouble(failure.message));
    }
  }
  replace(place, h("h2", {}, t.keys), made, table, h("form", { class: "inline-form", onsubmit: make },
    field(t.keyName, "key-name", name),
    h("fieldset", {}, h("legend", {}, t.scopes), h("div", { class: "boxes" }, scopes.map(({ value, text, box }) => h("label", { for: `scope-${value}` }, box, text)))),
    field(t.perMinute, "key-rate", rate, t.perMinuteHint), h("div", { class: "field" }, h("button", { class: "primary" }, t.makeKey))), problem);
  await draw();
}

// --- the operator's own lists -------------------------------------------------------------------------

async function ownListsPart(place) {
  const kind = h("select", { id: "kind" }, Object.entries(t.kinds).map(([value, name]) => h("option", { value }, name)));
  const text = h("textarea", { id: "entries", rows: "8", spellcheck: "false", "aria-describedby": "entries-hint" });
  const problem = h("div");
  const load = async () => {
    replace(problem);
    text.value = await get(`/v1/operator-lists/${kind.value}`);
  };
  async function save(event) {
    event.preventDefault();
    replace(problem);
    try {
      await call("PUT", `/v1/operator-lists/${kind.value}`, text.value);
      say(t.saved);
    } catch (failure) {
      replace(problem, trouble(failure.message));
    }
  }
  kind.addEventListener("change", () => load().catch((failure) => replace(problem, trouble(failure.message))));
  replace(place, h("h2", {}, t.ownLists), h("form", { class: "form own-lists", onsubmit: save },
    field(t.whichList, "kind", kind), field(t.entries, "entries", text, t.ownListsHint), problem, h("p", {}, h("button", { class: "primary" }, t.save))));
  await load();
}

// --- one address, everywhere -------------------------------------------------------------------------------

async function erasePart(place) {
  const input = h("input", { id: "erase-address", type: "text", inputmode: "email", required: true, maxlength: "1000", autocomplete: "off", spellcheck: "false", "aria-describedby": "erase-address-hint" });
  const outcome = h("div", { "aria-live": "polite" });
  async function erase(event) {
    event.preventDefault();
    const address = input.value.trim();
    if (!(await ask(t.eraseAddressTitle, t.eraseAddressSure(address), t.erase))) return;
    try {
      const answer = await call("POST", "/v1/erase", { address });
      replace(outcome, h("p", {}, t.erasedRows(number(answer.rows))),
        answer.lists.length ? [h("p", {}, t.heldBy), h("ul", {}, answer.lists.map((list) => h("li", {}, h("a", { href: `#/lists/${list.id}` }, list.name))))] : null);
      input.value = "";
    } catch (failure) {
      replace(outcome, trouble(failure.message));
    }
  }
  replace(place, h("h2", {}, t.eraseAddress), h("form", { class: "form", onsubmit: erase }, field(t.address, "erase-address", input, t.eraseAddressHint), outcome, h("p", {}, h("button", {}, t.erase))));
}

async function auditPart(place) {
  const { items } = await get("/v1/audit?limit=20");
  replace(place, h("h2", {}, t.audit), h("p", { class: "hint" }, t.auditHint), items.length ? tableOf(t.audit, "compact", t.auditColumns.map((name) => [name]), items.map((item) =>
    h("tr", {}, h("td", { class: "moment" }, moment(item.at)), h("td", {}, (item.event || "").replaceAll("_", " ")), h("td", { class: "host" }, [item.by, item.key].filter(Boolean).join(" ")), h("td", { class: "answer" }, item.subject || ""))))
    : h("p", { class: "empty" }, t.noAudit));
}

// --- configuration --------------------------------------------------------------------------------------

function valueText(name, value) {
  if (name === "max_upload") return bytes(value);
  if (name === "retention_days") return value ? t.daysUnit(number(value)) : t.unlimited;
  if (typeof value === "boolean") return value ? t.yes : t.no;
  if (Array.isArray(value)) return value.join(", ") || t.notSet;
  return value === null || value === "" ? t.notSet : String(value);
}

async function configurationPart(place) {
  const settings = await get("/v1/settings");
  replace(place, h("h2", {}, t.configuration), h("p", { class: "hint" }, t.configurationHint), h("dl", { class: "facts two" },
    Object.entries(settings).filter(([, value]) => value === null || typeof value !== "object" || Array.isArray(value)).map(([name, value]) =>
      h("div", {}, h("dt", {}, t.configurationNames[name] || name.replaceAll("_", " ")), h("dd", {}, valueText(name, value))))));
}

export async function settingsView(main) {
  const parts = [keysPart, ownListsPart, erasePart, auditPart, configurationPart];
  const places = parts.map(() => h("section", { class: "card" }));
  replace(main, h("h1", {}, t.settings), places);
  await Promise.all(parts.map((part, index) => part(places[index]).catch((failure) => replace(places[index], trouble(failure.message)))));
}
