const RETRY_MS = 5_000;
// So long after its beginning a page may have loaded what has changed since.
const LATE_MS = 2_000;

/**
 * The account's live channel, fired as events of their names, and as "lost" when it was refused: perhaps nobody is
 * signed in any more. One tab holds the line and tells the others, because a browser keeps no more than six lines to one
 * server and replies need them.
 */
export class AccountEvents extends EventTarget {
  #channel;
  #source = null;
  #isClosed = false;

  constructor(userId) {
    super();
    this.#channel = new BroadcastChannel(`prome-events-${userId}`);
    this.#channel.addEventListener("message", ({ data }) => this.#tell(data));
    this.#lead(`prome-events-${userId}`);
  }

  /** For a page that goes on without its account. */
  close() {
    this.#isClosed = true;
    this.#source?.close();
  }

  async #lead(name) {
    if (!navigator.locks) return this.#listen();
    // Held for as long as this tab lives; when it closes, the next in line takes over.
    await navigator.locks.request(name, () => new Promise(() => this.#listen())).catch(() => this.#listen());
  }

  #listen() {
    this.#source?.close();
    if (this.#isClosed) return;
    this.#source = new EventSource(performance.now() > LATE_MS ? "/api/events?again=true" : "/api/events");
    for (const name of ["balance", "payment", "conversation"]) {
      this.#source.addEventListener(name, ({ data }) => {
        const told = { name, detail: JSON.parse(data) };
        this.#channel.postMessage(told);
        this.#tell(told);
      });
    }
    this.#source.addEventListener("error", () => {
      // A browser gives up for good on an answer that is no stream, as while the server restarts.
      if (this.#source.readyState !== EventSource.CLOSED) return;
      this.dispatchEvent(new Event("lost"));
      setTimeout(() => this.#listen(), RETRY_MS);
    });
  }

  #tell({ name, detail }) {
    this.dispatchEvent(new CustomEvent(name, { detail }));
  }
}

/** What counts as a full balance: where it stood after it last grew. Below a fifth of that, a word is due. */
const LOW = 0.2;

export class Full {
  #storage;
  #name;

  constructor(userId, storage) {
    this.#storage = storage;
    this.#name = `prome.full.${userId}`;
  }

  /** Takes note of the balance; answers whether it is low. */
  isLow(balance) {
    const { last = 0, full = 0 } = this.#read();
    const now = balance > last ? balance : Math.max(full, balance);
    this.#storage.remember(this.#name, JSON.stringify({ last: balance, full: now }));
    return balance < now * LOW;
  }

  #read() {
    try {
      return JSON.parse(this.#storage.recall(this.#name)) ?? {};
    } catch {
      return {};
    }
  }
}
