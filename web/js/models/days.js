const DAY_MS = 86_400_000;
const month = new Intl.DateTimeFormat("en", { month: "long", year: "numeric" });

const midnight = (time) => new Date(time.getFullYear(), time.getMonth(), time.getDate());

/** Under which heading a conversation of that time stands. */
export function dayGroup(isoTime, now = new Date()) {
  const time = new Date(isoTime);
  const days = Math.round((midnight(now) - midnight(time)) / DAY_MS);
  if (days <= 0) return "Today";
  if (days === 1) return "Yesterday";
  if (days < 8) return "Last 7 days";
  if (days < 31) return "Last 30 days";
  return month.format(time);
}

/** `[heading, conversations]` in the order they come. */
export function grouped(conversations, now = new Date()) {
  const groups = new Map();
  for (const each of conversations) {
    const heading = dayGroup(each.updatedAt, now);
    if (!groups.has(heading)) groups.set(heading, []);
    groups.get(heading).push(each);
  }
  return [...groups];
}
