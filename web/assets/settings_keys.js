// API keys: who may what, how often, and how much each was used.
import { call, get } from "./api.js";
import { ask, field, h, moment, number, replace, say, tableOf, trouble } from "./dom.js";
import { t } from "./texts.js";

export async function copy(text) {
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

function keyRow(key, most, again) {
  return h("tr", {}, h("td", { class: "name-cell" }, key.name), h("td", { class: "tags" }, key.scopes.map((scope) => h("span", { class: "tag" }, t.scopeNames[scope] || scope))),
    h("td", { class: "figure" }, key.per_minute ? number(key.per_minute) : t.anyNumber), h("td", { class: "usage" }, h("span", { class: "bar-track", "aria-hidden": "true" }, h("span", { class: "fill brand", style: { width: `${most ? (100 * key.uses) / most : 0}%` } })), h("span", { class: "figure" }, number(key.uses))),
    h("td", { class: "moment" }, key.used_at ? moment(key.used_at) : t.never),
    h("td", { class: "figure" }, h("button", { type: "button", class: "quiet small", "aria-label": `${t.remove}: ${key.name}`, onclick: () => removeKey(key, again) }, t.remove)));
}

export async function keysPart(place) {
  const made = h("div", { "aria-live": "polite" }), table = h("div"), problem = h("div");
  const name = h("input", { id: "key-name", type: "text", required: true, maxlength: "100" });
  const rate = h("input", { id: "key-rate", type: "number", min: "0", max: "1000000", value: "0", "aria-describedby": "key-rate-hint" });
  const scopes = Object.entries(t.scopeNames).map(([value, text]) => ({ value, text, box: h("input", { type: "checkbox", id: `scope-${value}`, checked: value === "verify" }) }));
  async function draw() {
    const { items } = await get("/v1/keys");
    replace(table, tableOf(t.keys, "", [[t.keyName], [t.scopes], [t.perMinute, true], [t.uses], [t.used], [t.remove, true, true]], items.map((key) => keyRow(key, Math.max(...items.map((each) => each.uses)), draw))));
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
