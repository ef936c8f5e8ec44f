import { get, patch, remove } from "../api.js";

const LIMIT = 40;
const path = (id) => `/api/conversations/${encodeURIComponent(id)}`;

/** The list beside the chat: newest first, a page at a time, or what was searched for. Fires "change". */
export class Conversations extends EventTarget {
  items = [];
  question = "";
  isLoading = false;
  error = null;
  #cursor = null;
  #hidden = new Set();
  #asked = 0;

  get hasMore() {
    return this.#cursor !== null;
  }

  get shown() {
    return this.items.filter(({ id }) => !this.#hidden.has(id));
  }

  find(id) {
    return this.items.find((each) => each.id === id);
  }

  async load(question = this.question) {
    this.question = question;
    this.#cursor = null;
    await this.#fetch((found) => (this.items = found));
  }

  async more() {
    if (!this.#cursor || this.isLoading) return;
    const known = new Set(this.items.map(({ id }) => id));
    await this.#fetch((found) => this.items.push(...found.filter(({ id }) => !known.has(id))));
  }

  async #fetch(take) {
    const number = (this.#asked += 1);
    this.isLoading = true;
    this.error = null;
    const query = new URLSearchParams({ limit: LIMIT });
    if (this.question) query.set("q", this.question);
    if (this.#cursor) query.set("cursor", this.#cursor);
    try {
      const { conversations, nextCursor } = await get(`/api/conversations?${query}`);
      // Whoever types quickly is answered out of order; only the last question counts.
      if (number !== this.#asked) return;
      take(conversations);
      this.#cursor = nextCursor;
    } catch (error) {
      if (number === this.#asked) this.error = error;
    }
    if (number !== this.#asked) return;
    this.isLoading = false;
    this.changed();
  }

  /** How one is now, as told by the server; a new one goes to the top. */
  take(change) {
    const known = this.find(change.id);
    this.items = this.items.filter(({ id }) => id !== change.id);
    if (!change.deleted && (known || !this.question)) this.items.push({ ...known, ...change });
    this.items.sort((one, other) => (one.updatedAt < other.updatedAt ? 1 : -1));
    this.changed();
  }

  async rename(id, title) {
    this.take(await patch(path(id), { title }));
  }

  isHidden(id) {
    return this.#hidden.has(id);
  }

  hide(id) {
    this.#hidden.add(id);
    this.changed();
  }

  show(id) {
    this.#hidden.delete(id);
    this.changed();
  }

  /** `keepalive` lets it reach the server from a page that is being left. */
  async remove(id, keepalive = false) {
    if (keepalive) return void fetch(path(id), { method: "DELETE", keepalive: true });
    try {
      await remove(path(id));
    } catch (error) {
      if (error.status !== 404) return this.show(id), Promise.reject(error);
    }
    this.take({ id, deleted: true });
    this.#hidden.delete(id);
  }

  changed() {
    this.dispatchEvent(new Event("change"));
  }
}
