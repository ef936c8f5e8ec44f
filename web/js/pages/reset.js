import { post } from "../api.js";
import { $ } from "../dom.js";
import { runForm } from "../form.js";
import { startShell } from "../session.js";

startShell();

const form = $("#reset-form");
let token = takeToken();

/** Reads the token and removes it from the address bar and the history, where others could come across it. */
function takeToken() {
  const found = new URLSearchParams(location.hash.slice(1)).get("token");
  if (location.hash) history.replaceState(null, "", location.pathname + location.search);
  return found;
}

function show(id) {
  for (const part of [form, $("#reset-done"), $("#reset-unusable")]) part.hidden = part.id !== id;
}

show(token ? "reset-form" : "reset-unusable");

addEventListener("hashchange", () => {
  const found = takeToken();
  if (!found) return;
  token = found;
  show("reset-form");
});

runForm(form, {
  busyLabel: "Saving…",
  async send({ newPassword }) {
    try {
      await post("/api/auth/password/reset", { token, newPassword });
    } catch (error) {
      if (!isAboutToken(error)) throw error;
      show("reset-unusable");
      $("#reset-unusable").focus();
      return;
    }
    token = null;
    show("reset-done");
    $("#reset-done").focus();
  },
});

function isAboutToken(error) {
  return error.code === "reset_link_invalid" || error.fields?.some(({ field }) => field === "token");
}
