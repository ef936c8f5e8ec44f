import { post } from "../api.js";
import { balance, count } from "../format.js";

const WAIT_MS = 350;

/** The line below the composer that says what a message would cost before it is sent. */
export class Quote {
  #place;
  #timer;
  #asking = null;

  constructor(place) {
    this.#place = place;
  }

  clear() {
    clearTimeout(this.#timer);
    this.#asking?.abort();
    this.#place.replaceChildren();
    delete this.#place.dataset.tight;
  }

  /** Asks a moment after the last key, and only about the last text. */
  ask(body) {
    clearTimeout(this.#timer);
    this.#asking?.abort();
    this.#timer = setTimeout(() => this.#fetch(body), WAIT_MS);
  }

  async #fetch(body) {
    this.#asking = new AbortController();
    const { signal } = this.#asking;
    try {
      const quote = await post("/api/chat/quote", body, { signal });
      if (!signal.aborted) this.#show(quote);
    } catch (error) {
      if (signal.aborted) return;
      // It is a courtesy; of what is wrong it tells only what can be mended here.
      this.clear();
      for (const { message } of error.fields ?? []) this.#warn(message);
    }
  }

  #warn(words) {
    this.#place.textContent = words;
    this.#place.dataset.tight = "true";
  }

  #show({ promptTokens, historyTokens, held, balanceAfterAtMost, affordable }) {
    const history = historyTokens ? `, of which ${count(historyTokens)} are earlier messages` : "";
    const short = affordable ? "" : " More than you have left.";
    this.#place.textContent = `≈ ${balance(promptTokens)}${history}, plus the answer.${short}`;
    this.#place.title = `With the longest answer ${balance(held)}, which would leave ${count(balanceAfterAtMost)}.`;
    this.#place.dataset.tight = String(!affordable);
  }
}
