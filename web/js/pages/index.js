import { $, fill } from "../dom.js";
import { balance } from "../format.js";
import { session } from "../session.js";
import { startShell } from "../shell.js";

startShell();

if (session.isLikely) {
  try {
    const user = await session.load();
    if (user) fill($("main"), { greeting: `Signed in as ${user.email}, with ${balance(user.balance)}.` });
  } catch {
    // This page says nothing that depends on the answer, so it stays as it is.
  }
}
