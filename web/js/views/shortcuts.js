import { $ } from "../dom.js";

const isTyping = (node) => node.matches?.("input, textarea, select");

/** The keys that work everywhere on the page, and the sheet that lists them. */
export function wireShortcuts({ chat, composer, newChat, sidebar }, drawer) {
  const sheet = $("#shortcuts");
  const open = () => {
    $("#account-menu").hidePopover();
    sheet.showModal();
  };
  $("[data-open-shortcuts]").addEventListener("click", open);
  addEventListener("keydown", (event) => {
    if (event.isComposing || sheet.open) return;
    const command = event.ctrlKey || event.metaKey;
    const key = event.key.toLowerCase();
    if (command && key === "k") {
      drawer.open();
      sidebar.focusSearch();
    } else if (command && event.shiftKey && key === "o") newChat();
    else if (key === "?" && !command && !isTyping(event.target)) open();
    else if (key === "escape" && canStop(event, chat)) composer.dispatchEvent(new Event("stop"));
    else return;
    event.preventDefault();
  });
}

/** Escape closes what is open first; only then does it stop a reply. */
const canStop = (event, chat) =>
  !event.defaultPrevented && chat.replyOf() && !document.querySelector(":popover-open, .sidebar.open, form.edit");
