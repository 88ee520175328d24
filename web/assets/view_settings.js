// Keys, own lists, configuration.
import { call, get } from "./api.js";
import { h, moment, number, replace, say } from "./dom.js";
import { t } from "./texts.js";

async function keysPart(place) {
  const { items } = await get("/v1/keys");
  const made = h("div", { "aria-live": "polite" });
  const name = h("input", { id: "key-name", type: "text", required: true, maxlength: "100" });
  const rate = h("input", { id: "key-rate", type: "number", min: "0", max: "1000000", value: "0" });
  const scopes = [["verify", t.scopeVerify], ["lists", t.scopeLists], ["admin", t.scopeAdmin]].map(([value, text]) => [value, text, h("input", { type: "checkbox", id: `scope-${value}`, checked: value === "verify" })]);
  async function make(event) {
    event.preventDefault();
    try {
      const answer = await call("POST", "/v1/keys", { name: name.value, per_minute: Number(rate.value || 0), scopes: scopes.filter(([, , box]) => box.checked).map(([value]) => value) });
      await keysPart(place);
      const shown = place.querySelector(".made");
      replace(shown, h("div", { class: "secret" }, h("p", {}, t.keyMade), h("code", {}, answer.key), h("button", { type: "button", onclick: async () => { await navigator.clipboard.writeText(answer.key); say(t.copied); } }, t.copy)));
    } catch (trouble) {
      say(trouble.message, true);
    }
  }
  async function remove(key) {
    if (!confirm(t.removeKeySure(key.name))) return;
    try {
      await call("DELETE", `/v1/keys/${key.id}`);
      keysPart(place);
    } catch (trouble) {
      say(trouble.message, true);
    }
  }
  made.classList.add("made");
  replace(place, h("h2", {}, t.keys), made, h("div", { class: "wide", tabindex: "0", role: "region", "aria-label": t.keys }, h("table", {},
    h("thead", {}, h("tr", {}, h("th", { scope: "col" }, t.keyName), h("th", { scope: "col" }, t.scopes), h("th", { scope: "col", class: "figure" }, t.perMinute), h("th", { scope: "col", class: "figure" }, t.uses), h("th", { scope: "col" }, t.used), h("th", { scope: "col" }, h("span", { class: "visually-hidden" }, t.remove)))),
    h("tbody", {}, items.map((key) => h("tr", {}, h("td", {}, key.name), h("td", {}, key.scopes.map((scope) => h("span", { class: "tag" }, scope))), h("td", { class: "figure" }, number(key.per_minute)), h("td", { class: "figure" }, number(key.uses)),
      h("td", {}, key.used_at ? moment(key.used_at) : t.never), h("td", { class: "figure" }, h("button", { type: "button", class: "quiet", "aria-label": `${t.remove} ${key.name}`, onclick: () => remove(key) }, t.remove))))))),
  h("form", { class: "inline-form", onsubmit: make },
    h("div", { class: "field" }, h("label", { for: "key-name" }, t.keyName), name),
    h("fieldset", { class: "boxes" }, h("legend", {}, t.scopes), scopes.map(([value, text, box]) => h("label", { for: `scope-${value}` }, box, text))),
    h("div", { class: "field" }, h("label", { for: "key-rate" }, t.perMinute), rate), h("button", { class: "primary" }, t.makeKey)));
}

function ownListsPart(place) {
  const kind = h("select", { id: "kind" }, Object.entries(t.kinds).map(([value, name]) => h("option", { value }, name)));
  const text = h("textarea", { id: "entries", rows: "10", spellcheck: "false", "aria-describedby": "entries-hint" });
  const load = async () => { text.value = await get(`/v1/operator-lists/${kind.value}`); };
  kind.addEventListener("change", load);
  replace(place, h("h2", {}, t.ownLists), h("form", { class: "form", onsubmit: async (event) => {
    event.preventDefault();
    try {
      await call("PUT", `/v1/operator-lists/${kind.value}`, text.value);
      say(t.saved);
    } catch (trouble) {
      say(trouble.message, true);
    }
  } }, h("div", { class: "field" }, h("label", { for: "kind" }, t.lists), kind), h("div", { class: "field" }, h("label", { for: "entries" }, t.ownLists), text, h("small", { id: "entries-hint" }, t.ownListsHint)),
  h("p", {}, h("button", { class: "primary" }, t.save))));
  return load();
}

async function configurationPart(place) {
  const settings = await get("/v1/settings");
  replace(place, h("h2", {}, t.configuration), h("p", { class: "hint" }, t.configurationHint), h("dl", { class: "facts" },
    Object.entries(settings).map(([name, value]) => [h("dt", {}, name.replaceAll("_", " ")), h("dd", {}, Array.isArray(value) ? value.join(", ") || "–" : value === null ? "–" : String(value))])));
}

export async function settingsView(main) {
  const keys = h("section", { class: "card" }), own = h("section", { class: "card" }), configuration = h("section", { class: "card" });
  replace(main, h("h1", {}, t.settings), keys, own, configuration);
  try {
    await Promise.all([keysPart(keys), ownListsPart(own), configurationPart(configuration)]);
  } catch (trouble) {
    replace(main, h("h1", {}, t.settings), h("p", { class: "trouble", role: "alert" }, trouble.message));
  }
}
