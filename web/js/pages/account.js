import { post } from "../api.js";
import { $, announce, describe, fill } from "../dom.js";
import { runForm } from "../form.js";
import { balance, day, role } from "../format.js";
import { session } from "../session.js";
import { requireUser, startShell } from "../shell.js";

startShell();

const profile = $("#profile");
const trouble = $("#account-trouble");
const passwordForm = $("#password-form");
const signOutButton = $("#sign-out");

function showUser(user) {
  fill(profile, {
    email: user.email,
    name: user.name || "Not set",
    role: role(user.role),
    balance: balance(user.balance),
    since: day(user.createdAt),
  });
  passwordForm.elements.username.value = user.email;
  profile.setAttribute("aria-busy", "false");
}

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
  },
});

signOutButton.addEventListener("click", async () => {
  if (signOutButton.getAttribute("aria-disabled") === "true") return;
  signOutButton.setAttribute("aria-disabled", "true");
  trouble.replaceChildren();
  try {
    await session.signOut();
  } catch (error) {
    trouble.replaceChildren(...describe(error));
    signOutButton.setAttribute("aria-disabled", "false");
  }
});

try {
  const user = await requireUser();
  if (user) showUser(user);
} catch (error) {
  trouble.replaceChildren(...describe(error));
}
