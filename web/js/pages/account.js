import { patch, post } from "../api.js";
import { $, announce, describe, fill } from "../dom.js";
import { runForm } from "../form.js";
import { balance, day, role } from "../format.js";
import { AccountEvents } from "../models/account.js";
import { requireUser, session, startShell } from "../session.js";
import { Farewell } from "../views/account_farewell.js";
import { SessionsView } from "../views/account_sessions.js";
import { showInitial, showTopBar } from "../views/top_bar.js";

startShell();

const profile = $("#profile");
const trouble = $("#account-trouble");
const nameForm = $("#name-form");
const passwordForm = $("#password-form");
const sessions = new SessionsView();

function showUser(user) {
  const account = new AccountEvents(user.id);
  showTopBar(user, account, trouble);
  account.addEventListener("balance", ({ detail }) => fill(profile, { balance: balance(detail.balance) }));
  fill(profile, {
    email: user.email,
    role: role(user.role),
    balance: balance(user.balance),
    since: day(user.createdAt),
  });
  // Whoever has begun to write another one already keeps that.
  nameForm.elements.name.value ||= user.name;
  passwordForm.elements.username.value = user.email;
  profile.setAttribute("aria-busy", "false");
  return account;
}

runForm(nameForm, {
  busyLabel: "Saving…",
  async send({ name }) {
    try {
      const { user } = await patch("/api/auth/me", { name });
      nameForm.elements.name.value = user.name;
      showInitial(user);
    } catch (error) {
      if (error.status !== 401 || (await session.load())) throw error;
      return true;
    }
    announce("Your name is saved.");
  },
});

runForm(passwordForm, {
  busyLabel: "Saving…",
  places: { wrong_password: "currentPassword" },
  async send({ currentPassword, newPassword }) {
    try {
      await post("/api/auth/password", { currentPassword, newPassword });
    } catch (error) {
      if (error.status !== 401 || (await session.load())) throw error;
      return true;
    }
    passwordForm.reset();
    announce("Your password is changed. Other devices are signed out.");
    sessions.show();
  },
});

try {
  const user = await requireUser();
  if (user) {
    const account = showUser(user);
    sessions.show();
    $("#export").href = "/api/account/export";
    const farewell = new Farewell(user, account);
    $("#delete-account").addEventListener("click", () => farewell.open());
  }
} catch (error) {
  trouble.replaceChildren(...describe(error));
}
