import { $, clone } from "../dom.js";
import { toast } from "./toast.js";
import { toggleReceipt } from "./receipt.js";

/** What the small buttons below a message do. */
export function act(button, view, page) {
  return ACTIONS[button.dataset.action](view, page, button);
}

const again = ({ message }, page) => send(page, { parentId: message.parentId, regenerate: true, model: page.picker.model });

const carryOn = ({ message }, page) =>
  send(page, { parentId: message.id, carryOn: true, model: message.model ?? page.picker.model });

const previous = ({ message }, page) => choose(message, page, -1);

const next = ({ message }, page) => choose(message, page, 1);

const receipt = ({ message, node }, page, button) => toggleReceipt(button, $(".receipt", node), message.id);

function send({ chat, messages }, ask) {
  if (chat.replyOf()) return void toast("One answer at a time. Stop this one first, or wait for its end.");
  chat.send(ask);
  messages.toEnd();
}

async function choose({ id, siblings }, { chat }, step) {
  if (chat.replyOf()) return void toast("An answer is still being written here.");
  const wanted = siblings[siblings.indexOf(id) + step];
  try {
    await chat.transcript.choose(wanted);
  } catch (error) {
    return void toast(error.message);
  }
  const now = document.querySelector(`article[data-id="${CSS.escape(wanted)}"]`);
  now?.scrollIntoView({ block: "nearest" });
  const buttons = [...(now?.querySelectorAll(".branches button:not(:disabled)") ?? [])];
  buttons.at(step > 0 ? -1 : 0)?.focus();
}

async function copy({ message }) {
  try {
    await navigator.clipboard.writeText(message.content);
    toast("Copied.", { milliseconds: 2_000 });
  } catch {
    toast("The browser did not allow copying.");
  }
}

/** The message turns into a field in its place. Sending it opens another branch; nothing is lost. */
function edit({ message, node }, { chat, messages, picker }) {
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
    chat.send({ message: said, parentId: message.parentId, model: picker.model });
    messages.toEnd();
  });
}

const ACTIONS = { copy, edit, again, continue: carryOn, previous, next, receipt };
