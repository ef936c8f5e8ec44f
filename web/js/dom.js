/** The one element that matches. A page that lacks it is broken, so it is better to hear of it at once. */
export function $(selector, root = document) {
  const found = root.querySelector(selector);
  if (!found) throw new Error(`Nothing on this page matches ${selector}`);
  return found;
}

export const $$ = (selector, root = document) => [...root.querySelectorAll(selector)];

/** A fresh copy of the first element in <template id="…">. */
export function clone(templateId) {
  return $(`template#${templateId}`).content.firstElementChild.cloneNode(true);
}

/** An element with its attributes and children; strings become text, never markup. */
export function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

/** Gives the parent these children in this order. What stands right is not touched, as a move would cost it the focus. */
export function arrange(parent, nodes) {
  const kept = new Set(nodes);
  for (const child of [...parent.children]) if (!kept.has(child)) child.remove();
  let at = parent.firstChild;
  for (const node of nodes) {
    if (node === at) at = at.nextSibling;
    else parent.insertBefore(node, at);
  }
}

/** Fills every [data-text="key"] below root with the value of that key. */
export function fill(root, values) {
  for (const node of $$("[data-text]", root)) {
    if (node.dataset.text in values) node.textContent = values[node.dataset.text];
  }
}

const SHOWN_MS = 6_000;
let clearing;

/** Says something in the page's one status line, without interrupting a screen reader. */
export function announce(text) {
  const status = $("[role=status]");
  clearTimeout(clearing);
  status.textContent = text;
  clearing = setTimeout(() => status.replaceChildren(), SHOWN_MS);
}

/** The sentence of an error; when the fault is ours, or always, also the id that support will ask for. */
export function describe(error, { always = false } = {}) {
  const wait = error.retryAfterSeconds;
  const parts = [element("p", {}, sentence(error, wait))];
  if ((always || error.status >= 500) && error.requestId) parts.push(reference(error.requestId));
  return parts;
}

function sentence(error, wait) {
  if (error.fields?.length) return error.fields.map(({ message }) => message).join(" ");
  if (error.status !== 429 || !wait || error.code === "too_many_turns") return error.message;
  const [count, unit] = wait < 100 ? [wait, "second"] : [Math.ceil(wait / 60), "minute"];
  return `Too many attempts. Try again in ${count} ${unit}${count === 1 ? "" : "s"}.`;
}

function reference(requestId) {
  const code = element("code", {}, requestId);
  const button = element("button", { type: "button", class: "link-button" }, "Copy");
  button.setAttribute("aria-label", "Copy the reference");
  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(requestId);
      announce("Reference copied.");
    } catch {
      getSelection().selectAllChildren(code);
      announce("Select and copy the reference by hand.");
    }
  });
  return element("p", { class: "reference" }, "Reference: ", code, " ", button);
}
