import { get } from "../api.js";
import { describe, element } from "../dom.js";
import { count } from "../format.js";

const HOW =
  "Each entry carries a fingerprint of itself and of the one before it. We made every one of them anew, from the first " +
  "entry on, and added up the balance. Had an entry been changed, left out or put in later, none behind it would fit.";
const BY_YOURSELF =
  "You need not take our word for it: the CSV holds all that it takes, and scripts/verify_statement.py checks it " +
  "without us.";

/** Has the whole statement checked, and says what was checked and how it came out. */
export function wireVerifying(button, place) {
  const words = button.textContent;
  button.addEventListener("click", async () => {
    if (button.getAttribute("aria-disabled") === "true") return;
    button.setAttribute("aria-disabled", "true");
    button.textContent = "Verifying…";
    try {
      const verdict = await get("/api/billing/ledger/verify");
      place.dataset.ok = verdict.ok;
      place.replaceChildren(...inWords(verdict));
    } catch (error) {
      place.dataset.ok = "unknown";
      place.replaceChildren(...describe(error, { always: true }));
    }
    button.textContent = words;
    button.setAttribute("aria-disabled", "false");
  });
}

function inWords({ ok, entries, firstBad }) {
  if (!ok) {
    const wrong = `Entry No. ${count(firstBad)} is not as it was written.`;
    return [paragraph("strong", wrong), paragraph("span", "Please save the CSV and write to us. This is our fault.")];
  }
  const all = entries === 1 ? "The one entry is as it was written." : `All ${count(entries)} entries are as written.`;
  const right = entries ? `${all} Nothing was changed, and the balance adds up.` : "There is no entry yet to verify.";
  return [paragraph("strong", right), paragraph("span", HOW), paragraph("span", BY_YOURSELF)];
}

const paragraph = (kind, words) => element("p", {}, element(kind, {}, words));
