import { get, patch } from "../api.js";

const LIMIT = 100;
const path = (id) => `/api/conversations/${encodeURIComponent(id)}`;
let local = 0;

/** The branch of one conversation that is shown. Fires "change" when other messages are, "message" when one differs. */
export class Transcript extends EventTarget {
  conversation;
  messages = [];

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

  async load() {
    const [conversation, messages] = await Promise.all([get(path(this.id)), this.#all()]);
    this.conversation = conversation;
    this.messages = messages;
    this.changed();
  }

  async #all() {
    const found = [];
    let cursor = null;
    do {
      const query = new URLSearchParams({ limit: LIMIT, ...(cursor && { cursor }) });
      const page = await get(`${path(this.id)}/messages?${query}`);
      found.push(...page.messages);
      cursor = page.nextCursor;
    } while (cursor);
    return found;
  }

  /** Another of the messages with the same parent, with all that follows it. */
  async choose(siblingId) {
    await patch(path(this.id), { currentMessageId: siblingId });
    await this.load();
  }

  /** Shows at once what is being sent; the server's ids come with the first event. Answers how to take it back. */
  begin({ message, parentId, regenerate, carryOn }) {
    const before = this.messages;
    if (carryOn) {
      const carried = this.find(parentId);
      Object.assign(carried, { status: "streaming", error: null, before: { ...carried } });
      this.changed();
      return { reply: carried, undo: () => (Object.assign(carried, carried.before), this.changed()) };
    }
    const kept = parentId === undefined ? before : before.slice(0, this.#place(parentId));
    const replaced = before[kept.length];
    const added = regenerate ? [] : [made("user", { content: message, parentId: parentId ?? kept.at(-1)?.id ?? null })];
    const reply = made("assistant", { status: "streaming", parentId: regenerate ? parentId : added[0].id });
    const first = added[0] ?? reply;
    first.siblings = [...(parentId === undefined ? [] : (replaced?.siblings ?? [])), first.id];
    this.messages = [...kept, ...added, reply];
    this.changed();
    return { reply, asked: added[0], undo: () => ((this.messages = before), this.changed()) };
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
