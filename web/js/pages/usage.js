import { get } from "../api.js";
import { $, announce, describe, element, fill } from "../dom.js";
import { balance, count } from "../format.js";
import { AccountEvents } from "../models/account.js";
import { UsageDays } from "../models/usage_days.js";
import { Statement } from "../models/usage_statement.js";
import { requireUser, session, startShell } from "../session.js";
import { UsageChart, daysAsTable } from "../views/usage_chart.js";
import { modelsTable } from "../views/usage_models.js";
import { StatementView } from "../views/usage_statement.js";
import { wireVerifying } from "../views/usage_verify.js";
import { showTopBar } from "../views/top_bar.js";

const DAYS_MAX = 90;
// Several things may happen to an account at once; one look will do for them.
const CALM_MS = 400;

startShell();

const statement = new Statement();
const list = new StatementView($("#entries"));
const chart = new UsageChart($("#days"));
let days = null;

const user = await requireUser().catch((error) => fail($("#days-trouble"), error));
if (user) start(user);

function start(user) {
  const account = new AccountEvents(user.id);
  showTopBar(user, account, $("#days-trouble"));
  statement.addEventListener("change", ({ detail: { added } }) => {
    list.show(statement);
    if (added) announce(added === 1 ? "1 new entry on your statement." : `${count(added)} new entries on your statement.`);
  });
  $("#ranges").addEventListener("change", showDays);
  wireStatement();
  wireVerifying($("#verify"), $("#verdict"));
  follow(account, user.balance);
  loadDays();
  loadStatement();
}

async function loadDays() {
  const trouble = $("#days-trouble");
  try {
    days = new UsageDays((await get(`/api/billing/usage/daily?days=${DAYS_MAX}`)).days);
    trouble.replaceChildren();
    showDays();
  } catch (error) {
    fail(trouble, error, loadDays);
  }
}

function showDays() {
  const range = Number($("#ranges input:checked").value);
  if (!days) return;
  const shown = days.last(range);
  const sum = days.since(shown[0].day);
  const isEmpty = sum.replies === 0;
  $("#days").hidden = isEmpty;
  $("#no-days").hidden = !isEmpty;
  $("#days").setAttribute("aria-busy", "false");
  if (isEmpty) return;
  fill($("#days"), {
    range: `Last ${range} days`,
    inRange: balance(sum.tokens),
    inMonth: balance(days.thisMonth.tokens),
    replies: count(sum.replies),
  });
  chart.show(shown);
  $(".models").replaceChildren(modelsTable(days.byModel(shown[0].day), days.models));
  $(".as-table .scroller").replaceChildren(daysAsTable(shown, days.models));
}

async function loadStatement(range) {
  const trouble = $("#statement-trouble");
  try {
    await statement.load(range);
    trouble.replaceChildren();
  } catch (error) {
    $("#entries").setAttribute("aria-busy", "false");
    fail(trouble, error, () => loadStatement(range));
  }
}

function wireStatement() {
  const form = $("#filter");
  const { from, to } = form.elements;
  form.addEventListener("change", () => {
    $("[type=reset]", form).hidden = !from.value && !to.value;
    loadStatement({ from: from.value, to: to.value });
  });
  form.addEventListener("reset", () => {
    $("[type=reset]", form).hidden = true;
    from.focus();
    loadStatement({ from: "", to: "" });
  });
  form.addEventListener("submit", (event) => event.preventDefault());
  $("#more").addEventListener("click", async ({ target }) => {
    if (target.getAttribute("aria-disabled") === "true") return;
    target.setAttribute("aria-disabled", "true");
    const shown = statement.entries.length;
    try {
      await statement.more();
      if (target.hidden) list.focus(statement.entries[shown]);
    } catch (error) {
      fail($("#statement-trouble"), error);
    }
    target.setAttribute("aria-disabled", "false");
  });
}

/** Every change of the balance is an entry, or the beginning of one. */
function follow(account, known) {
  let waiting;
  account.addEventListener("balance", ({ detail }) => {
    if (detail.balance === known) return;
    known = detail.balance;
    clearTimeout(waiting);
    waiting = setTimeout(() => {
      loadDays();
      if (!statement.to) statement.refresh().catch(() => {});
    }, CALM_MS);
  });
}

function fail(place, error, again) {
  if (error.status === 401) {
    session.load().catch(() => {});
    return null;
  }
  place.replaceChildren(...describe(error, { always: true }));
  if (again) {
    const button = element("button", { type: "button", class: "link-button" }, "Try again");
    button.addEventListener("click", again);
    place.append(button);
  }
  return null;
}
