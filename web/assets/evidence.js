// One result with everything behind it: verdict, layers, conversation, answers.
import { addressText, h, moment, number, tableOf } from "./dom.js";
import { badge } from "./chart.js";
import { actions, flags, providers, reasons, sources, t } from "./texts.js";

export const providerName = (name) => (name ? providers[name] || name : "");
export const tags = (names) => names.map((flag) => h("span", { class: "tag" }, flags[flag] || flag));

const marks = { ok: "✓", bad: "✕", open: "–" };

function layer(state, name, says, more) {
  return h("li", { class: `layer ${state}` },
    h("span", { class: "mark", "aria-hidden": "true" }, marks[state]),
    h("div", {}, h("strong", {}, name), h("span", { class: "visually-hidden" }, `: ${t.layerStates[state]}. `),
      h("span", { class: "says" }, says), more ? h("span", { class: "hint" }, more) : null));
}

function syntaxLayer({ syntax }) {
  if (syntax.valid) return layer("ok", t.syntax, [t.wellFormed, ...syntax.flags].join(", ").replaceAll("_", " "));
  return layer("bad", t.syntax, t.wrongAt((syntax.diagnosis || "").replaceAll("_", " "), number(syntax.offset + 1)));
}

function listsLayer(result) {
  const hits = result.flags.filter((flag) => ["role", "free", "disposable", "no_reply"].includes(flag));
  const stopped = ["opted_out", "blocked_domain", "disposable", "spam_trap", "complainer", "listed_domain"].includes(result.reason);
  const words = hits.map((flag) => flags[flag]).join(", ");
  return layer(stopped ? "bad" : "ok", t.listsLayer, words || (stopped ? reasons[result.reason] : t.onNone));
}

function dnsLayer(result) {
  const evidence = result.evidence || {};
  if (!result.mx.length && !(evidence.dns || []).length) return layer("open", t.dns, t.notAsked);
  const bad = ["domain_not_found", "no_mail_server", "null_mx", "unroutable_mx", "dns_error"].includes(result.reason);
  const signals = [evidence.spf ? "SPF" : null, evidence.dmarc ? "DMARC" : null].filter(Boolean).join(", ");
  return layer(bad ? "bad" : "ok", t.dns, result.mx.map((mx) => mx.host).join(", ") || reasons[result.reason] || t.none, signals);
}

// What a server said counts for what it was taken for: a "250" that proves nothing is no tick.
function smtpState(result) {
  if (result.status === "valid" || (result.status === "catch_all" && result.smtp.code < 300)) return "ok";
  if (result.status === "invalid" && result.smtp.code >= 500) return "bad";
  return "open";
}

function smtpLayer(result) {
  const { smtp } = result;
  if (!smtp) return layer("open", t.smtp, t.notAsked);
  const said = smtp.code ? [smtp.code, smtp.enhanced, smtp.text].filter(Boolean).join(" ") : smtp.detail || smtp.outcome;
  const more = [(smtp.class || "").replaceAll("_", " "), smtp.tls ? smtp.tls.split(";")[0] : t.inClear, t.attempts(smtp.attempts, number(smtp.attempts))];
  return layer(smtpState(result), t.smtp, smtp.host ? `${smtp.host}: ${said}` : said, more.filter(Boolean).join(" · "));
}

function randomLayer(result) {
  const random = result.smtp && result.smtp.random_recipient;
  if (!random) return layer("open", t.random, result.smtp ? t.notNeeded : t.notAsked);
  const said = random.code ? `: ${[random.code, random.enhanced, random.text].filter(Boolean).join(" ")}` : "";
  return layer(random.result === "refused" ? "ok" : random.result === "accepted" ? "bad" : "open", t.random,
    `${t.randomResults[random.result] || random.result}${random.remembered ? ` (${t.remembered})` : ""}${said}`);
}

// Lines are "milliseconds who text"; who is S: (server), C: (us) or * (what happened).
function conversation(text) {
  return text.split("\n").map((line) => {
    const match = /^\s*(\d+) (S:|C:|\*) ?(.*)$/.exec(line);
    if (!match) return h("span", { class: "line" }, `${line}\n`);
    const look = { "S:": "theirs", "C:": "ours", "*": "note" }[match[2]];
    return h("span", { class: `line ${look}` }, h("span", { class: "at" }, match[1].padStart(6)), ` ${match[2].padEnd(2)} `, h("span", { class: "said" }, match[3]), "\n");
  });
}

function attempts(evidence) {
  const list = (evidence && evidence.attempts) || [];
  if (!list.length) return h("p", { class: "hint" }, t.noTranscript);
  return list.map((attempt, index) => h("details", { class: "attempt", open: index === list.length - 1 || !attempt.random },
    h("summary", {}, h("span", {}, attempt.host), h("code", {}, attempt.ip || ""),
      attempt.random ? h("span", { class: "tag" }, t.random) : null,
      h("span", { class: "hint" }, t.ms(number(attempt.duration_ms)))),
    h("pre", { class: "transcript", tabindex: "0", role: "region", "aria-label": `${t.transcript} ${index + 1}` },
      attempt.transcript ? conversation(attempt.transcript.replace(/\n$/, "")) : attempt.detail || t.noTranscript)));
}

function answers(evidence) {
  const list = (evidence && evidence.dns) || [];
  const columns = t.dnsColumns;
  if (!list.length) return null;
  return [h("h3", {}, t.answers), tableOf(t.answers, "compact", [[columns.name], [columns.type], [columns.outcome], [columns.ttl, true], [columns.answer]],
    list.map((row) => h("tr", {}, h("td", { class: "host" }, row.name), h("td", {}, row.type), h("td", {}, row.outcome),
      h("td", { class: "figure" }, number(row.ttl_s)), h("td", { class: "answer" }, row.answer))))];
}

const fact = (name, value) => [h("dt", {}, name), h("dd", {}, value)];

// follow: called with the suggested address, or null where it can't be followed.
export function evidenceView(result, follow) {
  const checked = [moment(result.checked_at), t.ms(number(result.duration_ms)), sources[result.source] || result.source].join(" · ");
  return h("article", { class: "evidence" },
    h("header", { class: `verdict ${result.status}` },
      h("div", {}, h("h2", { class: "address" }, addressText(result.address || t.empty)),
        h("p", { class: "verdict-line" }, badge(result.status), h("span", {}, reasons[result.reason] || result.reason))),
      h("div", { class: "score", title: t.scoreHint }, h("strong", {}, result.score), h("span", {}, t.score))),
    h("p", { class: "explanation" }, result.explanation),
    h("dl", { class: "facts" },
      fact(t.action, actions[result.action] || result.action),
      result.suggestion ? fact(t.suggestion, follow
        ? h("button", { type: "button", class: "link", onclick: () => follow(result.suggestion) }, result.suggestion) : result.suggestion) : null,
      result.retry_after ? fact(t.retryAfter, moment(result.retry_after)) : null,
      result.provider ? fact(t.provider, providerName(result.provider)) : null,
      result.flags.length ? fact(t.flags, tags(result.flags)) : null,
      fact(t.checked, checked)),
    h("h3", {}, t.layers),
    h("ol", { class: "layers" }, syntaxLayer(result), listsLayer(result), dnsLayer(result), smtpLayer(result), randomLayer(result)),
    h("h3", {}, t.transcript), attempts(result.evidence), answers(result.evidence),
    h("details", { class: "raw" }, h("summary", {}, t.raw),
      h("pre", { class: "transcript", tabindex: "0", role: "region", "aria-label": t.raw }, JSON.stringify(result, null, 2))));
}
