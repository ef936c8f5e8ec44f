import { get, post } from "../api.js";
import { $, $$, describe, element } from "../dom.js";
import { balance, count, priceInWords } from "../format.js";
import { recall, remember } from "../kept.js";

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
    // The second half of a double click is not for the Stop that has come under it.
    this.#button.addEventListener("click", (event) => event.detail > 1 && this.#isReplying && event.preventDefault());
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

const KEY = "prome.model";

/** Which model answers, with its price in words. The choice is kept for the next time. */
export class ModelPicker {
  #select;
  #price;
  #models = [];

  constructor(select, price) {
    this.#select = select;
    this.#price = price;
    select.addEventListener("change", () => {
      remember(KEY, select.value);
      this.#tell();
    });
  }

  /** Undefined means whichever the service would choose. */
  get model() {
    return this.#select.value || undefined;
  }

  async load() {
    const { models } = await get("/api/models?limit=100");
    this.#models = models;
    this.#select.replaceChildren(...models.map(({ id, name }) => element("option", { value: id }, name)));
    const kept = models.find(({ id }) => id === recall(KEY));
    const chosen = kept ?? models.find((model) => model.default) ?? models[0];
    if (chosen) this.#select.value = chosen.id;
    this.#select.hidden = models.length === 0;
    this.#tell();
  }

  #tell() {
    const model = this.#models.find(({ id }) => id === this.#select.value);
    this.#price.textContent = model ? priceInWords(model) : "No model can be asked right now.";
    this.#select.title = model?.note ?? "";
  }
}

const WAIT_MS = 350;

/** The line below the composer that says what a message would cost before it is sent. */
export class Quote {
  #place;
  #timer;
  #asking = null;

  constructor(place) {
    this.#place = place;
  }

  clear() {
    clearTimeout(this.#timer);
    this.#asking?.abort();
    this.#place.replaceChildren();
    delete this.#place.dataset.tight;
  }

  /** Asks a moment after the last key, and only about the last text. */
  ask(body) {
    clearTimeout(this.#timer);
    this.#asking?.abort();
    this.#timer = setTimeout(() => this.#fetch(body), WAIT_MS);
  }

  async #fetch(body) {
    this.#asking = new AbortController();
    const { signal } = this.#asking;
    try {
      const quote = await post("/api/chat/quote", body, { signal });
      if (!signal.aborted) this.#show(quote);
    } catch (error) {
      if (signal.aborted) return;
      // It is a courtesy; of what is wrong it tells only what can be mended here.
      this.clear();
      for (const { message } of error.fields ?? []) this.#warn(message);
    }
  }

  #warn(words) {
    this.#place.textContent = words;
    this.#place.dataset.tight = "true";
  }

  #show({ promptTokens, historyTokens, held, balanceAfterAtMost, affordable }) {
    const history = historyTokens ? `, of which ${count(historyTokens)} are earlier messages` : "";
    const short = affordable ? "" : " More than you have left.";
    this.#place.textContent = `≈ ${balance(promptTokens)}${history}, plus the answer.${short}`;
    this.#place.title = `With the longest answer ${balance(held)}, which would leave ${count(balanceAfterAtMost)}.`;
    this.#place.dataset.tight = String(!affordable);
  }
}

/** What is written: kept as a draft, quoted, sent, and the answer to it stopped. */
export function wireComposer(page) {
  const { chat, composer, drafts, messages, picker, quote } = page;
  let timer;
  const askQuote = () => {
    const message = composer.text.trim();
    if (!message || chat.isLoading || chat.replyOf()) return quote.clear();
    const { id } = chat.transcript;
    quote.ask({ message, ...(id && { conversationId: id }), ...(picker.model && { model: picker.model }) });
  };
  /** Keeps what has been written since the last time. While a message is on its way the draft is that, with its key. */
  page.keep = () => {
    if (!timer) return;
    timer = clearTimeout(timer);
    const { id } = chat.transcript;
    if (composer.text || !chat.isSending(drafts.text(id), id)) drafts.keep(id, composer.text);
  };
  composer.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(page.keep, 200);
    askQuote();
  });
  $("#model").addEventListener("change", askQuote);
  chat.addEventListener("open", askQuote);
  chat.addEventListener("ended", askQuote);
  const send = () => {
    const message = composer.text.trim();
    if (!message || chat.replyOf()) return;
    const { transcript } = chat;
    if (chat.isLoading) {
      page.again?.();
      // It goes out as soon as there is something to answer to.
      return chat.addEventListener("open", () => transcript === chat.transcript && send(), { once: true });
    }
    $(".notices").replaceChildren();
    chat.send({ message, model: picker.model });
    composer.text = "";
    messages.toEnd();
  };
  composer.addEventListener("send", send);
  composer.addEventListener("stop", () => stop(chat, composer));
  addEventListener("pagehide", page.keep);
  for (const sample of $$(".samples button")) {
    sample.addEventListener("click", () => {
      composer.text = sample.textContent;
      composer.focus();
    });
  }
  const online = () => ($(".offline").hidden = navigator.onLine);
  addEventListener("online", online);
  addEventListener("offline", online);
  online();
}

async function stop(chat, composer) {
  try {
    await chat.stop();
  } catch (error) {
    $(".notices").replaceChildren(...describe(error, { always: true }));
    composer.isReplying = Boolean(chat.replyOf());
  }
}
