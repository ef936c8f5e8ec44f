import { post } from "../api.js";
import { $ } from "../dom.js";
import { runForm } from "../form.js";
import { startShell } from "../session.js";

startShell();

const form = $("#forgot-form");

runForm(form, {
  busyLabel: "Sending…",
  async send({ email }) {
    await post("/api/auth/password/forgot", { email });
    form.hidden = true;
    const sent = $("#forgot-sent");
    $("[data-text=email]", sent).textContent = email;
    sent.hidden = false;
    sent.focus();
  },
});
