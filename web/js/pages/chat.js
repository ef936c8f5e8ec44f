import { $, $$, announce, describe } from "../dom.js";
import { AccountEvents } from "../models/account.js";
import { Chat } from "../models/chat.js";
import { Conversations, Drafts } from "../models/conversations.js";
import { requireUser, session, startShell } from "../session.js";
import * as storage from "../kept.js";
import { Composer, ModelPicker, Quote } from "../views/composer.js";
import { Sidebar, showAccount, wireDrawer } from "../views/frame.js";
import { MessagesView } from "../views/messages.js";
import { toast, troubleOf } from "../views/notices.js";

startShell();

const notices = $(".notices");
const messageInHash = () => /^#(msg_\w+)$/.exec(location.hash)?.[1];
const idInPath = () => decodeURIComponent(/^\/chat\/([^/]+)$/.exec(location.pathname)?.[1] ?? "") || null;

// A new chat looks the same whoever it is, so it need not wait for the answer.
$(".empty").hidden = Boolean(idInPath());
const user = await requireUser().catch((error) => notices.replaceChildren(...describe(error)));
if (user) start(user);

function start(user) {
  const drafts = new Drafts(user.id, storage);
  const conversations = new Conversations();
  const chat = new Chat(drafts);
  const account = new AccountEvents(user.id);
  const page = {
    drafts,
    conversations,
    chat,
    composer: new Composer($(".composer")),
    quote: new Quote($("#quote")),
    picker: new ModelPicker($("#model"), $("#price")),
    sidebar: new Sidebar($("#sidebar"), conversations),
    messages: new MessagesView({ root: $(".messages"), scroller: $(".transcript"), jump: $(".jump") }),
    open: (id, options) => openConversation(page, id, options),
    newChat: () => page.open(null),
  };
  const drawer = wireDrawer();
  page.sidebar.addEventListener("choose", ({ detail: { id, messageId } }) => {
    drawer.close();
    page.open(id, { messageId });
  });
  for (const link of $$("[data-new-chat]")) {
    link.addEventListener("click", (event) => {
      if (event.metaKey || event.ctrlKey || event.shiftKey) return;
      event.preventDefault();
      $("#account-menu").hidePopover();
      drawer.close();
      page.newChat();
    });
  }
  addEventListener("online", () => comeBack(page));
  // A link within the page is no way to another conversation.
  addEventListener("popstate", () => idInPath() !== chat.transcript.id && page.open(idInPath(), { isNew: false }));
  page.showBalance = showAccount(user, account);
  wireChat(page);
  wireComposer(page);
  wireList(page);
  wireActions(page);
  wireKeys(page, drawer);
  wireAccount(page, account);
  conversations.load();
  page.picker.load().catch((error) => notices.replaceChildren(troubleOf(error)));
  if (!idInPath()) chat.lookForRunning();
  page.open(idInPath(), { isFirst: true, messageId: messageInHash() });
}

/** What a hand or a key asks for comes with the first one that does. */
const actions = () => import("../views/actions.js");

function wireActions(page) {
  const { messages, sidebar } = page;
  $(".messages").addEventListener("click", async (event) => {
    const button = event.target.closest("[data-action]");
    const view = button && messages.viewOf(button);
    if (!view) return;
    (await actions()).act(button, view, page);
  });
  sidebar.addEventListener("more", async ({ detail: { button, id } }) => {
    (await import("../views/row_menu.js")).openRowMenu(button, id, page);
  });
}

/** The keys that work everywhere on the page. */
function wireKeys({ chat, composer, newChat, sidebar }, drawer) {
  $("[data-open-shortcuts]").addEventListener("click", openShortcuts);
  addEventListener("keydown", (event) => {
    if (event.isComposing || document.querySelector("dialog[open]")) return;
    const command = event.ctrlKey || event.metaKey;
    const key = event.key.toLowerCase();
    if (command && key === "k") {
      drawer.open();
      sidebar.focusSearch();
    } else if (command && event.shiftKey && key === "o") newChat();
    else if (key === "?" && !command && !event.target.matches?.("input, textarea, select")) openShortcuts();
    else if (key === "escape" && canStop(event, chat)) composer.dispatchEvent(new Event("stop"));
    else return;
    event.preventDefault();
  });
}

function openShortcuts() {
  $("#account-menu").hidePopover();
  $("#shortcuts").showModal();
}

/** Escape closes what is open first; only then does it stop a reply. */
const canStop = (event, chat) =>
  !event.defaultPrevented &&
  !event.target.matches?.("input") &&
  chat.replyOf() &&
  !document.querySelector(":popover-open, .sidebar.open, form.edit");

async function openConversation(page, id, { isFirst = false, isNew = !isFirst, messageId } = {}) {
  const { chat, composer, drafts, sidebar } = page;
  // An empty box means no draft, but not while the page starts, nor while its message is on its way.
  if (composer.text || !(isFirst || chat.replyOf())) drafts.keep(chat.transcript.id, composer.text);
  if (isNew && idInPath() !== id) history.pushState(null, "", id ? `/chat/${encodeURIComponent(id)}` : "/chat");
  notices.replaceChildren();
  composer.text = drafts.text(id);
  const opening = chat.open(id, messageId);
  sidebar.mark({ openId: id, running: chat.running });
  composer.focus();
  try {
    await opening;
  } catch (error) {
    if (error.status === 401) return session.load();
    if (chat.transcript.id !== id) return;
    if (error.status !== 404) return notices.replaceChildren(troubleOf(error));
    toast("This conversation does not exist any more.");
    history.replaceState(null, "", "/chat");
    await page.open(null, { isNew: false });
  }
}

