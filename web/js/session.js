import { ApiError, get, post } from "./api.js";
import { recall, remember } from "./storage.js";

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
