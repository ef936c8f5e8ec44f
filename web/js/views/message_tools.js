import { $, clone } from "../dom.js";
import { toast } from "./toast.js";
import { toggleReceipt } from "./receipt.js";

/** What the small buttons below a message do. */
export function wireMessageTools(root, { chat, messages, picker }) {
  const model = () => picker.model;
  const actions = {
    copy: (message) => copy(message.content),
    edit: (message, node) => edit(message, node, { chat, messages, model }),
    again: (message) => send({ parentId: message.parentId, regenerate: true, model: model() }),
    continue: (message) => send({ parentId: message.id, carryOn: true, model: message.model ?? model() }),
    previous: (message) => choose(message, -1),
    next: (message) => choose(message, 1),
    receipt: (message, node, button) => toggleReceipt(button, $(".receipt", node), message.id),
  };
  const send = (ask) => {
    if (chat.replyOf()) return void toast("One answer at a time. Stop this one first, or wait for its end.");
    chat.send(ask);
    messages.toEnd();
  };
  const choose = async ({ id, siblings }, step) => {
    if (chat.replyOf()) return void toast("An answer is still being written here.");
    const wanted = siblings[siblings.indexOf(id) + step];
    try {
      await chat.transcript.choose(wanted);
      const now = root.querySelector(`[data-id="${CSS.escape(wanted)}"]`);
      now?.scrollIntoView({ block: "nearest" });
      const buttons = now?.querySelectorAll(".branches button:not(:disabled)") ?? [];
      (step > 0 ? buttons[buttons.length - 1] : buttons[0])?.focus();
    } catch (error) {
      toast(error.message);
    }
  };
  root.addEventListener("click", (event) => {
    const button = event.target.closest("[data-action]");
    const view = button && messages.viewOf(button);
    if (view) actions[button.dataset.action](view.message, view.node, button);
  });
}

async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    toast("Copied.", { milliseconds: 2_000 });
  } catch {
    toast("The browser did not allow copying.");
  }
}

/** The message turns into a field in its place. Sending it opens another branch; nothing is lost. */
function edit(message, node, { chat, messages, model }) {
  if (chat.replyOf()) return void toast("An answer is still being written here.");
  const form = clone("edit-message");
  const field = $("textarea", form);
  const parts = [...node.children];
  const close = () => {
    form.remove();
    for (const part of parts) part.hidden = false;
    $("[data-action=edit]", node).focus();
  };
  field.value = message.content;
  for (const part of parts) part.hidden = true;
  node.append(form);
  field.focus();
  $("[data-cancel]", form).addEventListener("click", close);
  form.addEventListener("keydown", (event) => {
    if (event.isComposing) return;
    if (event.key === "Escape") close();
    else if (event.key === "Enter" && !event.shiftKey && event.target === field) form.requestSubmit();
    else return;
    event.preventDefault();
    event.stopPropagation();
  });
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const said = field.value.trim();
    if (!said) return;
    close();
    chat.send({ message: said, parentId: message.parentId, model: model() });
    messages.toEnd();
  });
}
