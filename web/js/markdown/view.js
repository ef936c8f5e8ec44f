import DOMPurify from "../../vendor/purify.js";
import { element } from "../dom.js";
import { Tail, html, lex } from "./reading.js";

const ALLOWED = {
  ALLOWED_TAGS: [
    ..."p h3 ul ol li blockquote pre code em strong del a br hr span".split(" "),
    ..."table thead tbody tr th td".split(" "),
  ],
  ALLOWED_ATTR: ["href", "title", "class", "start", "align", "role", "aria-label"],
  ALLOWED_URI_REGEXP: /^(?:https?:|mailto:)/i,
  // These hold no address, so the rule for addresses is not for them.
  ADD_URI_SAFE_ATTR: ["align", "start", "aria-label"],
  ALLOW_ARIA_ATTR: false,
  ALLOW_DATA_ATTR: false,
  RETURN_DOM_FRAGMENT: true,
};
const CLASSES = /^(?:language-[\w#+.-]{1,30}|math|math display|task|depth-[1-6]|hljs-[\w -]+)$/;

DOMPurify.addHook("afterSanitizeAttributes", (node) => {
  if (node.hasAttribute("class") && !CLASSES.test(node.getAttribute("class"))) node.removeAttribute("class");
  if (node.localName === "a") {
    node.setAttribute("target", "_blank");
    node.setAttribute("rel", "noopener noreferrer nofollow");
  }
});

/** The only way from a string to elements on any page of ours. */
export const sanitised = (html) => DOMPurify.sanitize(html, ALLOWED);

/** A text in Markdown in an element, whole or as it grows. */
export class MarkdownView {
  #root;
  #tail = new Tail(lex);
  #open = [];
  #said = [];
  #isEnded = false;

  constructor(root) {
    this.#root = root;
  }

  get text() {
    return this.#tail.text;
  }

  append(more) {
    if (this.#isEnded) return this.#restart(this.text + more);
    const { final, open } = this.#tail.push(more);
    if (!final.length && this.#grewInPlace(open)) return;
    for (const node of this.#open) node.remove();
    if (final.length) this.#place(final, open.links, true);
    this.#open = this.#place(open, open.links, false);
  }

  /** Reads all of it once more, which mends what a later line changed in an earlier one. */
  end() {
    if (this.#isEnded) return;
    this.#isEnded = true;
    const tokens = lex(this.#tail.text);
    const whole = html(tokens);
    for (const node of this.#open) node.remove();
    const rest = whole.startsWith(this.#said.join("")) ? whole.slice(this.#said.join("").length) : null;
    if (rest === null) this.#root.replaceChildren();
    this.#root.append(prepared(rest ?? whole, true));
    this.#open = [];
  }

  /** A text that is carried on may change what seemed to be its end. */
  #restart(text) {
    this.#tail = new Tail(lex);
    this.#said = [];
    this.#open = [];
    this.#isEnded = false;
    this.#root.replaceChildren();
    this.append(text);
  }

  #place(tokens, links, final) {
    const made = html(Object.assign(tokens, { links }));
    if (final) this.#said.push(made);
    const fragment = prepared(made, final);
    const nodes = [...fragment.childNodes];
    this.#root.append(fragment);
    return nodes;
  }

  /** A long block of code only gets more text; to make all of it anew each time would be felt. */
  #grewInPlace(open) {
    const [token, ...others] = open.filter(({ type }) => type !== "space");
    const figures = this.#open.filter((node) => node.nodeType === Node.ELEMENT_NODE);
    if (token?.type !== "code" || others.length || figures.length !== 1) return false;
    const code = figures[0].matches("figure.code") && figures[0].querySelector("pre code");
    if (!code || !token.text.startsWith(code.textContent.replace(/\n$/, ""))) return false;
    code.textContent = `${token.text}\n`;
    return true;
  }
}

function prepared(source, final) {
  const fragment = sanitised(source);
  const blocks = [...fragment.querySelectorAll("pre")].map(framed);
  for (const table of fragment.querySelectorAll("table")) {
    const frame = element("div", { class: "table", tabindex: "0", role: "group", "aria-label": "Table" });
    table.replaceWith(frame);
    frame.append(table);
  }
  // Each block reads from the side that its own first letter tells; code always from the left.
  for (const block of fragment.children) block.dir = block.matches(".code") ? "ltr" : "auto";
  const formulas = [...fragment.querySelectorAll(".math")];
  if (final && (blocks.length || formulas.length)) finish(blocks, formulas);
  return fragment;
}

/** Colours and formulas come later; without a network what is there stays as it is. */
async function finish(blocks, formulas) {
  const { finishCode, setMath } = await import("./finish.js").catch(() => ({}));
  for (const block of blocks) finishCode?.(block, sanitised);
  setMath?.(formulas);
}

/** A block of code says what language it is in, and has room for the button that comes later. */
function framed(pre) {
  const language = /language-(\S+)/.exec(pre.firstElementChild.className)?.[1] ?? "";
  const figure = element("figure", { class: "code" });
  pre.replaceWith(figure);
  pre.tabIndex = 0;
  figure.append(element("figcaption", {}, element("span", {}, language || "text")), pre);
  return figure;
}
