import { get, remove } from "../api.js";
import { $, element } from "../dom.js";
import { clearErrors, isBusy, runForm } from "../form.js";
import { balance, day } from "../format.js";
import { session } from "../session.js";
import * as storage from "../kept.js";

const KEPT = "prome.theme";

/** Asks whether the account is really to be deleted, says what is lost with it, and does it. */
export class Farewell {
  #dialog = $("#farewell");
  #form = $("#farewell-form");
  #losses = $("#losses");
  #account;
  #isGone = false;

  constructor(user, account) {
    this.#account = account;
    this.#form.elements.username.value = user.email;
    runForm(this.#form, {
      busyLabel: "Deleting…",
      places: { wrong_password: "currentPassword" },
      send: ({ currentPassword }) => this.#leave(currentPassword),
    });
    $("[data-action=stay]", this.#dialog).addEventListener("click", () => isBusy(this.#form) || this.#dialog.close());
    $("[data-action=done]", this.#dialog).addEventListener("click", () => this.#dialog.close());
    // Esc while it is on its way must not hide how it ends.
    this.#dialog.addEventListener("cancel", (event) => isBusy(this.#form) && event.preventDefault());
    this.#dialog.addEventListener("close", () => (this.#isGone ? session.signOut() : this.#form.reset()));
  }

  open() {
    clearErrors(this.#form);
    this.#losses.setAttribute("aria-busy", "true");
    this.#losses.replaceChildren(element("li", {}, "Your conversations, and all that names you."));
    this.#dialog.showModal();
    $("#farewell-password").focus();
    this.#showLosses();
  }

  async #showLosses() {
    const found = [];
    try {
      const [has, { orders, plan }] = await Promise.all([
        get("/api/billing/balance"),
        get("/api/billing/orders?limit=100"),
      ]);
      found.push(...lossesOf(has, orders, plan));
    } catch {
      found.push(element("li", {}, "All tokens that you have not used, and your plan if you have one."));
    }
    this.#losses.append(...found);
    this.#losses.setAttribute("aria-busy", "false");
  }

  /** Nothing is sent twice, and the dialog stays until it is known how it ended. */
  async #leave(currentPassword) {
    try {
      await remove("/api/auth/me", { body: { currentPassword } });
    } catch (error) {
      if (error.status !== 401) throw error;
      // Signed out elsewhere meanwhile: then this page leads to the sign-in.
      if (await session.load()) throw error;
      return true;
    }
    this.#isGone = true;
    // The last word is read here, however soon the server hangs up.
    this.#account.close();
    for (const name of storage.names()) {
      if (name.startsWith("prome.") && name !== KEPT) storage.remember(name, null);
    }
    this.#form.hidden = true;
    $("#gone").hidden = false;
    this.#dialog.setAttribute("aria-labelledby", "gone-title");
    $("#gone-title").focus();
    return false;
  }
}

function lossesOf(has, orders, plan) {
  const found = [];
  if (has.balance > 0) {
    const back = orders.some(({ refundable }) => refundable);
    const way = back ? [" You can ", element("a", { href: "/billing" }, "refund unused purchases"), " first."] : [];
    found.push(element("li", {}, element("strong", {}, balance(has.balance)), " that you have not used.", ...way));
  }
  if (plan && !plan.endedAt) {
    const until = plan.periodEndsAt ? `, which is paid until ${day(plan.periodEndsAt)}` : "";
    found.push(element("li", {}, element("strong", {}, "Your plan"), `${until}. It is cancelled at once.`));
  }
  if (has.held > 0) found.push(element("li", {}, "Answers that are being written are stopped, and charged so far."));
  return found;
}
