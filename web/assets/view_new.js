// A new list: from files, or pasted.
import { upload } from "./api.js";
import { bytes, field, h, replace, trouble } from "./dom.js";
import { optionFields } from "./options.js";
import { go } from "./app.js";
import { t } from "./texts.js";

function dropZone(take) {
  const zone = h("label", { class: "drop", for: "file" }, h("strong", {}, t.drop), h("span", {}, t.dropHint));
  for (const kind of ["dragenter", "dragover"]) zone.addEventListener(kind, (event) => { event.preventDefault(); zone.classList.add("over"); });
  for (const kind of ["dragleave", "drop"]) zone.addEventListener(kind, () => zone.classList.remove("over"));
  zone.addEventListener("drop", (event) => { event.preventDefault(); take(event.dataTransfer.files); });
  return zone;
}

export function newView(main) {
  let files = [];
  const pick = h("input", { type: "file", id: "file", multiple: true, class: "visually-hidden", "aria-label": t.drop, accept: ".csv,.tsv,.txt,.ndjson,.jsonl,.json,.xlsx,.gz", onchange: () => take(pick.files) });
  const chosen = h("ul", { class: "chosen", "aria-live": "polite" });
  const name = h("input", { id: "name", type: "text", maxlength: "200", "aria-describedby": "name-hint" });
  const pasted = h("textarea", { id: "pasted", rows: "4", spellcheck: "false", placeholder: t.pasteShape });
  const days = h("input", { id: "keep-days", type: "number", min: "1", max: "3650", inputmode: "numeric", "aria-describedby": "keep-days-hint" });
  const sheet = h("input", { id: "sheet", type: "text", maxlength: "200", "aria-describedby": "sheet-hint" });
  const options = optionFields(null);
  const meter = h("progress", { max: "1", value: 0, hidden: true, "aria-label": t.uploading });
  const problem = h("div");
  const buttons = [h("button", { class: "primary" }, t.start), h("button", { value: "later" }, t.startLater)];

  function take(given) {
    files.push(...given);
    pick.value = "";
    drawFiles();
  }
  function drawFiles() {
    replace(chosen, files.map((file) => h("li", {}, h("span", { class: "file-name" }, file.name), h("span", { class: "hint" }, bytes(file.size)),
      h("button", { type: "button", class: "quiet small", "aria-label": `${t.removeFile}: ${file.name}`, onclick: () => { files = files.filter((each) => each !== file); drawFiles(); pick.focus(); } }, t.removeFile))));
  }
  function setBusy(isBusy) {
    for (const button of buttons) button.disabled = isBusy;
    meter.hidden = !isBusy;
  }

  async function send(event) {
    event.preventDefault();
    replace(problem);
    const sources = [...files];
    if (pasted.value.trim()) sources.push(new File([pasted.value], t.pastedName, { type: "text/plain" }));
    if (!sources.length) {
      replace(problem, trouble(t.chooseFirst));
      return;
    }
    const start = !(event.submitter && event.submitter.value === "later");
    setBusy(true);
    try {
      let list = null;
      for (const source of sources) {
        const wanted = { ...options.values(), start };
        if (name.value.trim()) wanted.name = name.value.trim();
        if (days.value) wanted.retention_days = Number(days.value);
        if (sheet.value.trim()) wanted.sheet = sheet.value.trim();
        meter.value = 0;
        list = await upload(source, wanted, (share) => { meter.value = share; });
        files = files.filter((each) => each !== source);
        drawFiles();
      }
      if (main.isConnected) go(sources.length === 1 ? `/lists/${list.id}` : "/lists");
    } catch (failure) {
      replace(problem, trouble(failure.message));
      setBusy(false);
    }
  }

  replace(main, h("h1", {}, t.newList), h("form", { class: "card form", onsubmit: send },
    pick, dropZone(take), chosen, field(t.paste, "pasted", pasted),
    h("fieldset", {}, h("legend", {}, t.options), h("div", { class: "grid thirds" }, field(t.listName, "name", name, t.nameHint), options.elements)),
    h("details", {}, h("summary", {}, t.moreOptions), h("div", { class: "grid thirds" }, field(t.keepDays, "keep-days", days, t.keepDaysHint), field(t.sheet, "sheet", sheet, t.sheetHint))),
    problem, meter, h("p", { class: "actions" }, buttons)));
}
