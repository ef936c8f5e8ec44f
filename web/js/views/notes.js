import { element } from "../dom.js";

const ENDINGS = {
  stopped: "Stopped. What was written until then is kept and charged.",
  length: "This answer reached its greatest length.",
  balance: "Your balance ended here, and the answer with it.",
  content_filter: "The model's own filter ended this answer.",
};
/** What stands below a reply that did not just end: nothing, or one line. */
export function noteOf({ status, finishReason, usage, content, error }) {
  const parts = [];
  if (status === "interrupted") parts.push("This answer was interrupted. What had arrived is kept.");
  else if (status === "failed" && content && !error) parts.push("This answer broke off. What had arrived is kept.");
  else if (ENDINGS[finishReason]) parts.push(ENDINGS[finishReason]);
  if (usage?.cached) parts.push("Answered from memory, free of charge.");
  const others = (usage?.attempts ?? []).filter(({ outcome }) => !["answered", "answering"].includes(outcome));
  if (others.length && status === "complete") parts.push(`Another model stepped in: ${usage.model}.`);
  if (!parts.length) return [];
  const note = element("p", { class: "note" }, parts.join(" "));
  if (finishReason === "balance") note.append(" ", element("a", { href: "/billing" }, "Get tokens"));
  return [note];
}
