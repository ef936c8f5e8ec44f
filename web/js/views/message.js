import { $, $$, clone, element } from "../dom.js";
import { balance } from "../format.js";
import { MarkdownView } from "../markdown/view.js";
import { troubleOf } from "./trouble.js";

const ENDINGS = {
  stopped: "Stopped. What was written until then is kept and charged.",
  length: "This answer reached its greatest length.",
  balance: "Your balance ended here, and the answer with it.",
  content_filter: "The model's own filter ended this answer.",
};
const CONTINUABLE = new Set(["stopped", "failed", "interrupted"]);

/** One message on the page. It is told what changed, and changes no more than that. */
export class MessageView {
  #message;
  #markdown = null;
  #painting = 0;
  node;

  constructor(message) {
    this.#message = message;
    this.node = clone(`${message.role}-message`);
    this.update();
  }

  get message() {
    return this.#message;
  }

  /** What the reply has grown by is painted with the next frame, however many pieces it came in. */
  grow(painted) {
    if (this.#painting) return;
    this.#painting = requestAnimationFrame(() => {
      this.#painting = 0;
      this.#write();
      painted();
    });
  }

  update(state) {
    const { role, status } = this.#message;
    this.node.dataset.id = this.#message.id;
    this.node.dataset.status = status;
    this.#write();
    if (role === "assistant") this.#updateReply(state);
    this.#updateBranches();
    $(".message-tools", this.node).hidden = status === "streaming" || this.#message.id.startsWith("local-");
  }

  #updateReply(state) {
    const { content, error, status, usage } = this.#message;
    const isLive = status === "streaming";
    const waiting = $(".waiting", this.node);
    waiting.hidden = !isLive || (content !== "" && state !== "reconnecting");
    $("span", waiting).textContent = state === "reconnecting" ? "Connecting again…" : "Thinking…";
    const cost = $("[data-action=receipt]", this.node);
    cost.hidden = !usage?.tokensUsed;
    if (usage?.tokensUsed) cost.textContent = balance(usage.tokensUsed);
    $("[data-action=continue]", this.node).hidden = !canContinue(this.#message);
    $(".notes", this.node).replaceChildren(
      ...[!isLive && noteOf(this.#message), !isLive && error && troubleOf(error, usage?.tokensUsed ?? 0)].filter(Boolean),
    );
  }

  #updateBranches() {
    const { id, siblings } = this.#message;
    const place = siblings.indexOf(id);
    const branches = $(".branches", this.node);
    branches.hidden = siblings.length < 2;
    $("span", branches).textContent = `${place + 1}/${siblings.length}`;
    const [previous, next] = $$("button", branches);
    previous.disabled = place <= 0;
    next.disabled = place >= siblings.length - 1;
  }

  #write() {
    const { content, role, status } = this.#message;
    if (role === "user") return void ($(".bubble", this.node).textContent = content);
    const root = $(".markdown", this.node);
    if (this.#markdown && !content.startsWith(this.#markdown.text)) this.#markdown = null;
    if (!this.#markdown) {
      root.replaceChildren();
      this.#markdown = new MarkdownView(root);
    }
    const more = content.slice(this.#markdown.text.length);
    if (more) this.#markdown.append(more);
    if (status !== "streaming") this.#markdown.end();
  }
}

export const canContinue = ({ status, finishReason }) =>
  CONTINUABLE.has(status) || finishReason === "length" || finishReason === "balance";

function noteOf({ status, finishReason, usage, content, error }) {
  const parts = [];
  if (status === "interrupted") parts.push("This answer was interrupted. What had arrived is kept.");
  else if (status === "failed" && content && !error) parts.push("This answer broke off. What had arrived is kept.");
  else if (ENDINGS[finishReason]) parts.push(ENDINGS[finishReason]);
  if (usage?.cached) parts.push("Answered from memory, free of charge.");
  const others = (usage?.attempts ?? []).filter(({ outcome }) => !["answered", "answering"].includes(outcome));
  if (others.length && status === "complete") parts.push(`Another model stepped in: ${usage.model}.`);
  if (!parts.length) return null;
  const note = element("p", { class: "note" }, parts.join(" "));
  if (finishReason === "balance") note.append(" ", element("a", { href: "/billing" }, "Get tokens"));
  return note;
}
