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

const DAY_MS = 86_400_000;
const month = new Intl.DateTimeFormat("en", { month: "long", year: "numeric" });

const midnight = (time) => new Date(time.getFullYear(), time.getMonth(), time.getDate());

/** Under which heading a conversation of that time stands. */
function dayGroup(isoTime, now = new Date()) {
  const time = new Date(isoTime);
  const days = Math.round((midnight(now) - midnight(time)) / DAY_MS);
  if (days <= 0) return "Today";
  if (days === 1) return "Yesterday";
  if (days < 8) return "Last 7 days";
  if (days < 31) return "Last 30 days";
  return month.format(time);
}

/** `[heading, conversations]` in the order they come. */
export function grouped(conversations, now = new Date()) {
  const groups = new Map();
  for (const each of conversations) {
    const heading = dayGroup(each.updatedAt, now);
    if (!groups.has(heading)) groups.set(heading, []);
    groups.get(heading).push(each);
  }
  return [...groups];
}

/**
 * What somebody was about to say, per person and conversation, until it has been said.
 *
 * A message that was sent but not confirmed keeps its key: sent again unchanged, it is the same message and costs once.
 */
const CHARS_MAX = 20_000;
const KEPT_MAX = 50;

export class Drafts {
  #storage;
  #prefix;

  constructor(userId, storage) {
    this.#storage = storage;
    this.#prefix = `prome.draft.${userId}.`;
  }

  text(conversationId) {
    return this.#read(conversationId).text ?? "";
  }

  keep(conversationId, text) {
    if (!text.trim()) return this.clear(conversationId);
    const { sent } = this.#read(conversationId);
    this.#write(conversationId, { text: text.slice(0, CHARS_MAX), sent, at: Date.now() });
  }

  /** What arrived is no draft any more; what was typed since then is one. */
  arrived(conversationId, message = "") {
    const { text = "" } = this.#read(conversationId);
    if (!text || text === message.slice(0, CHARS_MAX)) this.clear(conversationId);
    else this.#write(conversationId, { text, at: Date.now() });
  }

  /** The key for sending this body: the one it was sent with before, or a new one. */
  keyFor(conversationId, body, newKey = () => crypto.randomUUID()) {
    const draft = this.#read(conversationId);
    const asked = JSON.stringify(body);
    const key = draft.sent?.asked === asked ? draft.sent.key : newKey();
    const text = body.message ?? draft.text ?? "";
    this.#write(conversationId, { text: text.slice(0, CHARS_MAX), sent: { asked, key }, at: Date.now() });
    return key;
  }

  /** The body that was sent from there and is not known to have arrived. */
  unsent(conversationId) {
    const { sent } = this.#read(conversationId);
    return sent ? JSON.parse(sent.asked) : null;
  }

  clear(conversationId) {
    this.#storage.remember(this.#name(conversationId), null);
  }

  #name(conversationId) {
    return this.#prefix + (conversationId ?? "new");
  }

  #read(conversationId) {
    try {
      return JSON.parse(this.#storage.recall(this.#name(conversationId))) ?? {};
    } catch {
      return {};
    }
  }

  #write(conversationId, draft) {
    this.#storage.remember(this.#name(conversationId), JSON.stringify(draft));
    this.#dropOldest();
  }

  #dropOldest() {
    const names = this.#storage.names().filter((name) => name.startsWith(this.#prefix));
    if (names.length <= KEPT_MAX) return;
    const at = (name) => JSON.parse(this.#storage.recall(name) ?? "{}")?.at ?? 0;
    const oldest = names.sort((one, other) => at(one) - at(other)).slice(0, names.length - KEPT_MAX);
    for (const name of oldest) this.#storage.remember(name, null);
  }
}
