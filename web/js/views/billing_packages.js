import { $$, element } from "../dom.js";
import { packageCard } from "./packages.js";

/** What can be bought. Fires "buy" with the package, and "manage" where a plan stands already. */
export class PackagesView extends EventTarget {
  #list;
  #offers = [];
  #hasPlan = false;
  #isOpen = true;

  constructor(list) {
    super();
    this.#list = list;
    list.addEventListener("click", ({ target }) => {
      const button = target.closest("button");
      if (!button || button.getAttribute("aria-disabled") === "true") return;
      const offer = this.#offers.find(({ id }) => id === button.dataset.id);
      const name = button.dataset.action;
      this.dispatchEvent(new CustomEvent(name, { detail: { offer, button } }));
    });
  }

  show(offers, { isOpen }) {
    this.#offers = offers;
    this.#isOpen = isOpen;
    this.#draw();
    this.#list.setAttribute("aria-busy", "false");
  }

  set hasPlan(value) {
    if (value === this.#hasPlan) return;
    this.#hasPlan = value;
    this.#draw();
  }

  /** One purchase at a time; the buttons keep their focus. */
  set isBusy(busy) {
    for (const button of $$("button", this.#list)) button.setAttribute("aria-disabled", String(busy));
  }

  #draw() {
    this.#list.replaceChildren(...this.#offers.map((offer) => this.#card(offer)));
    if (!this.#offers.length) this.#list.append(element("li", { class: "hint" }, "Nothing is for sale just now."));
  }

  #card(offer) {
    const card = packageCard(offer);
    const hasIt = offer.kind === "month" && this.#hasPlan;
    const [action, words] = hasIt ? ["manage", "Manage plan"] : ["buy", offer.kind === "month" ? "Subscribe" : "Buy"];
    const looks = hasIt ? "button quiet" : "button";
    const attributes = { type: "button", class: looks, "data-id": offer.id, "data-action": action };
    const button = element("button", attributes, words);
    if (!hasIt) button.setAttribute("aria-label", `${words}: ${offer.name}`);
    if (this.#isOpen) card.append(button);
    return card;
  }
}
