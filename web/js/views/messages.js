import { element } from "../dom.js";
import { Follow } from "../models/follow.js";
import { MessageView } from "./message.js";

const SHOWN = 30;

/** The messages of the open conversation: the last ones first, earlier ones as the reader comes to them. */
export class MessagesView {
  #root;
  #scroller;
  #jump;
  #earlier;
  #follow = new Follow();
  #views = new Map();
  #transcript = null;
  #first = 0;
  #listening = null;

  constructor({ root, scroller, jump }) {
    this.#root = root;
    this.#scroller = scroller;
    this.#jump = jump;
    this.#earlier = element("div", { class: "earlier" });
    scroller.addEventListener("scroll", () => this.#scrolled(), { passive: true });
    jump.addEventListener("click", () => this.toEnd());
    new IntersectionObserver((seen) => seen.some((each) => each.isIntersecting) && this.#showEarlier(), {
      root: scroller,
      rootMargin: "600px 0px 0px",
    }).observe(this.#earlier);
    // Formulas, colours and fonts come late and make the page longer.
    new ResizeObserver(() => this.#keepUp()).observe(root);
  }

  show(transcript) {
    this.#listening?.abort();
    this.#listening = new AbortController();
    const options = { signal: this.#listening.signal };
    this.#transcript = transcript;
    this.#views = new Map();
    transcript.addEventListener("change", () => this.#render(), options);
    transcript.addEventListener("message", ({ detail }) => this.#touched(detail), options);
    transcript.addEventListener("grew", ({ detail }) => this.#views.get(detail)?.grow(() => this.#keepUp()), options);
    this.#first = Math.max(0, transcript.messages.length - SHOWN);
    this.#render();
    this.toEnd();
  }

  /** The state of the reply that runs, for the words in the place where it will stand. */
  stateOf = () => undefined;

  viewOf(node) {
    const article = node.closest("article");
    return [...this.#views.values()].find((view) => view.node === article);
  }

  toEnd() {
    this.#follow.on = true;
    this.#keepUp();
  }

  #render() {
    const { messages } = this.#transcript;
    this.#first = Math.max(0, Math.min(this.#first, messages.length - 1));
    const shown = messages.slice(this.#first);
    const views = new Map(shown.map((message) => [message, this.#views.get(message) ?? new MessageView(message)]));
    for (const [message, view] of views) if (this.#views.has(message)) view.update(this.stateOf(message));
    this.#views = views;
    const nodes = [...views.values()].map(({ node }) => node);
    if (this.#first > 0) nodes.unshift(this.#earlier);
    this.#root.replaceChildren(...nodes);
    this.#keepUp();
  }

  #touched(message) {
    this.#views.get(message)?.update(this.stateOf(message));
    this.#keepUp();
  }

  #showEarlier() {
    if (this.#first === 0) return;
    const { scrollHeight, scrollTop } = this.#scroller;
    const from = Math.max(0, this.#first - SHOWN);
    const added = this.#transcript.messages.slice(from, this.#first).map((message) => [message, new MessageView(message)]);
    this.#first = from;
    this.#views = new Map([...added, ...this.#views]);
    this.#earlier.after(...added.map(([, { node }]) => node));
    if (from === 0) this.#earlier.remove();
    if (!this.#follow.on) this.#scroller.scrollTop = scrollTop + this.#scroller.scrollHeight - scrollHeight;
  }

  #keepUp() {
    if (this.#follow.on) this.#scroller.scrollTop = this.#scroller.scrollHeight;
    this.#scrolled();
  }

  #scrolled() {
    this.#jump.hidden = this.#follow.scrolled(this.#scroller);
  }
}

