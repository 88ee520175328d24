// The list as it came, with what was found out: what to take, in which form, in whose words.
import { query } from "./api.js";
import { choice, field, h, number } from "./dom.js";
import { t } from "./texts.js";

const vendors = [["emailverify", "EmailVerify.io"], ["zerobounce", "ZeroBounce"], ["neverbounce", "NeverBounce"], ["kickbox", "Kickbox"], ["reacher", "Reacher"]];

export function exportMenu(id, list) {
  const format = choice("format", Object.entries(t.formats), "csv");
  const profile = choice("profile", [["", t.mailknockWords], ...vendors], "");
  const duplicates = choice("duplicates", Object.entries(t.duplicateChoices), "answer");
  const menu = h("details", { class: "menu" }, h("summary", { class: "button primary" }, t.exportList));
  const addressOf = (preset) => query(`/v1/lists/${id}/export`, { preset, format: format.value, profile: profile.value, duplicates: duplicates.value });
  const link = ([preset, [name, statuses]]) => h("li", {}, h("a", { class: "menu-row", href: addressOf(preset), download: "", dataset: { preset }, onclick: () => { menu.open = false; } },
    h("span", {}, name), h("span", { class: "hint" }, number(statuses.reduce((all, status) => all + (list().counts[status] || 0), 0)))));
  const links = h("ul", {});
  const draw = () => links.replaceChildren(...Object.entries(t.presets).map(link));
  for (const control of [format, profile, duplicates]) control.addEventListener("change", draw);
  menu.append(h("div", { class: "menu-body" }, h("p", { class: "hint" }, t.exportHint),
    h("div", { class: "grid" }, field(t.format, "format", format), field(t.words, "profile", profile), field(t.duplicateRows, "duplicates", duplicates)), links));
  menu.addEventListener("toggle", () => menu.open && draw());
  menu.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || !menu.open) return;
    menu.open = false;
    menu.querySelector("summary").focus();
  });
  const outside = (event) => {
    if (!menu.isConnected) document.removeEventListener("click", outside);
    else if (!menu.contains(event.target)) menu.open = false;
  };
  document.addEventListener("click", outside);
  return menu;
}
