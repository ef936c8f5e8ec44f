import { $, announce, element } from "../dom.js";

const SHOWN_MS = 6_000;

/** A word at the edge of the page, perhaps with one thing to do about it. Answers a function that takes it away. */
export function toast(text, { action, onAction, onGone = () => {}, milliseconds = SHOWN_MS } = {}) {
  const node = element("div", { class: "toast" }, element("p", {}, text));
  let timer;
  const close = () => {
    clearTimeout(timer);
    if (!node.isConnected) return;
    node.remove();
    onGone();
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
  timer = setTimeout(close, milliseconds);
  return close;
}
