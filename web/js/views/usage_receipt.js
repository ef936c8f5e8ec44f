import { get } from "../api.js";
import { describe, element } from "../dom.js";

/** Opens or closes the receipt of an entry. It leads to the conversation, which may have been deleted since. */
export async function toggleReceipt(button, place, holdId) {
  const isOpen = button.getAttribute("aria-expanded") === "true";
  button.setAttribute("aria-expanded", String(!isOpen));
  place.hidden = isOpen;
  if (isOpen || place.dataset.is === "there") return;
  place.replaceChildren(element("p", { class: "hint" }, "Fetching the receipt…"));
  try {
    const [bill, { receiptOf }] = await Promise.all([
      get(`/api/billing/usage/${encodeURIComponent(holdId)}`),
      import("./actions.js"),
    ]);
    place.replaceChildren(...receiptOf(bill), ...wayTo(bill));
    place.dataset.is = "there";
  } catch (error) {
    place.replaceChildren(...describe(error, { always: true }));
  }
}

function wayTo({ conversationId, messageId }) {
  if (!conversationId) return [];
  const href = `/chat/${encodeURIComponent(conversationId)}${messageId ? `#${encodeURIComponent(messageId)}` : ""}`;
  return [element("p", {}, element("a", { href }, "Open the conversation"))];
}
