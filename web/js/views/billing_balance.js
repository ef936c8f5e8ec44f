import { $, fill } from "../dom.js";
import { balance, count } from "../format.js";

/** What one has, what of it is set aside, and what one owes. */
export class BalanceView {
  #root;
  #heard = 0;

  constructor(root) {
    this.#root = root;
  }

  /** What `ask` answers, but for what was heard meanwhile, which is newer. */
  async load(ask) {
    const before = this.#heard;
    const has = await ask();
    this.#showDebt(has.owed);
    if (this.#heard === before) this.#show(has);
  }

  hear(has) {
    this.#heard += 1;
    this.#show(has);
  }

  #show({ balance: tokens, held, available }) {
    fill(this.#root, { balance: balance(tokens), held: inWords(held, available) });
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
