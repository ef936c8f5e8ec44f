import { $, announce, fill } from "../dom.js";
import { session } from "../session.js";

/** Who is signed in, and the way out. */
export function showTopBar(user) {
  const [initial] = user.name || user.email;
  fill($(".site-header"), { email: user.email, initial: initial.toUpperCase() });
  $(".who").title = user.email;
  $("#sign-out").addEventListener("click", () => session.signOut().catch((error) => announce(error.message)));
}
