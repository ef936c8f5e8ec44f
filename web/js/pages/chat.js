import { $, $$, announce } from "../dom.js";
import { AccountEvents } from "../models/account.js";
import { Chat } from "../models/chat.js";
import { Conversations, Drafts } from "../models/conversations.js";
import { requireUser, session, startShell } from "../session.js";
import * as storage from "../kept.js";
import { Composer, ModelPicker, Quote, wireComposer } from "../views/composer.js";
import { Sidebar, showAccount, wireDrawer } from "../views/frame.js";
import { MessagesView } from "../views/messages.js";
import { toast, troubleOf } from "../views/notices.js";

startShell();

const notices = $(".notices");
const composer = new Composer($(".composer"));
const messageInHash = () => /^#(msg_\w+)$/.exec(location.hash)?.[1];
const idInPath = () => decodeURIComponent(/^\/chat\/([^/]+)$/.exec(location.pathname)?.[1] ?? "") || null;

// A new chat looks the same whoever it is, so it need not wait for the answer.
$(".empty").hidden = Boolean(idInPath());
let starting = null;
let isSentEarly = false;
composer.addEventListener("send", () => {
  isSentEarly = true;
  begin();
});
addEventListener("online", begin);
begin();

/** Starts as soon as it is known who reads, however often it is called. */
function begin() {
  starting ??= requireUser().then(
    (user) => user && start(user),
    (error) => {
      starting = null;
      tell(error, begin);
    },
  );
}

function start(user) {
  const drafts = new Drafts(user.id, storage);
  const conversations = new Conversations();
  const chat = new Chat(drafts);
  const account = new AccountEvents(user.id);
  const page = {
    drafts,
    conversations,
    chat,
    composer,
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
  loadModels(page);
  if (!idInPath()) chat.lookForRunning();
  page.open(idInPath(), { isFirst: true, messageId: messageInHash() });
  if (isSentEarly) composer.dispatchEvent(new Event("send"));
}

const loadModels = ({ picker }) => picker.load().catch((error) => tell(error));

/** Says below the conversation what failed, perhaps with another try. */
function tell(error, again) {
  notices.replaceChildren(troubleOf(error, 0, again && (() => (composer.focus(), again()))));
  notices.scrollIntoView({ block: "end" });
}

/** What could not be had without a network is asked for again. */
function comeBack(page) {
  page.again?.();
  if (page.conversations.error) page.conversations.load();
  if (!page.picker.model) loadModels(page);
}

/** What a hand or a key asks for comes with the first one that does. */
const resumeEdit = async (...what) => (await import("../views/edit.js")).resumeEdit(...what);

function wireActions(page) {
  const { messages, sidebar } = page;
  $(".messages").addEventListener("click", async (event) => {
    const button = event.target.closest("[data-action]");
    const view = button && messages.viewOf(button);
    if (!view) return;
    (await import("../views/actions.js")).act(button, view, page);
  });
  sidebar.addEventListener("more", async ({ detail: { button, id } }) => {
    (await import("../views/row_menu.js")).openRowMenu(button, id, page);
  });
}

/** The keys that work everywhere on the page. */
function wireKeys({ chat, newChat, sidebar }, drawer) {
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

async function openShortcuts() {
  $("#account-menu").hidePopover();
  (await import("../views/shortcuts.js")).openShortcuts();
}

/** Escape closes what is open first; only then does it stop a reply. */
const canStop = (event, chat) =>
  !event.defaultPrevented &&
  !event.target.matches?.("input") &&
  chat.replyOf() &&
  !document.querySelector(":popover-open, .sidebar.open, form.edit");

async function openConversation(page, id, { isFirst = false, isNew = !isFirst, messageId } = {}) {
  const { chat, drafts } = page;
  // What was written before the page had started belongs to the conversation that it opens.
  const early = isFirst ? composer.text : page.keep();
  if (isNew && idInPath() !== id) history.pushState(null, "", id ? `/chat/${encodeURIComponent(id)}` : "/chat");
  notices.replaceChildren();
  page.again = null;
  const opening = chat.open(id, messageId);
  const draft = drafts.text(id);
  composer.text = joined(chat.isSending(draft, id) ? "" : draft, early);
  composer.focus();
  await loaded(page, opening, messageId);
}

/** What could not be loaded is tried again when somebody asks for it, or the network is back. */
async function loaded(page, loading, messageId) {
  const { chat } = page;
  const { transcript } = chat;
  try {
    await loading;
  } catch (error) {
    if (error.status === 401) return session.load();
    if (chat.transcript !== transcript) return;
    if (error.status === 404) {
      toast("This conversation does not exist any more.");
      history.replaceState(null, "", "/chat");
      return page.open(null, { isNew: false });
    }
    $(".loading").hidden = true;
    page.again = () => {
      page.again = null;
      notices.replaceChildren();
      $(".loading").hidden = false;
      loaded(page, chat.load(messageId), messageId);
    };
    tell(error, page.again);
  }
}

/** Two texts that somebody wrote one after the other. */
const joined = (one, other) => [...new Set([one, other])].filter(Boolean).join("\n\n");

function wireChat(page) {
  const { chat, conversations, drafts, messages, showBalance, sidebar } = page;
  const show = ({ detail }) => {
    const { transcript, isLoading } = chat;
    $(".loading").hidden = !isLoading;
    showPlace(chat);
    messages.show(transcript);
    if (detail?.messageId) messages.toMessage(detail.messageId);
    transcript.addEventListener("change", () => transcript === chat.transcript && showPlace(chat));
    mark();
    const isWaiting = !isLoading && !chat.replyOf() && drafts.unsent(`${transcript.id}.edit`);
    if (isWaiting) resumeEdit(page);
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
    if (!created) return;
    if (transcript === chat.transcript) {
      // What was typed since belongs to the next message, and now that has a place.
      drafts.clear(null);
      drafts.keep(transcript.id, composer.text);
      history.replaceState(null, "", `/chat/${encodeURIComponent(transcript.id)}`);
    }
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
    if (sent.isNew) {
      const isHere = transcript.id === chat.transcript.id;
      const text = joined(sent.message, isHere ? composer.text : drafts.text(transcript.id));
      if (isHere) composer.text = text;
      drafts.keep(transcript.id, text);
    }
    if (error.status === 401) return session.load();
    if (transcript !== chat.transcript) return toast(error.message);
    announce(error.message);
    if (error.code === "turn_running") chat.refresh();
    if (sent.message && !sent.isNew) return resumeEdit(page, troubleOf(error));
    tell(error);
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

function wireList({ chat, conversations }) {
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
