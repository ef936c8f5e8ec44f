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
    `<span class="box" role="img" aria-label="${checked ? "Done" : "To do"}">${checked ? "☑" : "☐"}</span> `,
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
/** HTML as a string; it is trusted by nobody before sanitise.js has seen it. */
export const html = (tokens) => marked.parser(tokens);
