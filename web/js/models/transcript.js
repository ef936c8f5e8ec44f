import { get, patch } from "../api.js";

const LIMIT = 50;
const LIMIT_MAX = 100;
const path = (id) => `/api/conversations/${encodeURIComponent(id)}`;
let local = 0;

/**
 * The branch of one conversation that is shown, from its end as far back as somebody wanted to read.
 * Fires "change" when other messages are shown, "earlier" (`detail` is how many) and "message" when one differs.
 */
export class Transcript extends EventTarget {
  conversation;
  messages = [];
  #cursor = null;
  #fetching = null;
  #begun = 0;

  /** Without an id it is one that has not begun. */
  constructor(id = null) {
    super();
    this.conversation = { id, title: "" };
  }

  get id() {
    return this.conversation.id;
  }

  get tip() {
    return this.messages.at(-1);
  }

  find(id) {
    return this.messages.find((each) => each.id === id);
  }

  get hasEarlier() {
    return this.#cursor !== null;
  }

  /** Its end as it is now. What is known already stays the same object, and what was read before it stays too. */
  async load() {
    const begun = this.#begun;
    const [conversation, page] = await Promise.all([get(path(this.id)), this.#page({ limit: LIMIT })]);
    // What is being sent meanwhile is not yet in the answer.
    if (this.#begun !== begun) return;
    const known = new Map(this.messages.map((message) => [message.id, message]));
    const found = page.messages.map((message) => Object.assign(known.get(message.id) ?? {}, message));
    const at = this.messages.indexOf(found[0]);
    this.conversation = conversation;
    this.messages = at < 0 ? found : [...this.messages.slice(0, at), ...found];
    if (at < 0) this.#cursor = page.nextCursor;
    this.changed();
    for (const message of found) if (known.has(message.id)) this.touch(message);
  }

  /** Reads on towards the beginning, once however often it is asked to. */
  earlier(limit = LIMIT_MAX) {
    this.#fetching ??= this.#fetchEarlier(limit).finally(() => (this.#fetching = null));
    return this.#fetching;
  }

  async #fetchEarlier(limit) {
    const cursor = this.#cursor;
    if (!cursor) return;
    const { messages, nextCursor } = await this.#page({ limit, cursor });
    // Another branch may have been chosen meanwhile.
    if (this.#cursor !== cursor) return;
    this.#cursor = nextCursor;
    this.messages = [...messages, ...this.messages];
    this.dispatchEvent(new CustomEvent("earlier", { detail: messages.length }));
  }

  async #page(query) {
    const page = await get(`${path(this.id)}/messages?${new URLSearchParams({ order: "newest", ...query })}`);
    return { ...page, messages: page.messages.reverse() };
  }

  /** Reads back until that message is there; if it is on another branch, that one is chosen. */
  async reach(id) {
    await this.#back(id);
    if (this.find(id)) return;
    await this.choose(id);
    await this.#back(id);
  }

  async #back(id) {
    while (!this.find(id) && this.hasEarlier) await this.earlier();
  }

  /** Another of the messages with the same parent, with all that follows it. */
  async choose(siblingId) {
    await patch(path(this.id), { currentMessageId: siblingId });
    await this.load();
  }

  /** Shows at once what is being sent; the server's ids come with the first event. Answers how to take it back. */
  begin({ message, parentId, regenerate, carryOn }) {
    this.#begun += 1;
    const before = this.messages;
    if (carryOn) {
      const carried = this.find(parentId);
      const was = { ...carried };
      Object.assign(carried, { status: "streaming", error: null });
      this.touch(carried);
      return { reply: carried, undo: () => (Object.assign(carried, was), this.touch(carried)) };
    }
    const { messages } = this;
    const kept = parentId === undefined ? messages : messages.slice(0, this.#place(parentId));
    const replaced = messages.slice(kept.length);
    const added = regenerate ? [] : [made("user", { content: message, parentId: parentId ?? kept.at(-1)?.id ?? null })];
    const reply = made("assistant", { status: "streaming", parentId: regenerate ? parentId : added[0].id });
    const first = added[0] ?? reply;
    first.siblings = [...(parentId === undefined ? [] : (replaced[0]?.siblings ?? [])), first.id];
    this.messages = [...kept, ...added, reply];
    this.changed();
    // More of what is earlier may have come meanwhile, so only the end is taken back.
    const undo = () => {
      this.messages = [...this.messages.slice(0, this.messages.indexOf(first)), ...replaced];
      this.changed();
    };
    return { reply, asked: added[0], undo };
  }

  #place(parentId) {
    return parentId === null ? 0 : this.messages.findIndex(({ id }) => id === parentId) + 1;
  }

  /** What was made up gets the ids by which the server knows it. */
  confirm({ asked, reply }, meta) {
    if (!this.id) this.conversation = { ...this.conversation, id: meta.conversationId };
    if (asked) rename(asked, meta.userMessageId);
    rename(reply, meta.messageId);
    if (asked) reply.parentId = asked.id;
    reply.model = meta.model;
    for (const message of [asked, reply]) if (message) this.touch(message);
  }

  touch(message) {
    this.dispatchEvent(new CustomEvent("message", { detail: message }));
  }

  changed() {
    this.dispatchEvent(new Event("change"));
  }
}

function made(role, values) {
  local += 1;
  const id = `local-${local}`;
  return { id, role, content: "", status: "complete", usage: null, model: null, siblings: [id], ...values };
}

function rename(message, id) {
  message.siblings = message.siblings.map((each) => (each === message.id ? id : each));
  message.id = id;
}

/** Whether the view keeps to the end of what grows. It yields as soon as the reader scrolls up, however little. */
const NEAR = 24;

export class Follow {
  on = true;
  #top = 0;
  #height = 0;
  #room = 0;

  /** After any scroll, by a hand or by us. A shorter page or a higher window moves the view too, and that was no hand. */
  scrolled({ scrollTop, scrollHeight, clientHeight }) {
    const isPushed = scrollHeight < this.#height || clientHeight > this.#room;
    if (scrollTop < this.#top - 1 && !isPushed) this.on = false;
    else if (scrollHeight - scrollTop - clientHeight <= NEAR) this.on = true;
    this.#top = scrollTop;
    this.#height = scrollHeight;
    this.#room = clientHeight;
    return this.on;
  }
}
