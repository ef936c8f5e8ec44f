import { $, $$, arrange, clone, describe, element, fill } from "../dom.js";
import { balance } from "../format.js";
import * as storage from "../kept.js";
import { Full } from "../models/account.js";
import { grouped } from "../models/conversations.js";
import { session } from "../session.js";
import { toast } from "./notices.js";

const SEARCH_MS = 200;

/**
 * The list of conversations. Fires "choose" with the id of the one that was clicked, and of the message when a search
 * found one in it; and "more".
 */
export class Sidebar extends EventTarget {
  #conversations;
  #list;
  #search;
  #more = element("div", { class: "more" });
  #timer;
  #openId = null;
  #running = new Map();
  #rows = new Map();
  #groups = new Map();

  constructor(root, conversations) {
    super();
    this.#conversations = conversations;
    this.#list = $(".conversations", root);
    this.#search = $("#search", root);
    conversations.addEventListener("change", () => this.#render());
    this.#search.addEventListener("input", () => {
      clearTimeout(this.#timer);
      this.#timer = setTimeout(() => conversations.load(this.#search.value.trim()), SEARCH_MS);
    });
    this.#search.addEventListener("keydown", (event) => {
      if (event.key !== "Escape" || !this.#search.value) return;
      event.stopPropagation();
      this.#search.value = "";
      this.#search.dispatchEvent(new Event("input"));
    });
    this.#list.addEventListener("click", (event) => this.#clicked(event));
    this.#list.addEventListener("keydown", (event) => {
      const row = event.target.closest(".row");
      if (event.key === "F2" && row) this.rename(row.dataset.id);
    });
    new IntersectionObserver((seen) => seen.some((each) => each.isIntersecting) && conversations.more(), {
      root: this.#list,
      rootMargin: "0px 0px 300px",
    }).observe(this.#more);
  }

  focusSearch() {
    this.#search.focus();
    this.#search.select();
  }

  focus(id) {
    this.#rows.get(id)?.querySelector("a").focus();
  }

  mark({ openId, running }) {
    this.#openId = openId ?? null;
    this.#running = running;
    for (const row of this.#rows.values()) this.#markRow(row);
  }

  async rename(id) {
    const { renameIn } = await import("./rename.js");
    const { title } = this.#conversations.find(id);
    renameIn(this.#rows.get(id), title, (now) => {
      this.#conversations.rename(id, now).catch(({ message }) => toast(message));
    });
  }

  #clicked(event) {
    const row = event.target.closest(".row");
    if (!row) return;
    const more = event.target.closest(".row-more");
    if (more) return this.dispatchEvent(new CustomEvent("more", { detail: { button: more, id: row.dataset.id } }));
    const link = event.target.closest("a");
    if (!link || event.metaKey || event.ctrlKey || event.shiftKey || event.button) return;
    event.preventDefault();
    this.dispatchEvent(new CustomEvent("choose", { detail: { ...row.dataset } }));
  }

  /** Each row stays the element that it is, so that whoever is in it stays there too. */
  #render() {
    const { error, hasMore, isLoading, question, shown } = this.#conversations;
    const { scrollTop } = this.#list;
    const focused = document.activeElement;
    this.#rows = new Map(shown.map((each) => [each.id, this.#row(each, this.#rows.get(each.id))]));
    const groups = question && shown.length ? [["Found", shown]] : grouped(shown);
    const nodes = groups.flatMap(([heading, rows]) => this.#group(heading, rows));
    if (error) nodes.push(element("div", { class: "list-note" }, ...describe(error)));
    else if (!shown.length && !isLoading) nodes.push(element("p", { class: "list-note" }, emptyWords(question)));
    if (hasMore) nodes.push(this.#more);
    arrange(this.#list, nodes);
    this.#list.scrollTop = scrollTop;
    // A row that changes its place loses the focus on the way.
    if (focused !== document.activeElement && this.#list.contains(focused)) focused.focus({ preventScroll: true });
    this.#list.setAttribute("aria-busy", "false");
  }

  #group(heading, rows) {
    const id = `group-${heading.replace(/\W/g, "")}`;
    const made = this.#groups.get(id) ?? [element("h2", { id }, heading), element("ul", { "aria-labelledby": id })];
    this.#groups.set(id, made);
    arrange(made[1], rows.map((each) => this.#rows.get(each.id)));
    return made;
  }

  #row({ id, title, snippet, messageId }, row = clone("conversation-row")) {
    row.dataset.id = id;
    $("a", row).href = `/chat/${encodeURIComponent(id)}${messageId ? `#${messageId}` : ""}`;
    if (messageId) row.dataset.messageId = messageId;
    else delete row.dataset.messageId;
    $(".row-title", row).textContent = title;
    $(".row-snippet", row).textContent = snippet ?? "";
    $(".row-more", row).setAttribute("aria-label", `More about ${title}`);
    this.#markRow(row);
    return row;
  }

  #markRow(row) {
    const isOpen = row.dataset.id === this.#openId;
    const link = $("a", row);
    if (isOpen) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
    $(".row-running", row).hidden = !this.#running.has(row.dataset.id);
  }
}

const emptyWords = (question) => (question ? "Nothing was found." : "Your conversations will be here.");

const WIDE = matchMedia("(min-width: 56rem)");

/** On a small screen the list of conversations is a drawer over the page. */
export function wireDrawer() {
  const sidebar = $("#sidebar");
  const scrim = $(".scrim");
  const opener = $(".sidebar-open");
  const others = [$(".top-bar"), $("main")];
  const set = (open) => {
    const isOver = open && !WIDE.matches;
    sidebar.classList.toggle("open", isOver);
    scrim.hidden = !isOver;
    opener.setAttribute("aria-expanded", String(isOver));
    for (const other of others) other.inert = isOver;
    sidebar.inert = !isOver && !WIDE.matches;
  };
  const close = () => {
    const wasOpen = sidebar.classList.contains("open");
    set(false);
    if (wasOpen) opener.focus();
  };
  opener.addEventListener("click", () => {
    set(true);
    $(".sidebar-close").focus();
  });
  $(".sidebar-close").addEventListener("click", close);
  scrim.addEventListener("click", close);
  sidebar.addEventListener("keydown", ({ key }) => {
    if (key === "Escape" && !document.querySelector(":popover-open")) close();
  });
  WIDE.addEventListener("change", () => set(false));
  set(false);
  return { open: () => set(true), close };
}

/** Who is signed in and what they have, kept true by the account's events. Answers how to show a balance sooner. */
export function showAccount(user, account) {
  const full = new Full(user.id, storage);
  const show = (tokens) => {
    fill($(".top-bar"), { balance: balance(tokens) });
    $(".low").hidden = !full.isLow(tokens) && tokens > 0;
    $(".low span").textContent = tokens > 0 ? "Your balance is getting low." : "You have no tokens left.";
  };
  const [initial] = user.name || user.email;
  fill($(".top-bar"), { email: user.email, initial: initial.toUpperCase() });
  $(".who").title = user.email;
  show(user.balance);
  account.addEventListener("balance", ({ detail }) => show(detail.balance));
  account.addEventListener("lost", () => session.check());
  $("#sign-out").addEventListener("click", () => session.signOut().catch((error) => toast(error.message)));
  return show;
}
