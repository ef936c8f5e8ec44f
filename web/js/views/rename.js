import { $, element } from "../dom.js";

/** The title of a row becomes a field in its place. Enter and leaving it keep what is written, Escape does not. */
export function renameIn(row, before, keep) {
  const link = $("a", row);
  if (link.hidden) return;
  const named = { class: "rename", "aria-label": "Title", maxlength: "200", autocomplete: "off", dir: "auto" };
  const field = element("input", { ...named, value: before });
  const close = (isKept) => {
    if (!field.isConnected) return;
    const title = field.value.trim();
    field.remove();
    link.hidden = false;
    if (isKept && title && title !== before) keep(title);
  };
  link.hidden = true;
  link.after(field);
  field.select();
  field.addEventListener("blur", () => {
    // It is left only when it does not have the focus again at once, as after its row was moved.
    setTimeout(() => document.activeElement !== field && close(true));
  });
  field.addEventListener("keydown", (event) => {
    event.stopPropagation();
    if (event.isComposing || !["Enter", "Escape"].includes(event.key)) return;
    // The same Enter must not go on to the link.
    event.preventDefault();
    close(event.key === "Enter");
    link.focus();
  });
}
