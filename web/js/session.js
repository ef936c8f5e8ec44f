import { ApiError, get, post } from "./api.js";
import { $$ } from "./dom.js";
import { recall, remember, wireThemeButtons } from "./kept.js";

// Says only that somebody signed in here, so that visitors who never did cost no request. The cookie is the session.
const HINT = "prome.signed-in";

/**
 * The signed-in user, or null. Fires "change" when that becomes somebody else or turns out to be
 * nobody; `detail.here` is true when this tab caused it.
 */
class Session extends EventTarget {
  #channel = new BroadcastChannel("prome-session");
  user = null;

  constructor() {
    super();
    this.#channel.addEventListener("message", ({ data }) => this.#heard(data));
  }

  get isLikely() {
    return this.user !== null || recall(HINT) !== null;
  }

  /** Asks the server who this is. Answers null for a signed-out visitor and throws when it cannot tell. */
  async load() {
    try {
      const { user } = await get("/api/auth/me");
      this.#become(user, true);
    } catch (error) {
      if (!(error instanceof ApiError) || error.status !== 401) throw error;
      this.#become(null, false);
    }
    return this.user;
  }

  /** Asks once more; what cannot be told now is asked another time. */
  check() {
    this.load().catch(() => {});
  }

  /** Takes over the user that register or login answered with. */
  accept(user) {
    this.#become(user, true);
    this.#channel.postMessage({ type: "signed-in", userId: user.id });
  }

  async signOut() {
    try {
      await post("/api/auth/logout");
    } catch (error) {
      if (!(error instanceof ApiError) || error.status !== 401) throw error;
    }
    this.#channel.postMessage({ type: "signed-out" });
    this.#become(null, true);
  }

  #heard(message) {
    if (message.type === "signed-out") this.#become(null, false);
    // Another account took over the cookie, so nothing on this page belongs to its reader any more.
    if (message.type === "signed-in" && this.user && this.user.id !== message.userId) location.reload();
  }

  #become(user, here) {
    const changed = this.user?.id !== user?.id;
    this.user = user;
    remember(HINT, user ? "yes" : null);
    // Pages go by the hint until the first answer, so "nobody" is news even when nobody was known before.
    if (changed || !user) this.dispatchEvent(new CustomEvent("change", { detail: { user, here } }));
  }
}

export const session = new Session();

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
  session.addEventListener("change", leave);
  addEventListener("pageshow", reloadOld);
  const user = await session.load();
  if (!user) location.replace(loginPage());
  return user;
}

function leave({ detail }) {
  if (!detail.user) location.replace(detail.here ? "/" : loginPage());
}

/** The Back button can show a page from before the reader signed out. */
const reloadOld = ({ persisted }) => persisted && location.reload();

/** The sign-in page that comes back to where the reader is now. */
function loginPage(here = location.pathname + location.search) {
  return `/login?next=${encodeURIComponent(here).replaceAll("%2F", "/")}`;
}
