import { $, $$, describe } from "../dom.js";

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
