import { nextPage } from "./next.js";
import { session } from "./session.js";

/** Whoever is signed in already has no business at this door; if that cannot be found out, its form still works. */
async function passThrough() {
  if (!session.isLikely) return;
  const user = await session.load().catch(() => null);
  if (user) location.replace(nextPage());
}

/** Now, and when the Back button shows the page as it was. */
export function watchDoor() {
  addEventListener("pageshow", ({ persisted }) => persisted && passThrough());
  passThrough();
}
