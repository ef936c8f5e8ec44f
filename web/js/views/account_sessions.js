import { get, remove } from "../api.js";
import { $, announce, clone, describe, fill } from "../dom.js";
import { day } from "../format.js";
import { session } from "../session.js";
import { deviceInWords } from "./account_device.js";

const PAGE = 10;

/** Where the reader is signed in, with a way to sign each other device out. */
export class SessionsView {
  #list = $("#sessions");
  #more = $("#more-sessions");
  #trouble = $("#sessions-trouble");
  #cursor = null;

  constructor() {
    this.#more.addEventListener("click", () => this.#add());
    this.#list.addEventListener("click", ({ target }) => {
      const button = target.closest("[data-action=end]");
      if (button) this.#end(button);
    });
  }

  async show() {
    this.#cursor = null;
    await this.#add(true);
  }

  async #add(isFirst = false) {
    const query = new URLSearchParams({ limit: PAGE, ...(this.#cursor && { cursor: this.#cursor }) });
    try {
      const { sessions, nextCursor } = await get(`/api/auth/sessions?${query}`);
      const rows = sessions.map(row);
      if (isFirst) this.#list.replaceChildren(...rows);
      else this.#list.append(...rows);
      this.#cursor = nextCursor;
      this.#more.hidden = nextCursor === null;
      this.#trouble.replaceChildren();
      if (!isFirst) $("button:not([hidden]), p", rows[0]).focus();
    } catch (error) {
      this.#fail(error);
    }
    this.#list.setAttribute("aria-busy", "false");
  }

  async #end(button) {
    if (button.getAttribute("aria-disabled") === "true") return;
    button.setAttribute("aria-disabled", "true");
    const device = button.closest(".device");
    try {
      await remove(`/api/auth/sessions/${encodeURIComponent(device.dataset.id)}`);
    } catch (error) {
      // Signed out by itself meanwhile, it is what was wanted.
      if (error.status !== 404) {
        button.setAttribute("aria-disabled", "false");
        return this.#fail(error);
      }
    }
    const next = device.nextElementSibling ?? device.previousElementSibling;
    device.remove();
    // With no other device left there is nothing to press, but the reader stays with the list.
    (next?.querySelector("button:not([hidden])") ?? this.#list).focus();
    announce(`${$(".device-name", device).textContent} is signed out.`);
    return null;
  }

  #fail(error) {
    if (error.status === 401) return session.load().catch(() => {});
    this.#trouble.replaceChildren(...describe(error));
    return null;
  }
}

function row({ id, agent, current, createdAt }) {
  const made = clone("device");
  const name = deviceInWords(agent);
  made.dataset.id = id;
  made.title = agent;
  fill(made, { name, when: day(createdAt) });
  $("time", made).dateTime = createdAt;
  $(".here", made).hidden = !current;
  const button = $("[data-action=end]", made);
  button.hidden = current;
  button.setAttribute("aria-label", `Sign out ${name}, since ${day(createdAt)}`);
  return made;
}
