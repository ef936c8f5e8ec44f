import { ApiError } from "./api.js";
import { $, $$, describe } from "./dom.js";

/**
 * Runs a form: checks it, sends it once at a time and shows what went wrong.
 *
 * `send(values)` does the work and answers true when the page is being left, which keeps the form busy until then.
 * `places` names the field an error code belongs to, for answers that do not list fields themselves.
 */
export function runForm(form, { send, busyLabel, places = {} }) {
  wirePeeking(form);
  form.addEventListener("input", ({ target }) => setFieldError(target, ""));
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (isBusy(form)) return;
    clearErrors(form);
    hidePasswords(form);
    if (!check(form)) return;
    setBusy(form, true, busyLabel);
    let leaving = false;
    try {
      leaving = await send(Object.fromEntries(new FormData(form)));
    } catch (error) {
      showError(form, error, places);
    }
    if (!leaving) setBusy(form, false);
  });
  // A page that comes back by the Back button is shown as it was left, busy button included.
  addEventListener("pageshow", ({ persisted }) => persisted && setBusy(form, false));
}

export const isBusy = (form) => form.getAttribute("aria-busy") === "true";

/** The button keeps its focus: a disabled one would drop a keyboard user at the top of the page. */
function setBusy(form, busy, label) {
  const button = $("[type=submit]", form);
  button.dataset.label ??= button.textContent;
  button.textContent = busy ? (label ?? button.dataset.label) : button.dataset.label;
  button.setAttribute("aria-disabled", String(busy));
  form.setAttribute("aria-busy", String(busy));
}

/** Puts an error where it belongs: beside the fields it is about, or else above the form. */
function showError(form, error, places = {}) {
  if (!(error instanceof ApiError)) console.error(error);
  const listed = error.fields?.length ? error.fields : [{ field: places[error.code], message: error.message }];
  const wrong = listed.filter(({ field }) => isField(form.elements[field]));
  for (const { field, message } of wrong) setFieldError(form.elements[field], message ?? error.message);
  if (wrong.length) form.elements[wrong[0].field].focus();
  else $("[role=alert]", form).replaceChildren(...describe(error instanceof ApiError ? error : unexpected()));
}

export function clearErrors(form) {
  $("[role=alert]", form).replaceChildren();
  for (const field of form.elements) setFieldError(field, "");
}

function setFieldError(field, message) {
  const place = field.id && document.getElementById(`${field.id}-error`);
  if (!place) return;
  place.textContent = message;
  if (message) field.setAttribute("aria-invalid", "true");
  else field.removeAttribute("aria-invalid");
}

const isField = (field) => field instanceof HTMLInputElement && !field.hidden;

const unexpected = () => new ApiError("This page hit an unexpected problem. Please reload it and try again.");

function check(form) {
  const wrong = [...form.elements].filter((field) => isField(field) && problemOf(field));
  for (const field of wrong) setFieldError(field, problemOf(field));
  wrong[0]?.focus();
  return wrong.length === 0;
}

function problemOf(field) {
  if (field.validity.valueMissing) return field.dataset.missing ?? "Please fill this in.";
  if (field.validity.typeMismatch) return "Enter a full e-mail address, like name@example.org.";
  // The browser's own length check counts UTF-16 units, so it disagrees with the server about some characters.
  if ([...field.value].length < field.minLength) return `Use at least ${field.minLength} characters.`;
  return "";
}

function wirePeeking(form) {
  for (const button of $$("[data-peek]", form)) {
    button.addEventListener("click", () => {
      const field = form.elements[button.dataset.peek];
      setPeeking(button, field, field.type === "password");
    });
  }
}

/** Browsers offer to remember what was typed into plain text fields, so none is left plain when it is sent. */
function hidePasswords(form) {
  for (const button of $$("[data-peek]", form)) setPeeking(button, form.elements[button.dataset.peek], false);
}

function setPeeking(button, field, shown) {
  field.type = shown ? "text" : "password";
  button.textContent = shown ? "Hide" : "Show";
  const name = field.labels[0].textContent.trim().toLowerCase();
  button.setAttribute("aria-label", `${button.textContent} ${name}`);
}
