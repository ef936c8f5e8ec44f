import { element } from "../dom.js";
import { addSheet } from "../sheet.js";

let core;
const loaded = new Map();
// Colouring takes longer the longer it is, and what is this long is not read by its colours.
const CHARS_MAX = 60_000;
const COPIED_MS = 2_000;

/** Gives a complete block of code its button, and its colours by way of `sanitised`. */
export function finishCode(figure, sanitised) {
  const code = figure.querySelector("code");
  const button = element("button", { type: "button", class: "code-copy" }, "Copy");
  button.setAttribute("aria-label", "Copy the code");
  button.addEventListener("click", () => copy(button, code.textContent.replace(/\n$/, "")));
  figure.querySelector("figcaption").append(button);
  return colour(code, figure.querySelector("figcaption span").textContent, sanitised);
}

/** Without a language that we know, or without a network, it stays plain. */
async function colour(code, word, sanitised) {
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
  core ??= loadHighlighter();
  const { default: highlight } = await core;
  if (!loaded.has(language)) loaded.set(language, import(`../../vendor/highlight/${language}.js`));
  const { default: grammar } = await loaded.get(language);
  if (!highlight.getLanguage(language)) highlight.registerLanguage(language, grammar);
  return highlight;
}

function loadHighlighter() {
  addSheet("css/code.css");
  return import("../../vendor/highlight.js");
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

let temml;

/** Sets formulas, once there are any; until then, and where one is wrong, its source is shown. */
export async function setMath(spans) {
  if (!spans.length) return;
  temml ??= loadSetter();
  const { default: setter } = await temml.catch(() => ({}));
  if (!setter) return;
  for (const span of spans) {
    const source = span.textContent;
    try {
      setter.render(source, span, { displayMode: span.classList.contains("display"), throwOnError: true, trust: false });
    } catch {
      span.textContent = source;
    }
  }
}

function loadSetter() {
  addSheet("vendor/temml.css");
  return import("../../vendor/temml.js");
}

/** The languages that can be coloured, each with the other names it goes by. */
const NAMES = {
  bash: "sh zsh shell-script",
  c: "h",
  cpp: "c++ cc hpp cxx",
  csharp: "c# cs",
  css: "",
  dart: "",
  diff: "patch",
  dockerfile: "docker",
  elixir: "ex exs",
  erlang: "erl",
  go: "golang",
  graphql: "gql",
  haskell: "hs",
  http: "https",
  ini: "toml",
  java: "",
  javascript: "js jsx mjs cjs",
  json: "jsonc json5",
  julia: "jl",
  kotlin: "kt kts",
  latex: "tex",
  lua: "",
  makefile: "make mk",
  markdown: "md",
  nginx: "",
  objectivec: "objc obj-c",
  ocaml: "ml",
  perl: "pl",
  php: "",
  powershell: "ps1 pwsh",
  protobuf: "proto",
  python: "py",
  r: "",
  ruby: "rb",
  rust: "rs",
  scala: "",
  scss: "",
  shell: "console shellsession",
  sql: "postgresql sqlite mysql",
  swift: "",
  typescript: "ts tsx",
  vbnet: "vb",
  xml: "html svg xhtml vue",
  yaml: "yml",
};

const byName = new Map(
  Object.entries(NAMES).flatMap(([name, others]) => [name, ...others.split(" ")].map((each) => [each, name])),
);

export const LANGUAGES = Object.keys(NAMES);
/** The language that somebody's word for it means, or undefined. */
export const languageOf = (word) => (word ? byName.get(word) : undefined);
