import { get } from "../api.js";
import { $, $$, describe, element } from "../dom.js";
import { balance, count } from "../format.js";
import { addSheet } from "../sheet.js";
import { toast } from "./notices.js";

/** What is done to a message; asked for with the first of it. */

/** What the small buttons below a message do. */
export function act(button, view, page) {
  return ACTIONS[button.dataset.action](view, page, button);
}

const again = ({ message }, page) => send(page, { parentId: message.parentId, regenerate: true, model: page.picker.model });

const carryOn = ({ message }, page) =>
  send(page, { parentId: message.id, carryOn: true, model: message.model ?? page.picker.model });

const previous = ({ message }, page) => choose(message, page, -1);

const next = ({ message }, page) => choose(message, page, 1);

const receipt = ({ message, node }, page, button) => toggleReceipt(button, $(".receipt", node), message.id);

function send({ chat, messages }, ask) {
  if (chat.replyOf()) return void toast("One answer at a time. Stop this one first, or wait for its end.");
  chat.send(ask);
  messages.toEnd();
}

async function choose({ id, siblings }, { chat }, step) {
  if (chat.replyOf()) return void toast("An answer is still being written here.");
  const wanted = siblings[siblings.indexOf(id) + step];
  try {
    await chat.transcript.choose(wanted);
  } catch (error) {
    return void toast(error.message);
  }
  const now = document.querySelector(`article[data-id="${CSS.escape(wanted)}"]`);
  now?.scrollIntoView({ block: "nearest" });
  const buttons = now ? $$(".branches button:not(:disabled)", now) : [];
  buttons.at(step > 0 ? -1 : 0)?.focus();
}

const edit = async (view, page) => (await import("./edit.js")).edit(view, page);

async function copy({ message }) {
  try {
    await navigator.clipboard.writeText(message.content);
    toast("Copied.", { milliseconds: 2_000 });
  } catch {
    toast("The browser did not allow copying.");
  }
}

const ACTIONS = { copy, edit, again, continue: carryOn, previous, next, receipt };

const COUNTED = { tiktoken: "Counted exactly", estimate: "An estimate, as the model's own counting is not public" };
const rate = (perThousand) => (perThousand === 1000 ? "" : ` × ${perThousand / 1000}`);

let styled;

/** Opens or closes the receipt below a reply. It is fetched when it is wanted. */
async function toggleReceipt(button, place, messageId) {
  const isOpen = button.getAttribute("aria-expanded") === "true";
  button.setAttribute("aria-expanded", String(!isOpen));
  place.hidden = isOpen;
  if (isOpen) return;
  await (styled ??= addSheet("css/receipt.css"));
  place.replaceChildren(element("p", { class: "hint" }, "Fetching the receipt…"));
  try {
    place.replaceChildren(...receiptOf(await get(`/api/billing/usage/${encodeURIComponent(messageId)}`)));
  } catch (error) {
    place.replaceChildren(...describe(error));
  }
  place.scrollIntoView({ block: "nearest" });
}

/** The lines of a receipt, and who counted them. */
export function receiptOf(bill) {
  const facts = [
    ["Model", bill.model],
    ["Question and history", `${count(bill.promptTokens)}${rate(bill.inputRate)}`],
    ["Answer", `${count(bill.completionTokens)}${rate(bill.outputRate)}`],
    ["Set aside, then given back", `${count(bill.held)} → ${count(bill.released)}`],
    ["Charged", balance(bill.charged)],
    ["Balance after", count(bill.balanceAfter)],
    ["Entry", bill.sequence === null ? "none" : `No. ${count(bill.sequence)} on your statement`],
  ];
  const list = element("dl", {});
  for (const [name, value] of facts) {
    list.append(element("div", {}, element("dt", {}, name), element("dd", {}, value)));
  }
  return [list, element("p", { class: "hint" }, `${COUNTED[bill.countedBy] ?? bill.countedBy}.`)];
}
