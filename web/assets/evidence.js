// One result with everything behind it: verdict, layers, conversation, answers.
import { h, number } from "./dom.js";
import { badge } from "./chart.js";
import { actions, flags, reasons, t } from "./texts.js";

function layer(state, name, says, more) {
  const marks = { ok: "✓", bad: "✕", open: "–" };
  return h("li", { class: `layer ${state}` },
    h("span", { class: "mark", "aria-hidden": "true" }, marks[state]),
    h("div", {}, h("strong", {}, name), h("span", { class: "visually-hidden" }, `: ${state}. `),
      h("span", { class: "says" }, says), more));
}

function syntaxLayer(result) {
  const syntax = result.syntax;
  if (syntax.valid) return layer("ok", t.syntax, `well-formed${syntax.flags.length ? ": " + syntax.flags.join(", ") : ""}`);
  return layer("bad", t.syntax, `${syntax.diagnosis} at byte ${syntax.offset + 1}`);
}

function listsLayer(result) {
  const hits = result.flags.filter((flag) => ["role", "free", "disposable", "no_reply"].includes(flag));
  const stopped = ["opted_out", "blocked_domain", "disposable", "spam_trap", "complainer", "listed_domain"].includes(result.reason);
  return layer(stopped ? "bad" : "ok", t.listsLayer, hits.length ? hits.map((flag) => flags[flag]).join(", ") : "on none");
}

function dnsLayer(result) {
  const evidence = result.evidence || {};
  if (!result.mx.length && !(evidence.dns || []).length) return layer("open", t.dns, "not asked");
  const bad = ["domain_not_found", "no_mail_server", "null_mx", "unroutable_mx", "dns_error"].includes(result.reason);
  const hosts = result.mx.map((mx) => mx.host).join(", ");
  return layer(bad ? "bad" : "ok", t.dns, hosts || reasons[result.reason],
    evidence.spf || evidence.dmarc
      ? h("span", { class: "hint" }, `${evidence.spf ? "SPF " : ""}${evidence.dmarc ? "DMARC" : ""}`) : null);
}

function smtpLayer(result) {
  const smtp = result.smtp;
  if (!smtp) return layer("open", t.smtp, "not asked");
  const said = smtp.code ? `${smtp.code}${smtp.enhanced ? " " + smtp.enhanced : ""} ${smtp.text || ""}` : smtp.detail || smtp.outcome;
  const state = smtp.code && smtp.code < 300 ? "ok" : smtp.code ? "bad" : "open";
  return layer(state, t.smtp, `${smtp.host}: ${said}`,
    h("span", { class: "hint" }, [smtp.class, smtp.tls ? smtp.tls.split(";")[0] : "in clear", `${smtp.attempts} attempt${smtp.attempts === 1 ? "" : "s"}`].filter(Boolean).join(" · ")));
}

function randomLayer(result) {
  const random = result.smtp && result.smtp.random_recipient;
  if (!random) return layer("open", t.random, result.smtp ? "not needed" : "not asked");
  return layer(random.result === "refused" ? "ok" : random.result === "accepted" ? "bad" : "open", t.random,
    `${random.result}${random.remembered ? " (remembered)" : ""}${random.code ? `: ${random.code} ${random.text || ""}` : ""}`);
}

function attempts(evidence) {
  const list = (evidence && evidence.attempts) || [];
  if (!list.length) return h("p", { class: "hint" }, t.noTranscript);
  return list.map((attempt) => h("details", { class: "attempt", open: list.length === 1 || attempt === list[list.length - 1] },
    h("summary", {}, h("span", {}, attempt.host), h("code", {}, attempt.ip || ""),
      attempt.random ? h("span", { class: "tag" }, t.random) : null,
      h("span", { class: "hint" }, `${number(attempt.duration_ms)} ms`)),
    h("pre", { class: "transcript", tabindex: "0", "aria-label": t.transcript }, attempt.transcript || attempt.detail || t.noTranscript)));
}

function answers(evidence) {
  const list = (evidence && evidence.dns) || [];
  if (!list.length) return null;
  return h("div", { class: "wide", tabindex: "0", role: "region", "aria-label": t.answers }, h("table", { class: "compact" },
    h("thead", {}, h("tr", {}, ["Name", "Type", "Outcome", "TTL", "Answer"].map((name) => h("th", { scope: "col" }, name)))),
    h("tbody", {}, list.map((row) => h("tr", {}, h("td", {}, row.name), h("td", {}, row.type), h("td", {}, row.outcome),
      h("td", { class: "figure" }, number(row.ttl_s)), h("td", { class: "answer" }, row.answer))))));
}

// follow: called with the suggested address, or null where it can't be followed.
export function evidenceView(result, follow) {
  return h("article", { class: "evidence" },
    h("header", { class: `verdict ${result.status}` },
      h("div", {}, h("h2", { class: "address" }, result.address || "(empty)"),
        h("p", { class: "verdict-line" }, badge(result.status), h("span", {}, reasons[result.reason] || result.reason))),
      h("div", { class: "score", title: t.scoreHint }, h("strong", {}, result.score), h("span", {}, t.score))),
    h("p", { class: "explanation" }, result.explanation),
    h("dl", { class: "facts" },
      h("dt", {}, t.action), h("dd", {}, actions[result.action]),
      result.suggestion ? [h("dt", {}, t.suggestion), h("dd", {}, follow
        ? h("button", { type: "button", class: "link", onclick: () => follow(result.suggestion) }, result.suggestion) : result.suggestion)] : null,
      result.provider ? [h("dt", {}, t.provider), h("dd", {}, result.provider)] : null,
      result.flags.length ? [h("dt", {}, t.flag), h("dd", {}, result.flags.map((flag) => h("span", { class: "tag" }, flags[flag] || flag)))] : null,
      h("dt", {}, "Checked"), h("dd", {}, `${new Date(result.checked_at).toLocaleString()} · ${number(result.duration_ms)} ms · ${result.source}`)),
    h("h3", {}, t.layers),
    h("ol", { class: "layers" }, syntaxLayer(result), listsLayer(result), dnsLayer(result), smtpLayer(result), randomLayer(result)),
    h("h3", {}, t.transcript), attempts(result.evidence),
    result.evidence && result.evidence.dns && result.evidence.dns.length ? [h("h3", {}, t.answers), answers(result.evidence)] : null,
    h("details", { class: "raw" }, h("summary", {}, t.raw), h("pre", { class: "transcript", tabindex: "0" }, JSON.stringify(result, null, 2))));
}
