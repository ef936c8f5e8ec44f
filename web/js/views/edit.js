import { $, element } from "../dom.js";
import { addSheet } from "../sheet.js";
import { toast } from "./notices.js";

await addSheet("css/edit.css");

const placeOf = ({ id }) => `${id}.edit`;

/** The message turns into a field in its place. Sending it opens another branch; nothing is lost. */
export function edit(view, page) {
  if (page.chat.replyOf()) return void toast("An answer is still being written here.");
  $("textarea", openField(view, page, view.message.content)).focus();
}

/** An edit that is not known to have arrived stands in its place again, perhaps with what was wrong. */
export function resumeEdit(page, trouble = null) {
  const { transcript } = page.chat;
  const sent = page.drafts.unsent(placeOf(transcript));
  const isThat = ({ role, parentId }) => role === "user" && (parentId ?? null) === sent.parentId;
  const message = sent && transcript.messages.find(isThat);
  if (!message) return;
  if (!trouble && message.content === sent.message) return page.drafts.clear(placeOf(transcript));
  const view = page.messages.viewOf(document.querySelector(`article[data-id="${CSS.escape(message.id)}"]`));
  if (!view || view.node.querySelector("form.edit")) return;
  const form = openField(view, page, sent.message);
  if (!trouble) return;
  form.append(trouble);
  $("textarea", form).focus();
  view.node.scrollIntoView({ block: "nearest" });
}

function openField({ message, node }, { chat, drafts, messages, picker }, words) {
  const form = emptyForm();
  const field = $("textarea", form);
  const close = () => {
    form.remove();
    node.classList.remove("editing");
    $("[data-action=edit]", node).focus();
  };
  const giveUp = () => {
    drafts.clear(placeOf(chat.transcript));
    close();
  };
  field.value = words;
  node.classList.add("editing");
  node.append(form);
  $("[data-cancel]", form).addEventListener("click", giveUp);
  form.addEventListener("keydown", (event) => {
    if (event.isComposing) return;
    if (event.key === "Escape") giveUp();
    else if (event.key === "Enter" && !event.shiftKey && event.target === field) form.requestSubmit();
    else return;
    event.preventDefault();
    event.stopPropagation();
  });
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const said = field.value.trim();
    if (!said) return;
    if (chat.replyOf()) return void toast("An answer is still being written here.");
    close();
    chat.send({ message: said, parentId: message.parentId, model: picker.model });
    messages.toEnd();
  });
  return form;
}

function emptyForm() {
  const field = element("textarea", { dir: "auto", rows: "2", "aria-label": "Edit your message" });
  const hint = element("p", { class: "hint" }, "The answer before stays as another version.");
  const cancel = element("button", { type: "button", class: "button quiet small", "data-cancel": "" }, "Cancel");
  const send = element("button", { class: "button small" }, "Send");
  return element("form", { class: "edit" }, field, element("div", { class: "edit-foot" }, hint, cancel, send));
}
