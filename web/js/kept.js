/**
 * localStorage that shrugs when the browser forbids it, as what is kept here is only ever a convenience; and the theme,
 * which is kept there, and must stand before a page is painted. So all of this is one small file.
 */

export function recall(key) {
  try {
    return localStorage.getItem(key);
  } catch {
    return null;
  }
}

export function remember(key, value) {
  try {
    if (value === null) localStorage.removeItem(key);
    else localStorage.setItem(key, value);
  } catch {
    return;
  }
}

export function names() {
  try {
    return Object.keys(localStorage);
  } catch {
    return [];
  }
}

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
