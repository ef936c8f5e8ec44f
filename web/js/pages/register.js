import { post } from "../api.js";
import { $, $$ } from "../dom.js";
import { watchDoor } from "../door.js";
import { runForm } from "../form.js";
import { carryNext, nextPage } from "../next.js";
import { session, startShell } from "../session.js";

startShell();
carryNext($$("a[data-carry-next]"));

runForm($("#register-form"), {
  busyLabel: "Creating your account…",
  places: { email_taken: "email" },
  async send({ email, password }) {
    const { user } = await post("/api/auth/register", { email, password });
    session.accept(user);
    location.assign(nextPage());
    return true;
  },
});

watchDoor();
