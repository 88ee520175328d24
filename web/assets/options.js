// The options of a list: how it is read, and how far it is asked about.
import { choice, field, h } from "./dom.js";
import { t } from "./texts.js";

// chosen: options as the API gives them, or null for the defaults.
export function optionFields(chosen) {
  const now = chosen || {};
  const column = h("input", { id: "column", type: "text", "aria-describedby": "column-hint", value: now.column || "" });
  const header = choice("header", [["", t.auto], ["true", t.yes], ["false", t.no]], now.header === true ? "true" : now.header === false ? "false" : "");
  const dedupe = choice("dedupe", [["mailbox", t.dedupeMailbox], ["exact", t.dedupeExact], ["off", t.dedupeOff]], now.dedupe || "mailbox");
  const depth = choice("depth", [["", t.asConfigured], ["smtp", t.depthSmtp], ["dns", t.depthDns], ["syntax", t.depthSyntax]], now.depth || "");
  const patience = choice("patience", [["", t.asConfigured], ["quick", t.patienceQuick], ["normal", t.patienceNormal], ["patient", t.patiencePatient]], now.patience || "");
  return {
    elements: [field(t.column, "column", column, t.columnHint), field(t.header, "header", header),
      field(t.dedupe, "dedupe", dedupe), field(t.depth, "depth", depth), field(t.patience, "patience", patience)],
    values: () => ({
      column: column.value.trim() || null, header: header.value ? header.value === "true" : null,
      dedupe: dedupe.value, depth: depth.value || null, patience: patience.value || null,
    }),
  };
}
