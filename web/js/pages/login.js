import { post } from "../api.js";
import { $, $$ } from "../dom.js";
import { runForm } from "../form.js";
import { carryNext, nextPage } from "../next.js";
import { session, startShell } from "../session.js";

startShell();
carryNext($$("a[data-carry-next]"));

runForm($("#login-form"), {
  busyLabel: "Signing in…",
  places: { wrong_credentials: "password" },
  async send({ email, password }) {
    const { user } = await post("/api/auth/login", { email, password });
    session.accept(user);
    location.assign(nextPage());
    return true;
  },
});

if (session.isLikely) {
  // Whoever is signed in already has no business here; if that cannot be found out, the form still works.
  const user = await session.load().catch(() => null);
  if (user) location.replace(nextPage());
}
