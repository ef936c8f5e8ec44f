import { $, fill } from "../dom.js";
import { day } from "../format.js";

/** A plan that one may not buy a second of. */
export const stands = (plan) => plan !== null && plan.endedAt === null;

/** The plan in plain words. Fires "manage". */
export class PlanView extends EventTarget {
  #root;
  #button;

  constructor(root) {
    super();
    this.#root = root;
    this.#button = $("[data-action=manage]", root);
    this.#button.addEventListener("click", () => {
      if (this.#button.getAttribute("aria-disabled") === "true") return;
      this.dispatchEvent(new CustomEvent("manage", { detail: { button: this.#button } }));
    });
  }

  show(plan) {
    this.#root.hidden = plan === null;
    if (plan === null) return;
    const { state, words, action } = inWords(plan);
    this.#root.dataset.state = state;
    fill(this.#root, { state, words });
    this.#button.textContent = action ?? "";
    this.#button.hidden = !action;
  }
}

function inWords({ status, periodEndsAt, cancelsAt, endedAt }) {
  if (endedAt) return { state: "Ended", words: `It ended on ${day(endedAt)}. You can subscribe again at any time.` };
  if (status === "past_due") {
    const words = "The last payment did not work. Check your card, so that your plan goes on.";
    return { state: "Payment failed", words, action: "Check your card" };
  }
  if (!["active", "trialing"].includes(status)) {
    const words = "It waits for its payment, and brings no tokens until then.";
    return { state: "On hold", words, action: "Manage or cancel" };
  }
  if (cancelsAt) {
    const words = `It ends on ${day(cancelsAt)}, and nothing more is charged. Your tokens stay.`;
    return { state: "Cancelled", words, action: "Manage or resume" };
  }
  const words = periodEndsAt ? `It renews on ${day(periodEndsAt)}.` : "It renews each month.";
  return { state: "Active", words, action: "Manage or cancel" };
}
