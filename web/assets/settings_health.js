// How the service is: what only the operator can mend and how it is set up.
import { get } from "./api.js";
import { bytes, h, number, replace, tableOf } from "./dom.js";
import { t } from "./texts.js";

// One figure of the metrics' text, or null.
const figureOf = (text, name) => {
  const match = new RegExp(`^mailknock_${name} (\\S+)$`, "m").exec(text);
  return match ? Number(match[1]) : null;
};

const line = (isFine, name, says) => h("li", { class: `layer ${isFine ? "ok" : "bad"}` }, h("span", { class: "mark", "aria-hidden": "true" }, isFine ? "\u2713" : "!"),
  h("div", {}, h("strong", {}, name), h("span", { class: "visually-hidden" }, `: ${isFine ? t.layerStates.ok : t.layerStates.bad}. `), h("span", { class: "says" }, says)));

export async function healthPart(place) {
  const [overview, ready, metrics] = await Promise.all([get("/v1/overview"), get("/readyz").then(() => null, (failure) => failure.message), get("/metrics").catch(() => "")]);
  const alarm = (code) => overview.alarms.find((each) => each.code === code);
  const check = (code, name, fine) => line(!alarm(code), name, alarm(code) ? alarm(code).text : fine);
  const known = ["refused", "port_25", "resolver"];
  const leftAlone = figureOf(metrics, "breakers_open");
  const tile = (name, value) => h("div", { class: "tile" }, h("dt", {}, name), h("dd", {}, value));
  replace(place, h("h2", {}, t.health), h("p", { class: "hint" }, t.healthHint),
    h("ul", { class: "layers" }, line(!ready, t.healthStore, ready || t.healthStoreFine), check("port_25", t.healthPort, t.healthPortFine), check("refused", t.healthRefused, t.healthRefusedFine), check("resolver", t.healthResolver, t.healthResolverFine),
      overview.alarms.filter((each) => !known.includes(each.code)).map((each) => line(false, each.code.replaceAll("_", " "), each.text))),
    h("dl", { class: "tiles flat" }, tile(t.openCases, number(overview.open_cases)), tile(t.openSessions, number(overview.open_sessions)), tile(t.waitingShort, number(overview.waiting)), leftAlone === null ? null : tile(t.leftAloneNow, number(leftAlone))),
    h("p", { class: "hint" }, t.healthDoctor));
}

// Only where several processes share the store.
export async function workersPart(place) {
  const { shared, items, waiting } = await get("/v1/workers");
  if (!shared) {
    place.remove(); // with its "Working…"
    return;
  }
  const tile = (name, value) => h("div", { class: "tile" }, h("dt", {}, name), h("dd", {}, value));
  const row = (each) => h("tr", {}, h("td", { class: "name-cell" }, each.name), h("td", {}, each.alive ? t.workerAlive : t.workerSilent), h("td", { class: "figure" }, t.secondsAgo(number(Math.round(each.beat_ms / 1000)))),
    [each.sites, each.in_flight, each.handed_rows, each.rows_per_s].map((value) => h("td", { class: "figure" }, number(value))));
  replace(place, h("h2", {}, t.workers), h("p", { class: "hint" }, items.length ? t.workersHint : t.noWorkers),
    items.length ? tableOf(t.workers, "", t.workerColumns.map((name, index) => [name, index > 1]), items.map(row)) : null,
    h("dl", { class: "tiles flat" }, tile(t.waitingChunks, number(waiting.chunks)), tile(t.waitingHanded, number(waiting.handed_rows)), tile(t.waitingSites, number(waiting.sites)), tile(t.fleetLag, t.secondsUnit(number(Math.round(waiting.lag_ms / 1000))))));
}

function valueText(name, value) {
  if (name === "max_upload") return bytes(value);
  if (name === "retention_days") return value ? t.daysUnit(number(value)) : t.unlimited;
  if (typeof value === "boolean") return value ? t.yes : t.no;
  if (Array.isArray(value)) return value.join(", ") || t.notSet;
  return value === null || value === "" ? t.notSet : String(value);
}

export async function configurationPart(place) {
  const settings = await get("/v1/settings");
  replace(place, h("h2", {}, t.configuration), h("p", { class: "hint" }, t.configurationHint), h("dl", { class: "facts two" },
    Object.entries(settings).filter(([, value]) => value === null || typeof value !== "object" || Array.isArray(value)).map(([name, value]) =>
      h("div", {}, h("dt", {}, t.configurationNames[name] || name.replaceAll("_", " ")), h("dd", {}, valueText(name, value))))));
}
