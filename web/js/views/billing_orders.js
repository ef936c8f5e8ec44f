import { $, clone, fill } from "../dom.js";
import { balance, count, day } from "../format.js";
import { money, price } from "../money.js";

/** What was bought, as a list that knows what still can be given back. Fires "refund" with the order. */
export class OrdersView extends EventTarget {
  #list;
  #empty;
  #more;

  constructor({ list, empty, more }) {
    super();
    this.#list = list;
    this.#empty = empty;
    this.#more = more;
    list.addEventListener("click", ({ target }) => {
      const button = target.closest("[data-action=refund]");
      if (!button) return;
      this.dispatchEvent(new CustomEvent("refund", { detail: button.closest("[data-id]").dataset.id }));
    });
  }

  show({ list, hasMore }) {
    const focused = document.activeElement?.closest?.(".order")?.dataset.id;
    this.#list.replaceChildren(...list.map(row));
    this.#list.setAttribute("aria-busy", "false");
    this.#empty.hidden = list.length > 0;
    this.#more.hidden = !hasMore;
    if (focused) this.focus(focused);
  }

  /** Its button, or the row itself where there is none any more. */
  focus(id) {
    const found = this.#list.querySelector(`[data-id="${CSS.escape(id)}"]`);
    const button = found?.querySelector("button:not([hidden])");
    (button ?? found)?.focus();
  }
}

function row(order) {
  const node = clone("order");
  node.dataset.id = order.id;
  node.tabIndex = -1;
  fill(node, {
    name: order.name,
    when: day(order.createdAt),
    practice: order.sandbox ? " · sandbox" : "",
    price: price(order),
    state: inWords(order),
    returned: returned(order),
  });
  $("time", node).dateTime = order.createdAt;
  const button = $("button", node);
  button.hidden = !order.refundable;
  button.setAttribute("aria-label", `Refund what is unused of ${order.name}, ${day(order.createdAt)}`);
  if (order.refundable) button.title = `Until ${day(order.refundable.until)}`;
  return node;
}

function inWords({ status, tokensGranted, disputed }) {
  if (disputed) return "In dispute with your bank";
  const words = {
    open: "Not paid; nothing was charged",
    pending: "Your bank is working on it",
    failed: "The payment failed; no tokens were added",
    expired: "Not paid in time; nothing was charged",
    ended: tokensGranted ? `Ended; ${balance(tokensGranted)} in all` : "Ended",
  };
  return words[status] ?? (tokensGranted ? `${balance(tokensGranted)} added` : "Paid; the tokens are on their way");
}

function returned({ tokensReturned, amountReturned, currency }) {
  if (!tokensReturned && !amountReturned) return "";
  return `${count(tokensReturned)} went back, for ${money(amountReturned, currency)}`;
}
