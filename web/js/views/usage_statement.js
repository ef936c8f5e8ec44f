import { $, clone, element, fill } from "../dom.js";
import { balance, count } from "../format.js";
import { kindInWords, reasonOf } from "../models/usage_statement.js";
import { toggleReceipt } from "./usage_receipt.js";

const SIGN = new Intl.NumberFormat("en", { signDisplay: "always" });
const clock = new Intl.DateTimeFormat("en", { dateStyle: "medium", timeStyle: "short" });
const exact = new Intl.DateTimeFormat("en", { dateStyle: "full", timeStyle: "long" });

/** The entries as a list. What is shown stays as it is, with its open receipts, when others come in above or below. */
export class StatementView {
  #list;
  #shown = new Map();

  constructor(list) {
    this.#list = list;
    list.addEventListener("click", ({ target }) => {
      const button = target.closest("[data-action=receipt]");
      if (button) toggleReceipt(button, $(".entry-receipt", button.closest(".entry")), button.dataset.hold);
    });
  }

  show(statement) {
    const before = this.#shown;
    this.#shown = new Map(statement.entries.map((entry) => [entry.id, before.get(entry.id) ?? row(entry)]));
    const rows = [...this.#shown.values()];
    for (const old of [...this.#list.children]) if (!rows.includes(old)) old.remove();
    rows.forEach((each, index) => {
      const standing = this.#list.children[index];
      if (standing !== each) this.#list.insertBefore(each, standing ?? null);
    });
    this.#list.setAttribute("aria-busy", "false");
    this.#list.hidden = rows.length === 0;
    $("#no-entries").hidden = rows.length > 0;
    $("#more").hidden = !statement.hasMore;
    edge($("#closing"), statement.to ? "Balance at the end of these days" : "", statement.closing);
    edge($("#opening"), statement.from && !statement.hasMore ? "Balance before these days" : "", statement.opening);
    $("#csv").href = statement.csv;
  }

  /** To the first of the entries that were just added below. */
  focus(entry) {
    const added = this.#shown.get(entry?.id);
    added?.setAttribute("tabindex", "-1");
    added?.focus();
  }
}

function edge(place, words, tokens) {
  place.hidden = !words;
  place.replaceChildren(words, " ", element("strong", {}, balance(tokens)));
}

function row(entry) {
  const made = clone("entry");
  const at = new Date(entry.createdAt);
  const reason = reasonOf(entry);
  fill(made, {
    kind: kindInWords(entry.kind),
    at: clock.format(at),
    because: reason ? `: ${reason}` : "",
    tokens: SIGN.format(entry.tokens).replace("-", "−"),
    balance: count(entry.balanceAfter),
  });
  $("time", made).dateTime = entry.createdAt;
  $("time", made).title = exact.format(at);
  made.classList.toggle("in", entry.tokens > 0);
  const button = $("[data-action=receipt]", made);
  button.hidden = entry.kind !== "usage";
  button.dataset.hold = entry.reference;
  button.setAttribute("aria-label", `Receipt of ${clock.format(at)}`);
  return made;
}
