import { $$ } from "./dom.js";
import { loginPage } from "./next.js";
import { session } from "./session.js";
import { wireThemeButtons } from "./theme.js";

/** What every page shares: the theme button, and the parts that only signed-in or signed-out readers see. */
export function startShell() {
  wireThemeButtons();
  session.addEventListener("change", showParts);
  addEventListener("pageshow", showParts);
  showParts();
}

function showParts() {
  const state = session.isLikely ? "signed-in" : "signed-out";
  for (const part of $$("[data-when]")) part.hidden = part.dataset.when !== state;
}

/** For pages that need an account: answers the user, or leaves for the sign-in page, now or when the session ends. */
export async function requireUser() {
  session.addEventListener("change", ({ detail }) => {
    if (!detail.user) location.replace(detail.here ? "/" : loginPage());
  });
  // The Back button can show a page from before the reader signed out.
  addEventListener("pageshow", ({ persisted }) => persisted && location.reload());
  const user = await session.load();
  if (!user) location.replace(loginPage());
  return user;
}
