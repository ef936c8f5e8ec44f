import { $, $$, element } from "../dom.js";
import { toast } from "./notices.js";

/** What is done to a conversation of the list; asked for with the first of it. */

const GAP = 4;
let rowMenu;

/** What can be done with a conversation, beside the button that asked for it. */
export function openRowMenu(button, id, page) {
  rowMenu ??= wireRowMenu(emptyMenu(), page);
  const { menu } = Object.assign(rowMenu, { id, button });
  const path = `/api/conversations/${encodeURIComponent(id)}/export?format=`;
  $("[data-do=markdown]", menu).href = `${path}md`;
  $("[data-do=json]", menu).href = `${path}json`;
  menu.showPopover({ source: button });
  const at = button.getBoundingClientRect();
  const { offsetHeight, offsetWidth } = menu;
  const below = at.bottom + GAP + offsetHeight < innerHeight;
  menu.style.top = `${below ? at.bottom + GAP : at.top - GAP - offsetHeight}px`;
  menu.style.left = `${Math.max(GAP, Math.min(at.right - offsetWidth, innerWidth - offsetWidth - GAP))}px`;
  $("button, a", menu).focus();
}

function emptyMenu() {
  const menu = element(
    "div",
    { id: "row-menu", class: "menu", popover: "" },
    element("button", { type: "button", "data-do": "rename" }, "Rename"),
    element("a", { "data-do": "markdown", download: "" }, "Save as Markdown"),
    element("a", { "data-do": "json", download: "" }, "Save as JSON"),
    element("button", { type: "button", "data-do": "delete", class: "danger" }, "Delete"),
  );
  $("#sidebar").append(menu);
  return menu;
}

function wireRowMenu(menu, page) {
  const of = { menu };
  const doing = { rename: (id) => page.sidebar.rename(id), delete: deleting(page) };
  menu.addEventListener("click", (event) => {
    const name = event.target.closest("[data-do]")?.dataset.do;
    if (!name) return;
    menu.hidePopover();
    // A key is no click of a mouse, and its writer wants to go on from the keyboard.
    doing[name]?.(of.id, event.detail === 0);
  });
  menu.addEventListener("toggle", ({ newState }) => of.button.setAttribute("aria-expanded", newState === "open"));
  menu.addEventListener("keydown", (event) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (!step) return;
    event.preventDefault();
    const all = $$("button, a", menu);
    all.at((all.indexOf(document.activeElement) + step) % all.length).focus();
  });
  return of;
}

/** Deleting can be undone for a moment: until then the conversation is only out of sight. */
function deleting({ chat, conversations, newChat, open, sidebar }) {
  const waiting = new Set();
  addEventListener("pagehide", () => {
    for (const id of waiting) conversations.remove(id, true);
    waiting.clear();
  });
  return (id, isByKey) => {
    const wasOpen = chat.transcript.id === id;
    const { title } = conversations.find(id);
    waiting.add(id);
    conversations.hide(id);
    if (wasOpen) newChat();
    toast(`Deleted: ${title}`, {
      action: "Undo",
      isFocused: isByKey,
      onAction: () => {
        waiting.delete(id);
        conversations.show(id);
        if (wasOpen) open(id);
        else sidebar.focus(id);
      },
      onGone: () => {
        if (waiting.delete(id)) conversations.remove(id).catch((error) => toast(error.message));
      },
    });
  };
}
