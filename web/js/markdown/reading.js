import { Marked } from "../../vendor/marked.js";

/** What model text may become. Its HTML is shown as text, and its pictures are links: to load one tells somebody. */

const escape = (text) =>
  text.replace(/[&<>"']/g, (sign) => ({ "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;" })[sign]);

const SAFE = /^(?:https?:|mailto:)/i;

function link(href, title, inside) {
  if (!SAFE.test(href.trim())) return inside;
  const more = title ? ` title="${escape(title)}"` : "";
  return `<a href="${escape(href.trim())}"${more}>${inside}</a>`;
}

const renderer = {
  html: ({ text, block }) => (block ? `<p>${escape(text)}</p>\n` : escape(text)),
  image: ({ href, title, text }) => link(href, title, escape(text || href)),
  link({ href, title, tokens }) {
    return link(href, title, this.parser.parseInline(tokens));
  },
  // Below the heading of its message. What a model calls a second level often comes first, and skips are worse.
  heading({ tokens, depth }) {
    return `<h3 class="depth-${depth}">${this.parser.parseInline(tokens)}</h3>\n`;
  },
  checkbox: ({ checked }) =>
    `<span class="task" role="img" aria-label="${checked ? "Done" : "To do"}">${checked ? "☑" : "☐"}</span> `,
  code({ text, lang }) {
    const name = /^[\w#+.-]{1,30}/.exec(lang ?? "")?.[0].toLowerCase() ?? "";
    return `<pre><code${name ? ` class="language-${escape(name)}"` : ""}>${escape(text)}\n</code></pre>\n`;
  },
};

const tex = (text, display) => `<span class="math${display ? " display" : ""}">${escape(text)}</span>`;

const blockMath = {
  name: "blockMath",
  level: "block",
  start: (text) => /\$\$|\\\[/.exec(text)?.index,
  tokenizer(text) {
    const found = /^ {0,3}(?:\$\$([^]+?)\$\$|\\\[([^]+?)\\\])[ \t]*(?:\n|$)/.exec(text);
    return found ? { type: "blockMath", raw: found[0], text: (found[1] ?? found[2]).trim() } : undefined;
  },
  renderer: ({ text }) => `<p>${tex(text, true)}</p>\n`,
};

const inlineMath = {
  name: "inlineMath",
  level: "inline",
  start: (text) => /\$\$|\\[([]/.exec(text)?.index,
  tokenizer(text) {
    const found = /^(?:\\\(([^]+?)\\\)|\\\[([^]+?)\\\]|\$\$([^]+?)\$\$)/.exec(text);
    if (!found) return undefined;
    return { type: "inlineMath", raw: found[0], text: (found[1] ?? found[2] ?? found[3]).trim(), display: !found[1] };
  },
  renderer: ({ text, display }) => tex(text, display),
};

const marked = new Marked({ gfm: true, breaks: false, renderer, extensions: [blockMath, inlineMath] });

export const lex = (text) => marked.lexer(text);
/** HTML as a string; it is trusted by nobody before the view has cleaned it. */
export const html = (tokens) => marked.parser(tokens);

/**
 * Markdown that grows: what is surely finished is read once, and only the rest is read again.
 *
 * A list may go on after an empty line, and a line that is still being written may yet turn out to belong to the block
 * before it. So the last block stays open, and the one before it too while the last line has no end.
 */
export class Tail {
  #lex;
  #done = 0;
  text = "";

  constructor(lex) {
    this.#lex = lex;
  }

  /** Takes more text; answers the blocks that became final just now and those that are still open. */
  push(more) {
    this.text += more;
    const tokens = this.#lex(this.text.slice(this.#done));
    const open = openFrom(tokens);
    const final = tokens.slice(0, open);
    for (const { raw } of final) this.#done += raw.length;
    return { final, open: Object.assign(tokens.slice(open), { links: tokens.links }) };
  }
}

function openFrom(tokens) {
  let keep = tokens.at(-1)?.raw.endsWith("\n") ? 1 : 2;
  for (let index = tokens.length - 1; index >= 0; index -= 1) {
    if (tokens[index].type !== "space") keep -= 1;
    if (keep === 0) return index;
  }
  return 0;
}
