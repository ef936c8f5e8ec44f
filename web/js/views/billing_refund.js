import { post } from "../api.js";
import { $, describe, fill } from "../dom.js";
import { balance, day } from "../format.js";
import { money } from "../money.js";

/** Asks whether it is really meant, and does it. Answers what became of it, or null when the tokens are kept. */
export class RefundDialog {
  #dialog;
  #button;
  #order;
  #key;
  #done = () => {};

  constructor(dialog) {
    this.#dialog = dialog;
    this.#button = $("[data-action=refund]", dialog);
    this.#button.addEventListener("click", () => this.#refund());
    $("[data-action=keep]", dialog).addEventListener("click", () => dialog.close());
    // Esc while the refund is on its way must not hide how it ends.
    dialog.addEventListener("cancel", (event) => this.#isBusy && event.preventDefault());
    dialog.addEventListener("close", () => this.#done(null));
  }

  ask(order) {
    const { tokens, amount, until } = order.refundable;
    const back = money(amount, order.currency);
    this.#order = order;
    this.#key = crypto.randomUUID();
    fill(this.#dialog, {
      words: `This is what is unused of “${order.name}”. You can give it back once, until ${day(until)}.`,
      tokens: balance(tokens),
      amount: back,
    });
    this.#button.textContent = `Refund ${back}`;
    this.#isBusy = false;
    $(".trouble", this.#dialog).replaceChildren();
    this.#dialog.showModal();
    return new Promise((resolve) => (this.#done = resolve));
  }

  async #refund() {
    if (this.#isBusy) return;
    this.#isBusy = true;
    try {
      const headers = { "Idempotency-Key": this.#key };
      this.#done(await post(`/api/billing/orders/${this.#order.id}/refund`, undefined, { headers }));
      this.#dialog.close();
    } catch (error) {
      $(".trouble", this.#dialog).replaceChildren(...describe(error, { always: true }));
      this.#isBusy = false;
    }
  }

  get #isBusy() {
    return this.#button.getAttribute("aria-disabled") === "true";
  }

  set #isBusy(busy) {
    for (const button of this.#dialog.querySelectorAll("[data-action]")) {
      button.setAttribute("aria-disabled", String(busy));
    }
  }
}

/** How a refund ended, in a sentence. */
export function refundInWords({ status, tokens, amount }, { currency }) {
  if (status === "failed") return "The refund did not work. Your tokens are back.";
  const [back, given] = [money(amount, currency), balance(tokens)];
  if (status === "pending") return `${given} went back. ${back} follow as soon as the bank confirms.`;
  return `${given} went back, and ${back} are on their way to you.`;
}
