import { $ } from "../dom.js";
import { wireDeleting } from "./deleting.js";

const GAP = 4;

export function wireRowMenu(page) {
  const menu = new RowMenu($("#row-menu"));
  menu.addEventListener("rename", ({ detail }) => page.sidebar.rename(detail));
  wireDeleting(menu, page);
  return menu;
}

/** What can be done with a conversation. Fires "rename" and "delete" with its id; saving is a link. */
class RowMenu extends EventTarget {
  #menu;
  #id = null;
  #opener = null;

  constructor(menu) {
    super();
    this.#menu = menu;
    menu.addEventListener("click", (event) => {
      const name = event.target.closest("[data-do]")?.dataset.do;
      if (!name) return;
      menu.hidePopover();
      this.dispatchEvent(new CustomEvent(name, { detail: this.#id }));
    });
    menu.addEventListener("toggle", ({ newState }) => this.#opener?.setAttribute("aria-expanded", newState === "open"));
    menu.addEventListener("keydown", (event) => this.#move(event));
  }

  open(button, id) {
    this.#id = id;
    this.#opener = button;
    const path = `/api/conversations/${encodeURIComponent(id)}/export`;
    $("[data-do=markdown]", this.#menu).href = `${path}?format=md`;
    $("[data-do=json]", this.#menu).href = `${path}?format=json`;
    this.#menu.showPopover({ source: button });
    const at = button.getBoundingClientRect();
    const { offsetHeight, offsetWidth } = this.#menu;
    const below = at.bottom + GAP + offsetHeight < innerHeight;
    this.#menu.style.top = `${below ? at.bottom + GAP : at.top - GAP - offsetHeight}px`;
    this.#menu.style.left = `${Math.max(GAP, Math.min(at.right - offsetWidth, innerWidth - offsetWidth - GAP))}px`;
    $("button, a", this.#menu).focus();
  }

  #move(event) {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (!step) return;
    event.preventDefault();
    const all = [...this.#menu.querySelectorAll("button, a")];
    all.at((all.indexOf(document.activeElement) + step) % all.length).focus();
  }
}
