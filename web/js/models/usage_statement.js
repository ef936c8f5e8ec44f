import { get } from "../api.js";

const PAGE = 20;
const KINDS = {
  welcome: "Welcome tokens",
  purchase: "Purchase",
  subscription: "Your plan, one month",
  usage: "An answer",
  refund: "Refund",
  dispute: "Disputed payment",
  adjustment: "Correction",
  debt: "Paid what was owed",
};

/** What an entry is, in plain words. */
export const kindInWords = (kind) => KINDS[kind] ?? kind;

/** An operator's own words stand behind the name of their entry. */
export const reasonOf = ({ kind, reference }) => (kind === "adjustment" ? /: (.+)$/.exec(reference)?.[1] : null) ?? null;

/** The statement, newest first. Fires "change"; `detail.added` is how many entries came in at its top. */
export class Statement extends EventTarget {
  #cursor = null;
  #asked = 0;
  #isLoaded = false;
  entries = [];
  opening = 0;
  closing = 0;
  from = "";
  to = "";

  get hasMore() {
    return this.#cursor !== null;
  }

  /** Where the same entries are as a file. */
  get csv() {
    return `/api/billing/ledger?${this.#query({ format: "csv" })}`;
  }

  async load({ from = this.from, to = this.to } = {}) {
    Object.assign(this, { from, to });
    const asked = ++this.#asked;
    const page = await this.#page();
    if (asked !== this.#asked) return;
    this.#isLoaded = true;
    this.#take(page, page.entries);
    this.#fire();
  }

  async more() {
    const asked = this.#asked;
    const page = await this.#page(this.#cursor);
    if (asked !== this.#asked) return;
    this.#cursor = page.nextCursor;
    this.entries = [...this.entries, ...page.entries];
    this.#fire();
  }

  /** What came since, put on top of what is shown. */
  async refresh() {
    if (!this.#isLoaded) return;
    const asked = this.#asked;
    const page = await this.#page();
    if (asked !== this.#asked) return;
    const newest = this.entries[0]?.sequence ?? 0;
    const added = page.entries.filter(({ sequence }) => sequence > newest);
    if (!added.length) return;
    const isGap = added.length === page.entries.length && page.nextCursor !== null;
    const cursor = this.#cursor;
    this.#take(page, isGap ? page.entries : [...added, ...this.entries]);
    if (!isGap) this.#cursor = cursor;
    this.#fire(added.length);
  }

  #take({ opening, closing, nextCursor }, entries) {
    Object.assign(this, { opening, closing, entries });
    this.#cursor = nextCursor;
  }

  #page(cursor) {
    return get(`/api/billing/ledger?${this.#query({ order: "newest", limit: PAGE, ...(cursor && { cursor }) })}`);
  }

  #query(more) {
    return new URLSearchParams({ ...(this.from && { from: this.from }), ...(this.to && { to: this.to }), ...more });
  }

  #fire(added = 0) {
    this.dispatchEvent(new CustomEvent("change", { detail: { added } }));
  }
}
