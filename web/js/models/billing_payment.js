/** Asked again after so many seconds, a minute in all; later only when something is heard of the payment. */
const WAITS = [1, 2, 3, 5, 8, 10, 15, 16];
const IS_FINAL = ["paid", "failed", "expired", "unknown"];

/**
 * How a payment ends, found out by asking the server, which asks the till. Fires "change" when `state` or `trouble` does.
 *
 * `state` is null until the first answer, then what the server says; "adding" is paid with its tokens yet to come, and
 * "unknown" is a payment that is not this reader's. `isLate` says that asking by itself has ended.
 */
export class Payment extends EventTarget {
  #ask;
  #second;
  #wake = () => {};
  #isAsking = false;
  #isNudged = false;
  #isFollowed = false;
  state = null;
  isLate = false;
  trouble = null;
  tokensGranted = 0;
  debtPaid = 0;
  balance = 0;

  constructor(ask, { second = 1_000 } = {}) {
    super();
    this.#ask = ask;
    this.#second = second;
  }

  get isOver() {
    return IS_FINAL.includes(this.state);
  }

  /** Ends when the payment has, or when a minute of asking has not told. */
  async follow() {
    if (this.#isFollowed) return;
    this.#isFollowed = true;
    this.isLate = false;
    for (const seconds of WAITS) {
      await this.ask();
      if (this.isOver) return;
      await this.#rest(seconds);
    }
    await this.ask();
    this.#isFollowed = false;
    if (this.isOver) return;
    this.isLate = true;
    this.#tell();
  }

  /** Something was heard that may be about this payment. */
  nudge() {
    if (this.isOver) return;
    this.#isNudged = true;
    this.#wake();
    if (!this.#isFollowed) this.ask();
  }

  /** Asks once; no answer is no news. */
  async ask() {
    if (this.#isAsking || this.isOver) return;
    this.#isAsking = true;
    this.#isNudged = false;
    try {
      const { status, ...amounts } = await this.#ask();
      const isAdding = status === "paid" && amounts.tokensGranted === 0;
      Object.assign(this, amounts, { state: isAdding ? "adding" : status, trouble: null });
    } catch (error) {
      if (error.status === 404) this.state = "unknown";
      else this.trouble = error;
    } finally {
      this.#isAsking = false;
    }
    this.#tell();
  }

  async #rest(seconds) {
    if (this.#isNudged) return;
    await new Promise((resolve) => {
      const timer = setTimeout(resolve, seconds * this.#second);
      this.#wake = () => (clearTimeout(timer), resolve());
    });
  }

  #tell() {
    this.dispatchEvent(new Event("change"));
  }
}
