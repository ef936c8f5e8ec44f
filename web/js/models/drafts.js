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

  /** The key for sending this body: the one it was sent with before, or a new one. */
  keyFor(conversationId, body, newKey = () => crypto.randomUUID()) {
    const draft = this.#read(conversationId);
    const asked = JSON.stringify(body);
    const key = draft.sent?.asked === asked ? draft.sent.key : newKey();
    const text = body.message ?? draft.text ?? "";
    this.#write(conversationId, { text: text.slice(0, CHARS_MAX), sent: { asked, key }, at: Date.now() });
    return key;
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
