import { get } from "../api.js";
import { describe, element } from "../dom.js";
import { balance, count } from "../format.js";

const COUNTED = { tiktoken: "Counted exactly", estimate: "An estimate, as the model's own counting is not public" };
const rate = (perThousand) => (perThousand === 1000 ? "" : ` × ${perThousand / 1000}`);

/** Opens or closes the receipt below a reply. It is fetched when it is wanted. */
export async function toggleReceipt(button, place, messageId) {
  const isOpen = button.getAttribute("aria-expanded") === "true";
  button.setAttribute("aria-expanded", String(!isOpen));
  place.hidden = isOpen;
  if (isOpen) return;
  place.replaceChildren(element("p", { class: "hint" }, "Fetching the receipt…"));
  try {
    place.replaceChildren(...receiptOf(await get(`/api/billing/usage/${encodeURIComponent(messageId)}`)));
  } catch (error) {
    place.replaceChildren(...describe(error));
  }
}

/** The lines of a receipt, and who counted them. */
export function receiptOf(bill) {
  const facts = [
    ["Model", bill.model],
    ["Question and history", `${count(bill.promptTokens)}${rate(bill.inputRate)}`],
    ["Answer", `${count(bill.completionTokens)}${rate(bill.outputRate)}`],
    ["Set aside, then given back", `${count(bill.held)} → ${count(bill.released)}`],
    ["Charged", balance(bill.charged)],
    ["Balance after", count(bill.balanceAfter)],
    ["Entry", bill.sequence === null ? "none" : `No. ${count(bill.sequence)} on your statement`],
  ];
  const list = element("dl", {});
  for (const [name, value] of facts) {
    list.append(element("div", {}, element("dt", {}, name), element("dd", {}, value)));
  }
  return [list, element("p", { class: "hint" }, `${COUNTED[bill.countedBy] ?? bill.countedBy}.`)];
}
