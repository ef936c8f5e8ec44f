import { get, remove } from "../api.js";
import { Reply } from "./reply.js";
import { Transcript } from "./transcript.js";

const LOOK_AGAIN_MS = 300;

/**
 * Which conversation is open, which replies are running, and what is being sent. The one place that knows all three.
 * Fires "open", "running", "confirmed", "ended" and "refused"; the latter's `detail` is what was not sent, and why.
 * While the open conversation could not be loaded it is loading still: nothing is sent to what cannot be seen.
 */
export class Chat extends EventTarget {
  transcript = new Transcript();
  isLoading = false;
  /** Of every conversation in which one runs, the stream: here or in another tab. */
  running = new Map();
  #replies = new Map();
  #over = new Set();
  #drafts;
  #looking = null;
  #again;

  constructor(drafts) {
    super();
    this.#drafts = drafts;
  }

  /** Opens a conversation, perhaps at one of its messages, or an empty page; what runs elsewhere goes on running. */
  async open(id, messageId = null) {
    const kept = [...this.#replies.keys()].find((each) => each.id === id && id);
    const transcript = kept ?? new Transcript(id);
    this.transcript = transcript;
    this.isLoading = Boolean(id) && (!kept || Boolean(messageId));
    this.#fire("open");
    if (this.isLoading) await this.load(messageId, !kept);
  }

  /** Reads the open conversation, for the first time or because that failed before. */
  async load(messageId = null, isUnread = true) {
    const { transcript } = this;
    if (isUnread) await Promise.all([transcript.load(), this.lookForRunning()]);
    if (messageId) await transcript.reach(messageId).catch(() => {});
    if (this.transcript !== transcript) return;
    this.rejoin();
    this.isLoading = false;
    this.#fire("open", { messageId });
  }

  /** The open conversation as it has become elsewhere, without taking it from the reader's eyes. */
  async refresh() {
    const { transcript } = this;
    if (this.isLoading || this.#replies.has(transcript)) return;
    await Promise.all([transcript.load(), this.lookForRunning()]).catch(() => {});
    if (this.transcript === transcript) this.rejoin();
  }

  replyOf(transcript = this.transcript) {
    return this.#replies.get(transcript)?.reply;
  }

  /** Whether that message is on its way to that conversation; until it is known to have arrived, a draft keeps it. */
  isSending(message, id) {
    return [...this.#replies].some(([each, { reply }]) => each.id === id && !reply.streamId && reply.message === message);
  }

  /** Sends a message, or asks for another reply, or for more of one. Answers the reply that is to come. */
  send({ message, parentId, regenerate, carryOn, model }) {
    const transcript = this.transcript;
    if (this.#replies.has(transcript)) return null;
    const body = {
      ...(message !== undefined && { message }),
      ...(transcript.id && { conversationId: transcript.id }),
      ...(parentId !== undefined && { parentId }),
      ...(regenerate && { regenerate }),
      ...(carryOn && { continue: true }),
      ...(model && { model }),
    };
    const isNew = message !== undefined && parentId === undefined;
    const place = isNew ? transcript.id : `${transcript.id}.${carryOn ? "continue" : regenerate ? "again" : "edit"}`;
    const key = this.#drafts.keyFor(place, body);
    const begun = transcript.begin({ message, parentId, regenerate, carryOn });
    const reply = new Reply({ ask: { body, key } });
    const sent = { message, parentId, regenerate, carryOn, isNew };
    reply.addEventListener("meta", ({ detail }) => {
      this.#drafts.arrived(place, message);
      transcript.confirm(begun, detail);
      this.#fire("confirmed", { transcript, created: detail.created });
      this.#mark(detail.conversationId, detail.streamId);
    });
    this.#follow(transcript, begun.reply, reply, () => {
      if (reply.meta) return false;
      begun.undo();
      this.#fire("refused", { transcript, sent, error: reply.error });
      return true;
    });
    return reply;
  }

  async stop() {
    const reply = this.replyOf();
    // It may not even have arrived; once it has, it is stopped.
    if (reply && !reply.streamId && !reply.isOver) {
      await new Promise((resume) => ["meta", "end"].forEach((name) => reply.addEventListener(name, resume, { once: true })));
    }
    const streamId = reply?.streamId ?? this.running.get(this.transcript.id);
    if (streamId) await remove(`/api/chat/streams/${encodeURIComponent(streamId)}`);
  }

  /** Follows the reply that runs in the open conversation, when this tab does not yet. */
  rejoin() {
    const { transcript } = this;
    const streamId = this.running.get(transcript.id);
    const message = transcript.tip;
    if (this.#replies.has(transcript) || message?.status !== "streaming") return;
    if (!streamId) return this.#lookAgain(transcript);
    const known = message.content;
    const isCarried = message.usage !== null;
    if (!isCarried) message.content = "";
    const reply = new Reply({ streamId });
    this.#follow(transcript, message, reply, () => false, (text) => (isCarried ? joined(known, text) : text));
  }

  /** It ended between the look at the messages and the look at the streams, or is about to be ended by the server. */
  #lookAgain(transcript) {
    clearTimeout(this.#again);
    this.#again = setTimeout(() => {
      if (this.transcript === transcript && transcript.tip?.status === "streaming") this.refresh();
    }, LOOK_AGAIN_MS);
  }

  /** Asks which replies run, soon and once, however often it is called. */
  lookForRunning() {
    this.#looking ??= new Promise((resume) => setTimeout(resume, this.isLoading ? 0 : LOOK_AGAIN_MS))
      .then(() => ((this.#looking = null), get("/api/chat/streams")))
      .then(({ streams }) => {
        // One that has ended here may still run in an answer that was on its way.
        const those = streams.filter(({ streamId }) => !this.#over.has(streamId));
        this.running = new Map(those.map(({ conversationId, streamId }) => [conversationId, streamId]));
        for (const [transcript, { reply }] of this.#replies) {
          if (transcript.id && reply.streamId) this.running.set(transcript.id, reply.streamId);
        }
        this.#fire("running");
      })
      .catch(() => {});
    return this.#looking;
  }

  #follow(transcript, message, reply, isUnsent, whole) {
    const before = message.content;
    this.#replies.set(transcript, { reply, message });
    reply.addEventListener("text", () => {
      message.content = whole ? whole(reply.text) : before + reply.text;
      transcript.dispatchEvent(new CustomEvent("grew", { detail: message }));
    });
    reply.addEventListener("state", () => transcript.touch(message));
    reply.addEventListener("end", () => {
      this.#replies.delete(transcript);
      this.#over.add(reply.streamId);
      const wasSent = !isUnsent();
      if (wasSent) settle(message, reply);
      this.#mark(transcript.id, null);
      if (!wasSent) return;
      transcript.touch(message);
      this.#fire("ended", { transcript, message, reply });
    });
    this.#fire("running");
    reply.run();
  }

  #mark(conversationId, streamId) {
    if (streamId) this.running.set(conversationId, streamId);
    else this.running.delete(conversationId);
    this.#fire("running");
  }

  #fire(name, detail) {
    this.dispatchEvent(new CustomEvent(name, { detail }));
  }
}

function settle(message, { finishReason, error, usage, text }) {
  message.status = error ? "failed" : finishReason === "stopped" ? "stopped" : "complete";
  message.finishReason = finishReason;
  message.usage = usage ?? (text ? message.usage : null);
  message.error = error;
}

/** A reply that is carried on: what was stored of it may end with the beginning of what is read again. */
export function joined(known, text) {
  for (let length = Math.min(known.length, text.length); length > 0; length -= 1) {
    if (known.endsWith(text.slice(0, length))) return known + text.slice(length);
  }
  return known + text;
}
