import { $, announce, describe, element } from "../dom.js";
import { balance, count } from "../format.js";

const SHOWN_MS = 6_000;

/**
 * A word at the edge of the page, perhaps with one thing to do about it. It stays for a while, and for as long as
 * somebody points at it or has the focus in it. Answers a function that takes it away.
 */
export function toast(text, { action, onAction, onGone = () => {}, isFocused = false, milliseconds = SHOWN_MS } = {}) {
  const node = element("div", { class: "toast" }, element("p", {}, text));
  let timer;
  const close = () => {
    clearTimeout(timer);
    if (!node.isConnected) return;
    node.remove();
    onGone();
  };
  const wait = () => {
    timer = setTimeout(() => (node.matches(":hover, :focus-within") ? wait() : close()), milliseconds);
  };
  if (action) {
    const button = element("button", { type: "button" }, action);
    button.addEventListener("click", () => {
      onGone = () => {};
      close();
      onAction();
    });
    node.append(button);
  }
  $("#toasts").append(node);
  announce(text);
  if (isFocused) node.querySelector("button").focus();
  wait();
  return close;
}

/** What failed, what it cost, what to pass on to whoever can help, and perhaps another try. */
export function troubleOf(error, charged = 0, again = null) {
  const parts = error.code === "insufficient_tokens" ? shortfall(error) : describe(error, { always: true });
  const cost = charged ? `You were charged ${balance(charged)} for what had arrived.` : "Nothing was charged.";
  const words = element("div", {}, parts[0], element("p", {}, cost), ...parts.slice(1));
  if (again) {
    const button = element("button", { type: "button", class: "button small" }, "Try again");
    button.addEventListener("click", again);
    words.append(button);
  }
  return element("div", { class: "trouble", "data-code": error.code }, words);
}

function shortfall({ body }) {
  const missing = Math.max(1, (body.needed ?? 0) - (body.available ?? 0));
  const aside = (body.balance ?? 0) - (body.available ?? 0);
  const others = aside > 0 ? `Another ${count(aside)} are set aside for answers that are still being written. ` : "";
  const words = `This needs about ${balance(body.needed ?? 0)}, and you have ${balance(body.available ?? 0)}. ${others}`;
  return [
    element("p", {}, element("strong", {}, `You are ${balance(missing)} short. `), words, "Your message is kept."),
    element("p", {}, element("a", { class: "button small", href: shop() }, "Get tokens")),
  ];
}

/** The packages, and from there the way back here. */
const shop = () => `/billing?from=${encodeURIComponent(location.pathname).replaceAll("%2F", "/")}`;
