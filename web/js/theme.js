import { recall, remember } from "./storage.js";

const KEY = "prome.theme";
const CHOICES = ["system", "light", "dark"];
const root = document.documentElement;

function current() {
  const kept = recall(KEY);
  return CHOICES.includes(kept) ? kept : "system";
}

function apply() {
  const choice = current();
  root.dataset.theme = choice;
  for (const button of document.querySelectorAll("[data-theme-button]")) {
    button.setAttribute("aria-label", `Theme: ${choice}`);
    button.title = `Theme: ${choice}`;
  }
}

/** Makes every theme button on the page step through system, light and dark. */
export function wireThemeButtons() {
  for (const button of document.querySelectorAll("[data-theme-button]")) {
    button.addEventListener("click", () => {
      remember(KEY, CHOICES[(CHOICES.indexOf(current()) + 1) % CHOICES.length]);
      apply();
    });
  }
  addEventListener("storage", (event) => {
    if (event.key === KEY || event.key === null) apply();
  });
  apply();
}

apply();
