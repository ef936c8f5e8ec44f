/** What this tab has to remember while its reader is away at the till: where they came from, and what they went to pay. */
const NAME = "prome.trip";

export class Trip {
  #storage;

  /** `storage` answers the tab's own, and may throw where a browser keeps none. */
  constructor(storage) {
    this.#storage = storage;
  }

  /** The conversation to go back to. */
  get from() {
    return this.#read().from ?? null;
  }

  get sessionId() {
    return this.#read().sessionId ?? null;
  }

  /** Where somebody came from counts until they come from somewhere else. */
  cameFrom(path) {
    if (path) this.#write({ ...this.#read(), from: path });
  }

  leave(sessionId) {
    this.#write({ ...this.#read(), sessionId });
  }

  /** How the payment ended has been said. */
  isOver() {
    const { from } = this.#read();
    this.#write({ from });
  }

  #read() {
    try {
      return JSON.parse(this.#storage().getItem(NAME)) ?? {};
    } catch {
      return {};
    }
  }

  #write(trip) {
    try {
      this.#storage().setItem(NAME, JSON.stringify(trip));
    } catch {
      // The browser forbids it; then the way back is the menu's.
    }
  }
}

/** The chat that an address names, if it is one of ours. */
export function chatPath(address, origin) {
  if (!address || !URL.canParse(address, origin)) return null;
  const url = new URL(address, origin);
  return url.origin === origin && /^\/chat(\/[\w-]+)?$/.test(url.pathname) ? url.pathname : null;
}
