import { $, fill } from "../dom.js";
import { balance } from "../format.js";
import { Full } from "../models/full.js";
import { session } from "../session.js";
import * as storage from "../storage.js";
import { toast } from "./toast.js";

/** Who is signed in and what they have, kept true by the account's events. Answers how to show a balance sooner. */
export function showAccount(user, account) {
  const full = new Full(user.id, storage);
  const show = (tokens) => {
    fill($(".top-bar"), { balance: balance(tokens) });
    $(".low").hidden = !full.isLow(tokens) && tokens > 0;
    $(".low span").textContent = tokens > 0 ? "Your balance is getting low." : "You have no tokens left.";
  };
  const [initial] = user.name || user.email;
  fill($(".top-bar"), { email: user.email, initial: initial.toUpperCase() });
  $(".who").title = user.email;
  show(user.balance);
  account.addEventListener("balance", ({ detail }) => show(detail.balance));
  $("#sign-out").addEventListener("click", () => session.signOut().catch((error) => toast(error.message)));
  return show;
}
