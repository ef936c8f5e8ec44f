import { element } from "../dom.js";
import { languageOf } from "./languages.js";
import { sanitised } from "./sanitise.js";

let core;
const loaded = new Map();
// Colouring takes longer the longer it is, and what is this long is not read by its colours.
const CHARS_MAX = 60_000;
const COPIED_MS = 2_000;

/** Gives a block of code its frame: what language it is, and a button to copy it. */
export function framed(pre) {
  const code = pre.firstElementChild;
  const word = languageWord(code);
  const button = element("button", { type: "button", class: "code-copy" }, "Copy");
  button.setAttribute("aria-label", "Copy the code");
  button.addEventListener("click", () => copy(button, code.textContent.replace(/\n$/, "")));
  const head = element("figcaption", {}, element("span", {}, word || "text"), button);
  const figure = element("figure", { class: "code" }, head);
  pre.replaceWith(figure);
  pre.tabIndex = 0;
  figure.append(pre);
  return code;
}

export const languageWord = (code) => /language-(\S+)/.exec(code.className)?.[1] ?? "";

/** Colours the code once it is complete; without a language, or without a network, it stays plain. */
export async function colour(code) {
  const language = languageOf(languageWord(code));
  const text = code.textContent;
  if (!language || text.length > CHARS_MAX) return;
  try {
    const highlight = await ready(language);
    code.replaceChildren(sanitised(highlight.highlight(text, { language, ignoreIllegals: true }).value));
  } catch {
    return;
  }
}

async function ready(language) {
  core ??= import("../../vendor/highlight.js");
  const { default: highlight } = await core;
  if (!loaded.has(language)) loaded.set(language, import(`../../vendor/highlight/${language}.js`));
  const { default: grammar } = await loaded.get(language);
  if (!highlight.getLanguage(language)) highlight.registerLanguage(language, grammar);
  return highlight;
}

async function copy(button, text) {
  try {
    await navigator.clipboard.writeText(text);
    button.textContent = "Copied";
  } catch {
    button.textContent = "Not copied";
  }
  setTimeout(() => (button.textContent = "Copy"), COPIED_MS);
}
