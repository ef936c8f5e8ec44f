import { element } from "../dom.js";
import { addSheet } from "../sheet.js";

await addSheet("css/dialog.css");

const KEYS = [
  ["Send", "Enter"],
  ["New line", "Shift", "Enter"],
  ["Stop the answer", "Esc"],
  ["Search conversations", "Ctrl", "K"],
  ["New chat", "Ctrl", "Shift", "O"],
  ["Rename a conversation", "F2"],
  ["This sheet", "?"],
];
let dialog;

/** The sheet of keys, made for the first who asks for it. */
export function openShortcuts() {
  dialog ??= sheet();
  if (!dialog.open) dialog.showModal();
}

function sheet() {
  const made = element(
    "dialog",
    { id: "shortcuts", "aria-labelledby": "shortcuts-title" },
    element("h2", { id: "shortcuts-title" }, "Shortcuts"),
    element("dl", {}, ...KEYS.map(row)),
    element("form", { method: "dialog" }, element("button", { class: "button" }, "Close")),
  );
  document.body.append(made);
  return made;
}

function row([what, ...keys]) {
  const pressed = keys.flatMap((key) => [" ", element("kbd", {}, key)]).slice(1);
  return element("div", {}, element("dt", {}, what), element("dd", {}, ...pressed));
}
