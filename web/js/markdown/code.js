import { element } from "../dom.js";
import { languageOf } from "./languages.js";
import { sanitised } from "./sanitise.js";

let core;
const loaded = new Map();
// Colouring takes longer the longer it is, and what is this long is not read by its colours.
const CHARS_MAX = 60_000;
const COPIED_MS = 2_000;

/** Gives a complete block of code its button and its colours. */
export function finish(figure) {
  const code = figure.querySelector("code");
  const button = element("button", { type: "button", class: "code-copy" }, "Copy");
  button.setAttribute("aria-label", "Copy the code");
  button.addEventListener("click", () => copy(button, code.textContent.replace(/\n$/, "")));
  figure.querySelector("figcaption").append(button);
  return colour(code, figure.querySelector("figcaption span").textContent);
}

/** Without a language that we know, or without a network, it stays plain. */
async function colour(code, word) {
  const language = languageOf(word);
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
