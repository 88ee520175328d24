// The list as it came, with what was found out: what to take, in which form, in whose words.
import { query } from "./api.js";
import { choice, field, h, number } from "./dom.js";
import { t } from "./texts.js";

const vendors = [["emailverify", "EmailVerify.io"], ["zerobounce", "ZeroBounce"], ["neverbounce", "NeverBounce"], ["kickbox", "Kickbox"], ["reacher", "Reacher"]];
const VIEW = "view";

function presetChoices(list, view) {
  const option = (value, name, says, count, checked) => h("label", { class: "pick" },
    h("input", { type: "radio", name: "preset", value, checked }), h("span", { class: "pick-text" }, h("strong", {}, name), says ? h("small", {}, says) : null),
    h("span", { class: "pick-count" }, count));
  const sumOf = (statuses) => number(statuses.reduce((all, status) => all + (list.counts[status] || 0), 0));
  return h("fieldset", { class: "picks" }, h("legend", {}, t.whichRows),
    view ? option(VIEW, t.inView, view.words, view.count ? number(view.count) : "", true) : null,
    Object.entries(t.presets).map(([value, [name, says, statuses]], index) => option(value, name, says, sumOf(statuses), !view && index === 0)));
}

// view: {filter, words, count} of what is filtered now, or null.
export function openExport(id, list, view) {
  const format = choice("format", Object.entries(t.formats), "csv");
  const profile = choice("profile", [["", t.mailknockWords], ...vendors], "");
  const duplicates = choice("duplicates", Object.entries(t.duplicateChoices), "answer");
  const boxes = Object.entries(t.appended).map(([value, name]) => ({ value, name, box: h("input", { type: "checkbox", id: `column-${value}`, checked: true }) }));
  const columns = h("fieldset", { class: "columns-wanted" }, h("legend", {}, t.appendedColumns), h("div", { class: "boxes" }, boxes.map(({ value, name, box }) => h("label", { for: `column-${value}` }, box, name))));
  const apply = h("input", { type: "checkbox", id: "apply-suggestions" });
  const suggestions = h("fieldset", { class: "columns-wanted" }, h("legend", {}, t.suggestionsApplied), h("label", { class: "with-box", for: "apply-suggestions" }, apply, t.suggestionsApply), h("p", { class: "hint" }, t.suggestionsApplyHint));
  const note = h("p", { class: "hint" });
  const take = h("a", { class: "button primary", download: "" }, t.download);
  const rows = presetChoices(list, view);
  const form = h("form", { class: "form", onsubmit: (event) => event.preventDefault() }, rows,
    h("div", { class: "grid" }, field(t.format, "format", format), field(t.words, "profile", profile), field(t.duplicateRows, "duplicates", duplicates)), columns, suggestions, note);
  const dialog = h("dialog", { class: "question wide-question", "aria-labelledby": "export-title" },
    h("div", { class: "drawer-head" }, h("h2", { id: "export-title" }, t.exportTitle), h("button", { type: "button", class: "small", onclick: () => dialog.close() }, t.close)),
    form, h("div", { class: "actions end" }, take));

  function draw() {
    const isObjects = format.value === "ndjson";
    const isZip = format.value === "zip";
    const wanted = boxes.filter(({ box }) => box.checked).map(({ value }) => value);
    const preset = form.elements.preset.value;
    const all = wanted.length === boxes.length;
    note.textContent = isObjects ? t.exportObjects : isZip ? t.exportZip : t.exportHint;
    rows.hidden = isZip;
    columns.hidden = isObjects;
    suggestions.hidden = isObjects || Boolean(profile.value);
    const isNone = !isObjects && !wanted.length;
    if (isNone) note.textContent = t.noColumn;
    take.setAttribute("aria-disabled", String(isNone));
    if (isNone) take.removeAttribute("href");
    else take.href = query(`/v1/lists/${id}/export`, { ...(isZip ? {} : preset === VIEW ? view.filter : { preset }), format: format.value, profile: profile.value, duplicates: duplicates.value, columns: isObjects || all ? "" : wanted.join(","), suggestions: apply.checked && !suggestions.hidden ? "apply" : "" });
  }
  form.addEventListener("change", draw);
  take.addEventListener("click", () => { if (take.href) setTimeout(() => dialog.close(), 0); });
  dialog.addEventListener("close", () => dialog.remove());
  dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });
  document.body.append(dialog);
  draw();
  dialog.showModal();
  form.querySelector("input:checked").focus();
}

