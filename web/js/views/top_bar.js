import { $, describe, fill } from "../dom.js";
import { balance } from "../format.js";
import { session } from "../session.js";

/** Who is signed in, what they have, kept true by the account's events, and the way out. */
export function showTopBar(user, account, trouble) {
  const show = (tokens) => fill($(".site-header"), { balance: balance(tokens), menuBalance: balance(tokens) });
  fill($(".site-header"), { email: user.email });
  showInitial(user);
  $(".who").title = user.email;
  show(user.balance);
  account.addEventListener("balance", ({ detail }) => show(detail.balance));
  account.addEventListener("lost", () => session.check());
  $("#sign-out").addEventListener("click", () => {
    trouble.replaceChildren();
    session.signOut().catch((error) => trouble.replaceChildren(...describe(error)));
  });
}

export function showInitial({ name, email }) {
  const [initial] = name || email;
  fill($(".site-header"), { initial: initial.toUpperCase() });
}
