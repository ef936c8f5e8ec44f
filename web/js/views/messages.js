import { $, $$, arrange, clone, element } from "../dom.js";
import { balance } from "../format.js";
import { MarkdownView } from "../markdown/view.js";
import { Follow } from "../models/transcript.js";
import { troubleOf } from "./notices.js";

const SHOWN = 30;
const BEFORE = 8;

/** The messages of the open conversation: its end first, or where a search found something; more as the reader goes. */
export class MessagesView {
  #root;
  #scroller;
  #jump;
  #earlier = element("div", { class: "earlier" });
  #later = element("div", { class: "earlier" });
  #nearing;
  #follow = new Follow();
  #views = new Map();
  #transcript = null;
  // Of its messages those from the first up to the end are on the page.
  #first = 0;
  #end = 0;
  #listening = null;

  constructor({ root, scroller, jump }) {
    this.#root = root;
    this.#scroller = scroller;
    this.#jump = jump;
    scroller.addEventListener("scroll", () => this.#scrolled(), { passive: true });
    jump.addEventListener("click", () => this.toEnd());
    this.#nearing = new IntersectionObserver((seen) => this.#near(seen), { root: scroller, rootMargin: "1200px 0px" });
    // Formulas, colours and fonts come late and make the page longer; a keyboard or a long draft takes of its room.
    const growing = new ResizeObserver(() => this.#keepUp());
    for (const each of [root, scroller]) growing.observe(each);
  }

  show(transcript) {
    this.#listening?.abort();
    this.#listening = new AbortController();
    const options = { signal: this.#listening.signal };
    this.#transcript = transcript;
    this.#views = new Map();
    this.#first = this.#end = 0;
    transcript.addEventListener("change", () => this.#changed(), options);
    transcript.addEventListener("earlier", ({ detail }) => this.#moved(detail), options);
    transcript.addEventListener("message", ({ detail }) => this.#touched(detail), options);
    transcript.addEventListener("grew", ({ detail }) => this.#views.get(detail)?.grow(() => this.#keepUp()), options);
    this.toEnd();
  }

  /** The state of the reply that runs, for the words in the place where it will stand. */
  stateOf = () => undefined;

  viewOf(node) {
    const article = node.closest("article");
    return [...this.#views.values()].find((view) => view.node === article);
  }

  toEnd() {
    const { length } = this.#transcript.messages;
    this.#follow.on = true;
    if (this.#end < length || length === 0) this.#render(length - SHOWN, length);
    this.#keepUp();
  }

  /** Shows that message with what is around it. */
  toMessage(id) {
    const { messages } = this.#transcript;
    const at = messages.findIndex((each) => each.id === id);
    if (at < 0) return;
    this.#follow.on = false;
    if (at < this.#first || at >= this.#end) this.#render(at - BEFORE, Math.min(messages.length, at - BEFORE + SHOWN));
    const { node } = this.#views.get(messages[at]);
    node.scrollIntoView({ block: "start" });
    node.classList.add("found");
    node.addEventListener("animationend", () => node.classList.remove("found"), { once: true });
    this.#scrolled();
  }

  /** Whoever reads the end goes on reading it; whoever reads elsewhere stays there. */
  #changed() {
    const { length } = this.#transcript.messages;
    const isNew = ![...this.#views.keys()].some((message) => this.#transcript.messages.includes(message));
    if (isNew) return this.#render(length - SHOWN, length), this.#keepUp();
    this.#render(this.#first, this.#isAtEnd || this.#end > length ? length : this.#end);
    this.#keepUp();
  }

  #moved(count) {
    this.#first += count;
    this.#end += count;
    this.#mark();
  }

  get #isAtEnd() {
    return this.#later.parentNode === null;
  }

  #render(first, end) {
    this.#first = Math.max(0, Math.min(first, end - 1));
    this.#end = end;
    const shown = this.#transcript.messages.slice(this.#first, end);
    this.#views = new Map(shown.map((message) => [message, this.#views.get(message) ?? this.#viewFor(message)]));
    const nodes = [...this.#views.values()].map(({ node }) => node);
    arrange(this.#root, nodes);
    this.#mark();
  }

  #viewFor(message) {
    const view = new MessageView(message);
    if (message.status === "streaming") view.update(this.stateOf(message));
    return view;
  }

  /** Puts a mark where more begins. One that is seen only then is news to the observer, so it is watched anew. */
  #mark() {
    const { hasEarlier, messages } = this.#transcript;
    this.#nearing.disconnect();
    if (this.#first > 0 || hasEarlier) this.#root.prepend(this.#earlier);
    else this.#earlier.remove();
    if (this.#end < messages.length) this.#root.append(this.#later);
    else this.#later.remove();
    for (const mark of [this.#earlier, this.#later]) if (mark.parentNode) this.#nearing.observe(mark);
  }

  #near(seen) {
    const isSeen = (mark) => seen.some(({ isIntersecting, target }) => isIntersecting && target === mark);
    if (isSeen(this.#later)) {
      const { length } = this.#transcript.messages;
      this.#render(this.#first, Math.min(length, this.#end + SHOWN));
    }
    if (!isSeen(this.#earlier)) return;
    if (this.#first > 0) this.#showEarlier();
    else this.#transcript.earlier().catch(() => {});
  }

  #showEarlier() {
    const { scrollHeight, scrollTop } = this.#scroller;
    this.#render(this.#first - SHOWN, this.#end);
    if (!this.#follow.on) this.#scroller.scrollTop = scrollTop + this.#scroller.scrollHeight - scrollHeight;
  }

  #touched(message) {
    this.#views.get(message)?.update(this.stateOf(message));
    this.#keepUp();
  }

  #keepUp() {
    if (this.#follow.on && this.#isAtEnd) this.#scroller.scrollTop = this.#scroller.scrollHeight;
    this.#scrolled();
  }

  #scrolled() {
    const isFollowing = this.#follow.scrolled(this.#scroller);
    if (!this.#isAtEnd) this.#follow.on = false;
    this.#jump.hidden = isFollowing && this.#isAtEnd;
  }
}

const CONTINUABLE = new Set(["stopped", "failed", "interrupted"]);

/** One message on the page. It is told what changed, and changes no more than that. */
class MessageView {
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
    $(".waiting", this.node).hidden = true;
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
    const trouble = !isLive && error ? [troubleOf(error, usage?.tokensUsed ?? 0)] : [];
    $(".notes", this.node).replaceChildren(...trouble);
    if (!isLive && hasNote(this.#message)) this.#note();
  }

  async #note() {
    const { noteOf } = await import("./notes.js");
    const notes = $(".notes", this.node);
    const isNoted = this.#message.status === "streaming" || notes.querySelector(".note");
    if (!isNoted) notes.prepend(...noteOf(this.#message));
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

const canContinue = ({ status, finishReason }) =>
  CONTINUABLE.has(status) || finishReason === "length" || finishReason === "balance";

/** Whether there is more to say of how it ended than most replies need. */
const hasNote = ({ status, finishReason, usage }) =>
  status !== "complete" || finishReason !== "stop" || usage?.cached || usage?.attempts?.length > 1;
