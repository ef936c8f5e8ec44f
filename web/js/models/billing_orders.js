import { get } from "../api.js";

const PAGE = 10;

/** Runs one at a time. Whoever asks while it runs shares the next time. */
export function shared(run) {
  let now = null;
  let next = null;
  return () =>
    (next ??= (now ?? Promise.resolve()).catch(() => {}).then(() => {
      next = null;
      return (now = run());
    }));
}

/** What was bought, newest first, as far as it was asked for, and the plan. Fires "change". */
export class Orders extends EventTarget {
  #cursor = null;
  list = [];
  plan = null;
  isLoaded = false;

  get hasMore() {
    return this.#cursor !== null;
  }

  /** The newest ones anew; older ones that are shown stay. */
  refresh = shared(() => this.#first());

  async #first() {
    const { orders, plan, nextCursor } = await get(`/api/billing/orders?limit=${PAGE}`);
    const fresh = new Set(orders.map(({ id }) => id));
    const older = this.list.filter(({ id }) => !fresh.has(id));
    // What is shown already goes on where it ended, not where the first page does.
    if (!this.isLoaded) this.#cursor = nextCursor;
    this.#take([...orders, ...older], plan);
  }

  async more() {
    const cursor = encodeURIComponent(this.#cursor);
    const { orders, plan, nextCursor } = await get(`/api/billing/orders?limit=${PAGE}&cursor=${cursor}`);
    this.#cursor = nextCursor;
    const known = new Set(this.list.map(({ id }) => id));
    this.#take([...this.list, ...orders.filter(({ id }) => !known.has(id))], plan);
  }

  find(id) {
    return this.list.find((order) => order.id === id);
  }

  #take(list, plan) {
    Object.assign(this, { list, plan, isLoaded: true });
    this.dispatchEvent(new Event("change"));
  }
}
