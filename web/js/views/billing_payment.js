import { $, fill } from "../dom.js";
import { balance, count } from "../format.js";

const CONFIRMING = {
  title: "Confirming your payment…",
  words: "This takes a moment. Your tokens are added as soon as the payment is confirmed.",
  isBusy: true,
};
const WORDS = {
  adding: { title: "Your payment arrived", words: "Your tokens are being added.", isBusy: true },
  pending: {
    title: "Your bank is working on it",
    words: "A bank debit can take some days. We add your tokens when the bank has paid; you may leave this page.",
  },
  open: { title: "Not paid yet", words: "This payment is not finished, and nothing was charged so far." },
  left: { title: "Nothing was charged", words: "You left before paying. Choose again whenever you like." },
  expired: { title: "Nothing was charged", words: "The time for this payment ran out. Please choose again." },
  failed: {
    title: "The payment failed",
    words: "Your bank did not pay, so no tokens were added and nothing was charged. If it did, please write to us.",
  },
  unknown: { title: "We do not know this payment", words: "If it belongs to another account, sign in with that one." },
};
const LATE = "We will add your tokens as soon as the bank says so; you may leave this page.";

/** How the payment stands that the reader comes back from. It never calls anything paid that the server does not. */
export class PaymentView {
  #root;
  #isShown = "";

  constructor(root) {
    this.#root = root;
  }

  /** `wasLeft`: the reader came back by themselves, so an open payment is one that was not wanted. */
  show(payment, { wasLeft, from }) {
    const { title, words, isBusy = false } = wordsOf(payment, wasLeft);
    const isPaid = payment.state === "paid";
    fill(this.#root, { words, aside: asideOf(payment) });
    this.#root.dataset.state = payment.state ?? "confirming";
    this.#root.dataset.busy = String(isBusy && !payment.isLate);
    this.#showWayOn(isPaid ? (from ?? "/chat") : null);
    $("[data-action=again]", this.#root).hidden = !payment.isLate;
    this.#root.hidden = false;
    if (title === this.#isShown) return;
    this.#isShown = title;
    $("h2", this.#root).textContent = title;
  }

  #showWayOn(path) {
    const link = $("[data-action=continue]", this.#root);
    link.hidden = !path;
    if (!path) return;
    link.href = path;
    link.textContent = path === "/chat" ? "Go on chatting" : "Continue this answer";
  }
}

function wordsOf(payment, wasLeft) {
  if (payment.state === "paid") {
    const debt = payment.debtPaid ? `${count(payment.debtPaid)} of them paid what you owed. ` : "";
    return { title: `${balance(payment.tokensGranted)} were added`, words: `${debt}You have ${balance(payment.balance)} now.` };
  }
  if (payment.state === "open" && wasLeft) return WORDS.left;
  const found = WORDS[payment.state] ?? CONFIRMING;
  return payment.isLate && found.isBusy ? { ...found, title: "Still confirming", words: LATE } : found;
}

function asideOf({ trouble, isOver }) {
  if (!trouble || isOver) return "";
  return navigator.onLine ? `${trouble.message} We keep asking.` : "You are offline. We ask again when you are back.";
}
