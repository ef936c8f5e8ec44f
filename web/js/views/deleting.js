import { toast } from "./toast.js";

/** Deleting can be undone for a moment: until then the conversation is only out of sight. */
export function wireDeleting(menu, { chat, conversations, newChat, open }) {
  const waiting = new Set();
  menu.addEventListener("delete", ({ detail: id }) => {
    const wasOpen = chat.transcript.id === id;
    const { title } = conversations.find(id);
    waiting.add(id);
    conversations.hide(id);
    if (wasOpen) newChat();
    toast(`Deleted: ${title}`, {
      action: "Undo",
      onAction: () => {
        waiting.delete(id);
        conversations.show(id);
        if (wasOpen) open(id);
      },
      onGone: () => {
        if (waiting.delete(id)) conversations.remove(id).catch((error) => toast(error.message));
      },
    });
  });
  addEventListener("pagehide", () => {
    for (const id of waiting) conversations.remove(id, true);
    waiting.clear();
  });
}
