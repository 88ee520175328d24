// Settings, a page a subject.
import { h, busy, replace, trouble } from "./dom.js";
import { keysPart } from "./settings_keys.js";
import { webhooksPart } from "./settings_webhooks.js";
import { auditPart, erasePart, ownListsPart, retentionPart } from "./settings_own.js";
import { configurationPart, healthPart, workersPart } from "./settings_health.js";
import { t } from "./texts.js";

const pages = [
  ["keys", [keysPart]], ["webhooks", [webhooksPart]], ["lists", [ownListsPart]], ["privacy", [retentionPart, erasePart]],
  ["health", [healthPart, workersPart, configurationPart]], ["audit", [auditPart]],
];

export async function settingsView(main, parameters, wanted) {
  const [name, parts] = pages.find(([each]) => each === wanted) || pages[0];
  const places = parts.map(() => h("section", { class: "card" }, busy()));
  replace(main, h("h1", {}, t.settings), h("div", { class: "with-side" },
    h("nav", { class: "side", "aria-label": t.settings }, h("ul", {}, pages.map(([each]) => h("li", {}, h("a", { href: `#/settings/${each}`, "aria-current": each === name ? "page" : null }, t.settingsPages[each]))))),
    h("div", { class: "side-content" }, places)));
  await Promise.all(parts.map((part, index) => part(places[index]).catch((failure) => replace(places[index], trouble(failure.message)))));
}