function wireChat({ chat, composer, conversations, drafts, messages, showBalance, sidebar }) {
  const show = ({ detail }) => {
    const { transcript, isLoading } = chat;
    $(".loading").hidden = !isLoading;
    showPlace(chat);
    messages.show(transcript);
    if (detail?.messageId) messages.toMessage(detail.messageId);
    transcript.addEventListener("change", () => transcript === chat.transcript && showPlace(chat));
    mark();
  };
  const mark = () => {
    composer.isReplying = Boolean(chat.replyOf() || (chat.transcript.id && chat.running.has(chat.transcript.id)));
    sidebar.mark({ openId: chat.transcript.id, running: chat.running });
  };
  messages.stateOf = () => chat.replyOf()?.state;
  chat.addEventListener("open", show);
  chat.addEventListener("running", () => {
    mark();
    chat.rejoin();
  });
  chat.addEventListener("confirmed", ({ detail: { transcript, created } }) => {
    announce("Replying.");
    // What was typed since belongs to the next message.
    if (transcript === chat.transcript && composer.text) drafts.keep(transcript.id, composer.text);
    if (!created) return;
    if (transcript === chat.transcript) history.replaceState(null, "", `/chat/${encodeURIComponent(transcript.id)}`);
    if (conversations.find(transcript.id)) conversations.changed();
    else conversations.load();
  });
  chat.addEventListener("ended", ({ detail: { transcript, message, reply } }) => {
    announce(message.error ? message.error.message : "Finished.");
    if (reply.error?.status === 401) session.load();
    const isElsewhere = transcript !== chat.transcript && !conversations.isHidden(transcript.id);
    if (isElsewhere) toast(`Finished: ${conversations.find(transcript.id)?.title ?? "an answer"}`);
    if (reply.usage) showBalance(reply.usage.balanceAfter);
  });
  chat.addEventListener("refused", ({ detail: { transcript, sent, error } }) => {
    if (error.status === 401) return session.load();
    if (transcript !== chat.transcript) return toast(error.message);
    announce(error.message);
    if (sent.isNew) {
      composer.text = sent.message;
      drafts.keep(transcript.id, sent.message);
    }
    if (error.code === "turn_running") chat.refresh();
    notices.replaceChildren(troubleOf(error));
    messages.toEnd();
  });
}

function showPlace({ transcript, isLoading }) {
  $(".empty").hidden = isLoading || Boolean(transcript.id) || transcript.messages.length > 0;
  const words = transcript.messages[0]?.content.slice(0, 80);
  showTitle(transcript.conversation.title || words || (transcript.id ? "Chat" : "New chat"));
}

function showTitle(title) {
  $(".title").textContent = title;
  document.title = title && title !== "New chat" ? `${title} · Prome` : "Chat · Prome";
}

function wireComposer({ chat, composer, drafts, messages, picker, quote }) {
  let timer;
  const askQuote = () => {
    const message = composer.text.trim();
    if (!message || chat.replyOf()) return quote.clear();
    const { id } = chat.transcript;
    quote.ask({ message, ...(id && { conversationId: id }), ...(picker.model && { model: picker.model }) });
  };
  composer.addEventListener("input", () => {
    const { transcript } = chat;
    const { text } = composer;
    clearTimeout(timer);
    // While the message is on its way the draft keeps it, with its key.
    if (!chat.replyOf() || text) timer = setTimeout(() => drafts.keep(transcript.id, text), 200);
    askQuote();
  });
  $("#model").addEventListener("change", askQuote);
  const send = () => {
    const message = composer.text.trim();
    if (!message || chat.replyOf()) return;
    const { transcript } = chat;
    if (chat.isLoading) {
      // It goes out as soon as there is something to answer to.
      return chat.addEventListener("open", () => transcript === chat.transcript && send(), { once: true });
    }
    clearTimeout(timer);
    notices.replaceChildren();
    chat.send({ message, model: picker.model });
    composer.text = "";
    clearTimeout(timer);
    messages.toEnd();
  };
  composer.addEventListener("send", send);
  composer.addEventListener("stop", () => stop(chat, composer));
  addEventListener("pagehide", () => composer.text && drafts.keep(chat.transcript.id, composer.text));
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
    notices.replaceChildren(...describe(error, { always: true }));
    composer.isReplying = Boolean(chat.replyOf());
  }
}

function wireList({ chat, conversations, sidebar }) {
  sidebar.addEventListener("rename", async ({ detail: { id, title } }) => {
    try {
      await conversations.rename(id, title);
      if (chat.transcript.id === id) showTitle(title);
    } catch (error) {
      toast(error.message);
    }
  });
  conversations.addEventListener("change", () => {
    const known = conversations.find(chat.transcript.id);
    if (!known) return;
    chat.transcript.conversation = { ...chat.transcript.conversation, ...known };
    showTitle(known.title);
  });
}

function wireAccount({ chat, conversations, newChat }, account) {
  account.addEventListener("conversation", ({ detail }) => {
    conversations.take(detail);
    const { transcript } = chat;
    if (detail.id === transcript.id) {
      if (detail.deleted) return newChat();
      const isElsewhere = detail.currentMessageId !== transcript.tip?.id && !chat.replyOf();
      if (isElsewhere) chat.refresh();
    }
    chat.lookForRunning();
  });
  account.addEventListener("balance", () => chat.running.size && chat.lookForRunning());
}
