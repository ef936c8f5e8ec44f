import { $, fill } from "../dom.js";
import { balance, count } from "../format.js";

/** What one has, what of it is set aside, and what one owes. */
export class BalanceView {
  #root;

  constructor(root) {
    this.#root = root;
  }

  show({ balance: tokens, held, available, owed }) {
    fill(this.#root, { balance: balance(tokens), held: inWords(held, available) });
    if (owed !== undefined) this.#showDebt(owed);
    this.#root.setAttribute("aria-busy", "false");
  }

  #showDebt(owed) {
    const words = `You owe ${balance(owed)}. The next purchase pays ${owed === 1 ? "it" : "them"} first.`;
    fill(this.#root, { owed: owed ? words : "" });
    $("[data-text=owed]", this.#root).hidden = !owed;
  }
}

function inWords(held, available) {
  if (!held) return "All of it is yours to use.";
  return `${count(held)} are set aside for answers that are being written; ${count(available)} are free.`;
}
