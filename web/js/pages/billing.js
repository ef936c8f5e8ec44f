import { get, post } from "../api.js";
import { $, announce, describe } from "../dom.js";
import { AccountEvents } from "../models/account.js";
import { Orders, shared } from "../models/billing_orders.js";
import { Payment } from "../models/billing_payment.js";
import { Trip, chatPath } from "../models/billing_trip.js";
import { requireUser, session, startShell } from "../session.js";
import { BalanceView } from "../views/billing_balance.js";
import { OrdersView } from "../views/billing_orders.js";
import { PackagesView } from "../views/billing_packages.js";
import { PaymentView } from "../views/billing_payment.js";
import { PlanView, stands } from "../views/billing_plan.js";
import { RefundDialog, refundInWords } from "../views/billing_refund.js";
import { showRates } from "../views/rates.js";
import { showTopBar } from "../views/top_bar.js";

startShell();

const trouble = $("#trouble");

const user = await requireUser().catch(fail);
if (user) start(user);

function start(user) {
  const page = {
    account: new AccountEvents(user.id),
    trip: new Trip(() => sessionStorage),
    orders: new Orders(),
    balance: new BalanceView($("#balance")),
    plan: new PlanView($("#plan")),
    packages: new PackagesView($("#packages")),
    list: new OrdersView({ list: $("#orders"), empty: $("#no-orders"), more: $("#more-orders") }),
    refund: new RefundDialog($("#refund")),
    payment: null,
  };
  page.refresh = shared(() => refresh(page));
  showTopBar(user, page.account, trouble);
  arrive(page);
  wireOrders(page);
  wireBuying(page);
  wireAccount(page);
  addEventListener("online", () => load(page));
  load(page);
}

/** All that the page shows; also what a lost network has kept from it. */
function load(page) {
  trouble.replaceChildren();
  Promise.all([page.refresh(), showOffers(page), showModels()]).catch(fail);
}

function fail(error) {
  if (error.status === 401) return session.load().catch(fail);
  trouble.replaceChildren(...describe(error, { always: true }));
  trouble.scrollIntoView({ block: "nearest" });
  return null;
}

/** Where the reader comes from, and whether they went away to pay. */
function arrive(page) {
  const { trip } = page;
  const query = new URLSearchParams(location.search);
  trip.cameFrom(chatPath(query.get("from") ?? document.referrer, location.origin));
  showWayBack(trip.from);
  const returned = query.get("session_id");
  if (!returned) clearAddress();
  if (returned ?? trip.sessionId) confirmPayment(page, returned ?? trip.sessionId, !returned);
}

function showWayBack(path) {
  if (!path) return;
  const link = $(".way-back a");
  link.href = path;
  link.textContent = path === "/chat" ? "Back to the chat" : "Back to your conversation";
  $(".way-back").hidden = false;
}

function clearAddress() {
  if (location.search) history.replaceState(null, "", location.pathname);
}

/** `wasLeft`: the till did not send the reader back with news, so one look says how the payment stands. */
function confirmPayment(page, sessionId, wasLeft) {
  const { trip } = page;
  const view = new PaymentView($("#payment"));
  const payment = new Payment(() => post(`/api/billing/checkout/${encodeURIComponent(sessionId)}/complete`));
  const show = () => view.show(payment, { wasLeft, from: trip.from });
  let before = null;
  payment.addEventListener("change", () => {
    if (payment.trouble?.status === 401) return fail(payment.trouble);
    if (wasLeft && payment.state === null) return null;
    show();
    if (payment.isOver || payment.state === "pending" || wasLeft) {
      trip.isOver();
      clearAddress();
    }
    if (payment.state !== before) page.refresh().catch(fail);
    before = payment.state;
    return null;
  });
  $("[data-action=again]", $("#payment")).addEventListener("click", () => (payment.follow(), show()));
  addEventListener("online", () => payment.nudge());
  page.payment = payment;
  if (wasLeft) return payment.ask();
  show();
  return payment.follow();
}

async function refresh({ balance, orders }) {
  await Promise.all([orders.refresh(), balance.load(() => get("/api/billing/balance"))]);
}

async function showOffers({ packages }) {
  const { packages: offers, payments } = await get("/api/billing/packages?limit=100");
  packages.show(offers, { isOpen: payments !== "off" });
  $("#practice").hidden = !["sandbox", "test"].includes(payments);
  $("#closed").hidden = payments !== "off";
}

async function showModels() {
  const { models } = await get("/api/models?limit=100");
  showRates($("#rates"), models);
}

function wireOrders(page) {
  const { list, orders, packages, plan, refund } = page;
  orders.addEventListener("change", () => {
    list.show(orders);
    plan.show(orders.plan);
    packages.hasPlan = stands(orders.plan);
  });
  list.addEventListener("refund", async ({ detail: id }) => {
    // What is unused may be less than when the list was made.
    await orders.refresh().catch(fail);
    const order = orders.find(id);
    if (!order?.refundable) return announce("Nothing of this purchase is left to give back.");
    const done = await refund.ask(order);
    list.focus(id);
    if (!done) return null;
    announce(refundInWords(done, order));
    return page.refresh().catch(fail);
  });
  $("#more-orders").addEventListener("click", async ({ target }) => {
    if (target.getAttribute("aria-disabled") === "true") return;
    target.setAttribute("aria-disabled", "true");
    const shown = orders.list.length;
    await orders.more().catch(fail);
    target.setAttribute("aria-disabled", "false");
    if (orders.list[shown]) list.focus(orders.list[shown].id);
  });
}

function wireBuying({ packages, plan, trip }) {
  const keys = new Map();
  const leave = async (button, words, ask) => {
    const before = button.textContent;
    trouble.replaceChildren();
    packages.isBusy = true;
    button.setAttribute("aria-disabled", "true");
    button.textContent = words;
    try {
      location.assign(await ask());
    } catch (error) {
      fail(error);
      packages.isBusy = false;
      button.setAttribute("aria-disabled", "false");
      button.textContent = before;
    }
  };
  const manage = ({ detail: { button } }) =>
    leave(button, "Opening…", async () => (await post("/api/billing/portal")).url);
  packages.addEventListener("buy", ({ detail: { offer, button } }) =>
    leave(button, "Opening…", async () => {
      const begun = await buy(offer.id, keys);
      trip.leave(begun.sessionId);
      announce("You are being taken to the payment page.");
      return begun.url;
    }),
  );
  packages.addEventListener("manage", manage);
  plan.addEventListener("manage", manage);
}

/** Pressed again after an answer that never came, it is the same purchase. */
async function buy(packageId, keys) {
  const key = keys.get(packageId) ?? crypto.randomUUID();
  keys.set(packageId, key);
  try {
    const begun = await post("/api/billing/checkout", { packageId }, { headers: { "Idempotency-Key": key } });
    keys.delete(packageId);
    return begun;
  } catch (error) {
    if (error.status) keys.delete(packageId);
    throw error;
  }
}

/** What other tabs, answers and the bank do meanwhile. */
function wireAccount(page) {
  page.account.addEventListener("balance", ({ detail }) => page.balance.hear(detail));
  page.account.addEventListener("payment", () => {
    page.payment?.nudge();
    page.refresh().catch(() => {});
  });
}
