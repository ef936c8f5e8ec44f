import { createParser } from "../../vendor/event-parser.js";
import { ApiError, refusal } from "../api.js";

// The server gives a sign of life every 15 seconds, so a longer silence is a dead line.
const SILENCE_MS = 30_000;
const WAITS_MS = [250, 500, 1_000, 2_000, 4_000];
// Until it is known that the question arrived, somebody is waiting for an answer to a click.
const TRIES_UNSENT = 4;

/**
 * One reply as it comes: asked for, read, and taken up again wherever the line broke.
 * Fires "meta", "text" (`detail` is the new text), "state" and, once, "end".
 */
export class Reply extends EventTarget {
  state = "sending";
  meta = null;
  usage = null;
  finishReason = null;
  error = null;
  streamId;
  requestId = null;
  text = "";
  #ask;
  #lastId = null;
  #line = null;
  #left = false;

  /** Either `ask` ({ body, key }), or the id of a stream that runs already. */
  constructor({ ask = null, streamId = null }) {
    super();
    this.#ask = ask;
    this.streamId = streamId;
    if (streamId) this.state = "running";
  }

  /** What was said to get it, if that was said here. */
  get message() {
    return this.#ask?.body.message;
  }

  get isOver() {
    return this.state === "ended";
  }

  /** Reads until the end. Never throws: how it went is in the state. */
  async run() {
    for (let failures = 0; !this.isOver && !this.#left; ) {
      const before = this.#lastId;
      try {
        await this.#read();
      } catch (cause) {
        if (cause instanceof ApiError && !mayPass(cause, this.streamId)) return this.#end({ error: cause });
      }
      if (this.isOver || this.#left) return;
      failures = this.#lastId === before ? failures + 1 : 1;
      if (!this.streamId && failures >= TRIES_UNSENT) return this.#end({ error: unsent() });
      this.#become(this.streamId ? "reconnecting" : "sending");
      await pause(WAITS_MS[Math.min(failures, WAITS_MS.length) - 1]);
    }
  }

  /** Hangs up, and leaves the reply to the server. */
  leave() {
    this.#left = true;
    this.#line?.abort();
  }

  async #read() {
    const line = (this.#line = new AbortController());
    let silence;
    const alive = () => {
      clearTimeout(silence);
      silence = setTimeout(() => line.abort(), SILENCE_MS);
    };
    try {
      alive();
      const answer = await fetch(...this.#request(line.signal));
      this.requestId = answer.headers.get("X-Request-ID");
      if (answer.status === 204) return this.#end({});
      if (!answer.ok) throw await refusal(answer);
      this.streamId ??= answer.headers.get("X-Stream-Id");
      for await (const event of events(answer.body, alive)) this.#take(event);
    } finally {
      clearTimeout(silence);
    }
  }

  #request(signal) {
    const headers = { Accept: "text/event-stream" };
    const options = { credentials: "same-origin", cache: "no-store", headers, signal };
    if (!this.streamId) {
      Object.assign(headers, { "Content-Type": "application/json", "Idempotency-Key": this.#ask.key });
      return ["/api/chat", { ...options, method: "POST", body: JSON.stringify(this.#ask.body) }];
    }
    if (this.#lastId !== null) headers["Last-Event-ID"] = this.#lastId;
    return [`/api/chat/streams/${encodeURIComponent(this.streamId)}`, options];
  }

  #take({ id, event, data }) {
    this.#lastId = id;
    this.#become("running");
    if (event === "meta") {
      this.meta = data;
      this.streamId = data.streamId;
      this.dispatchEvent(new CustomEvent("meta", { detail: data }));
    } else if (event === "answer" && data.content) {
      this.text += data.content;
      this.dispatchEvent(new CustomEvent("text", { detail: data.content }));
    } else if (event === "usage") this.usage = data;
    else if (event === "done") this.#end({ finishReason: data.finishReason });
    else if (event === "error") this.#end({ error: failure(data, this.requestId) });
  }

  #become(state) {
    if (this.state === state || this.isOver) return;
    this.state = state;
    this.dispatchEvent(new Event("state"));
  }

  #end({ finishReason = null, error = null }) {
    Object.assign(this, { finishReason, error });
    this.#become("ended");
    this.dispatchEvent(new Event("end"));
  }
}

const failure = (data, requestId) =>
  new ApiError(data.error, { status: data.status ?? 500, code: data.code, requestId: data.requestId ?? requestId, body: data });

const unsent = () =>
  new ApiError("Your message could not be sent. Check your connection and try again.", { code: "network_failed" });

/** Whether it is worth another try by itself: the reply goes on without us, but a refused question was refused. */
const mayPass = (error, streamId) => streamId !== null && (error.status === 429 || error.status >= 500);

/** Waits, or until the browser is online again. */
function pause(milliseconds) {
  return new Promise((resume) => {
    const timer = setTimeout(resume, milliseconds);
    addEventListener("online", () => (clearTimeout(timer), resume()), { once: true });
  });
}

/**
 * The events of a body as they come: `{ id, event, data }`, with the data read as JSON.
 * `onBytes` hears of everything that arrives, also of the comments that only say the other side is alive.
 */
export async function* events(body, onBytes = () => {}) {
  const ready = [];
  const parser = createParser({
    onEvent: ({ id, event, data }) => ready.push({ id, event, data: JSON.parse(data) }),
  });
  const decoder = new TextDecoder();
  const reader = body.getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      onBytes();
      parser.feed(decoder.decode(value, { stream: true }));
      yield* ready.splice(0);
    }
  } finally {
    // Whoever has heard enough hangs up; if the line is dead already, there is nothing to hang up.
    reader.cancel().catch(() => {});
  }
}
