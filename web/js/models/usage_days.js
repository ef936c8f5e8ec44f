const DAY_MS = 86_400_000;
const NICE = [1, 2, 3, 4, 5, 6, 8, 10];

/** The UTC day of a moment, as `2026-01-31`. */
const utcDay = (time) => new Date(time).toISOString().slice(0, 10);

/**
 * What was used, by day and model: the rows of `/api/billing/usage/daily` with the days between them.
 * Models come in the order of all they used, so that each keeps its colour whatever range is shown.
 */
export class UsageDays {
  constructor(rows, now = Date.now()) {
    this.today = utcDay(now);
    this.models = [...sums(rows, "model")].sort(([, a], [, b]) => b.tokens - a.tokens).map(([model]) => model);
    this.rows = rows;
  }

  /** The last `count` days, oldest first, each with what every model used on it. */
  last(count) {
    const last = Date.parse(this.today);
    const days = Array.from({ length: count }, (_, index) => utcDay(last - (count - 1 - index) * DAY_MS));
    return days.map((day) => {
      const rows = this.rows.filter((row) => row.day === day);
      const byModel = this.models.map((model) => rows.find((row) => row.model === model)?.tokensUsed ?? 0);
      return { day, byModel, ...total(rows) };
    });
  }

  since(day) {
    return total(this.rows.filter((row) => row.day >= day));
  }

  get thisMonth() {
    return this.since(`${this.today.slice(0, 7)}-01`);
  }

  /** What each model used since that day, those that used nothing left out. */
  byModel(day) {
    const found = sums(this.rows.filter((row) => row.day >= day), "model");
    return this.models.map((model) => ({ model, ...found.get(model) })).filter(({ replies }) => replies);
  }
}

function sums(rows, key) {
  const found = new Map();
  for (const row of rows) {
    found.set(row[key], total([row], found.get(row[key])));
  }
  return found;
}

function total(rows, before = { tokens: 0, replies: 0, prompt: 0, completion: 0 }) {
  return rows.reduce(
    (sum, row) => ({
      tokens: sum.tokens + row.tokensUsed,
      replies: sum.replies + row.replies,
      prompt: sum.prompt + row.promptTokens,
      completion: sum.completion + row.completionTokens,
    }),
    before,
  );
}

/** The next number above that reads well at the top of a scale, and whose half does too. */
export function topOfScale(most) {
  if (most <= 10) return 10;
  const power = 10 ** Math.floor(Math.log10(most));
  return NICE.find((step) => step * power >= most) * power;
}
