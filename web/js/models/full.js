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
