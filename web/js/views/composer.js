import { $ } from "../dom.js";

const COARSE = matchMedia("(pointer: coarse)");

/** The box one writes in. Fires "send", "stop", "input" and nothing while an input method is composing. */
export class Composer extends EventTarget {
  #form;
  #text;
  #button;
  #isReplying = false;

  constructor(form) {
    super();
    this.#form = form;
    this.#text = $("textarea", form);
    this.#button = $("#send", form);
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#act();
    });
    this.#text.addEventListener("input", () => {
      this.#fit();
      this.dispatchEvent(new Event("input"));
    });
    this.#text.addEventListener("keydown", (event) => {
      // 229 is what Safari says of the Enter that ends a composition.
      if (event.key !== "Enter" || event.shiftKey || event.isComposing || event.keyCode === 229) return;
      // On a phone's keyboard Enter is the only way to a new line.
      if (COARSE.matches && !event.ctrlKey && !event.metaKey) return;
      event.preventDefault();
      if (!this.#isReplying) this.#act();
    });
  }

  get text() {
    return this.#text.value;
  }

  set text(value) {
    this.#text.value = value;
    this.#fit();
    this.dispatchEvent(new Event("input"));
  }

  focus() {
    this.#text.focus();
    this.#text.setSelectionRange(this.text.length, this.text.length);
  }

  /** One button in one place: it sends, and while a reply runs it stops that. */
  set isReplying(value) {
    this.#isReplying = value;
    this.#form.dataset.replying = String(value);
    this.#button.setAttribute("aria-label", value ? "Stop" : "Send");
    this.#button.title = value ? "Stop (Esc)" : "Send (Enter)";
    this.#button.classList.toggle("stopping", false);
  }

  #act() {
    if (this.#isReplying) {
      this.#button.classList.add("stopping");
      this.dispatchEvent(new Event("stop"));
    } else if (this.text.trim()) this.dispatchEvent(new Event("send"));
    else this.focus();
  }

  #fit() {
    if (CSS.supports("field-sizing", "content")) return;
    this.#text.style.height = "auto";
    this.#text.style.height = `${this.#text.scrollHeight}px`;
  }
}
