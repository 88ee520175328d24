// Webhooks: who is called when something has happened, what was sent, and sending it again.
import { call, get } from "./api.js";
import { ask, field, h, moment, number, replace, say, tableOf, trouble } from "./dom.js";
import { copy } from "./settings_keys.js";
import { t } from "./texts.js";

const deliveryPill = (state) => h("span", { class: `pill ${{ delivered: "fine", failed: "failed" }[state] || "resting"}` }, t.deliveryStates[state] || state);

function tryWords(each) {
  return [moment(each.at), each.status === null ? each.error || t.noAnswerFrom : String(each.status), t.ms(number(each.ms)), each.answer].filter(Boolean).join(" \u00b7 ");
}

async function showDeliveries(hook, place) {
  const { items } = await get(`/v1/webhooks/${hook.id}/deliveries`);
  async function replay(delivery) {
    try {
      await call("POST", `/v1/webhooks/${hook.id}/deliveries/${delivery.id}/replay`);
      say(t.sentAgain);
      await showDeliveries(hook, place);
    } catch (failure) {
      say(failure.message, true);
    }
  }
  replace(place, h("h3", {}, t.deliveriesOf(hook.url)), items.length ? tableOf(t.deliveries, "compact", [[t.when], [t.event], [t.state], [t.tries], [t.replay, true, true]], items.map((delivery) =>
    h("tr", {}, h("td", { class: "moment" }, moment(delivery.created_at)), h("td", {}, h("code", {}, delivery.event)), h("td", {}, deliveryPill(delivery.state)),
      h("td", { class: "answer" }, delivery.tries.length ? h("details", {}, h("summary", {}, t.triesCount(delivery.attempts, number(delivery.attempts))), h("ul", {}, delivery.tries.map((each) => h("li", {}, tryWords(each))))) : t.notTried,
        delivery.next_at ? h("div", { class: "hint" }, t.nextTry(moment(delivery.next_at))) : null),
      h("td", { class: "figure" }, h("button", { type: "button", class: "small", onclick: () => replay(delivery), "aria-label": `${t.replay}: ${delivery.event}, ${moment(delivery.created_at)}` }, t.replay))))) : h("p", { class: "empty" }, t.noDeliveries));
}

function hookRow(hook, again, secretPlace, log) {
  const act = (work) => async () => {
    try {
      await work();
    } catch (failure) {
      say(failure.message, true);
    }
  };
  const path = `/v1/webhooks/${hook.id}`;
  const button = (name, work) => h("button", { type: "button", class: "quiet small", "aria-label": `${name}: ${hook.url}`, onclick: act(work) }, name);
  return h("tr", {}, h("td", { class: "host" }, h("strong", {}, hook.url), h("div", {}, hook.events.map((event) => h("span", { class: "tag" }, t.events[event] || event)))),
    h("td", {}, h("span", { class: `pill ${hook.active ? "fine" : ""}` }, hook.active ? t.switchedOn : t.switchedOff)),
    h("td", { class: "figure row-actions" }, button(t.deliveries, () => showDeliveries(hook, log)),
      button(t.sendTest, async () => { await call("POST", `${path}/test`); say(t.testSent); await showDeliveries(hook, log); }),
      button(hook.active ? t.switchOff : t.switchOn, async () => { await call("PATCH", path, { active: !hook.active }); await again(); }),
      button(t.newSecret, async () => { if (await ask(t.newSecretTitle, t.newSecretSure, t.newSecret)) showSecret(secretPlace, (await call("POST", `${path}/secret`)).secret); }),
      button(t.remove, async () => { if (await ask(t.removeHookTitle, t.removeHookSure(hook.url), t.remove)) { await call("DELETE", path); replace(log); await again(); } })));
}

function showSecret(place, secret) {
  replace(place, h("div", { class: "secret" }, h("p", {}, t.secretMade), h("code", {}, secret), h("button", { type: "button", class: "small", onclick: () => copy(secret) }, t.copy)));
}

export async function webhooksPart(place) {
  const made = h("div", { "aria-live": "polite" }), table = h("div"), log = h("div", { class: "part", "aria-live": "polite" }), problem = h("div");
  const url = h("input", { id: "hook-url", type: "url", required: true, maxlength: "2000", placeholder: t.hookShape });
  const boxes = Object.entries(t.events).map(([value, name]) => ({ value, name, box: h("input", { type: "checkbox", id: `event-${value}`, checked: value !== "verify.finished" }) }));
  async function draw() {
    const { items } = await get("/v1/webhooks");
    replace(table, items.length ? tableOf(t.webhooks, "", [[t.hookUrl], [t.state], [t.remove, true, true]], items.map((hook) => hookRow(hook, draw, made, log))) : h("p", { class: "empty" }, t.noWebhooks));
  }
  async function make(event) {
    event.preventDefault();
    replace(problem);
    try {
      showSecret(made, (await call("POST", "/v1/webhooks", { url: url.value.trim(), events: boxes.filter(({ box }) => box.checked).map(({ value }) => value) })).secret);
      url.value = "";
      await draw();
    } catch (failure) {
      replace(problem, trouble(failure.message));
    }
  }
  await draw();
  replace(place, h("h2", {}, t.webhooks), h("p", { class: "hint" }, t.webhooksHint), made, table, h("form", { class: "form divided", onsubmit: make }, field(t.hookUrl, "hook-url", url),
    h("fieldset", {}, h("legend", {}, t.hookEvents), h("div", { class: "boxes" }, boxes.map(({ value, name, box }) => h("label", { for: `event-${value}` }, box, name)))),
    problem, h("p", {}, h("button", { class: "primary" }, t.addWebhook))), log);
}
