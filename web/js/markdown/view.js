import { element } from "../dom.js";
import { colour, framed } from "./code.js";
import { setMath } from "./math.js";
import { html, lex } from "./rules.js";
import { sanitised } from "./sanitise.js";
import { Tail } from "./tail.js";

/** A text in Markdown in an element, whole or as it grows. */
export class MarkdownView {
  #root;
  #tail = new Tail(lex);
  #open = [];
  #said = [];

  constructor(root) {
    this.#root = root;
  }

  get text() {
    return this.#tail.text;
  }

  append(more) {
    const { final, open } = this.#tail.push(more);
    if (!final.length && this.#grewInPlace(open)) return;
    for (const node of this.#open) node.remove();
    if (final.length) this.#place(final, open.links, true);
    this.#open = this.#place(open, open.links, false);
  }

  /** Reads all of it once more, which mends what a later line changed in an earlier one. */
  end() {
    const tokens = lex(this.#tail.text);
    const whole = html(tokens);
    for (const node of this.#open) node.remove();
    const rest = whole.startsWith(this.#said.join("")) ? whole.slice(this.#said.join("").length) : null;
    if (rest === null) this.#root.replaceChildren();
    this.#root.append(prepared(rest ?? whole, true));
    this.#open = [];
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
  for (const pre of fragment.querySelectorAll("pre")) {
    const code = framed(pre);
    if (final) colour(code);
  }
  for (const table of fragment.querySelectorAll("table")) {
    const frame = element("div", { class: "table", tabindex: "0", role: "group", "aria-label": "Table" });
    table.replaceWith(frame);
    frame.append(table);
  }
  if (final) setMath([...fragment.querySelectorAll(".math")]);
  return fragment;
}
