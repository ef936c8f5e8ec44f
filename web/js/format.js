const LANGUAGE = document.documentElement.lang;
const whole = new Intl.NumberFormat(LANGUAGE, { maximumFractionDigits: 0 });
const longDate = new Intl.DateTimeFormat(LANGUAGE, { dateStyle: "long" });
const ROLES = { user: "User", subscriber: "Subscriber", admin: "Administrator" };

export const count = (number) => whole.format(number);
export const balance = (tokens) => `${count(tokens)} ${tokens === 1 ? "token" : "tokens"}`;
export const day = (isoTime) => longDate.format(new Date(isoTime));
export const role = (name) => ROLES[name] ?? name;

/** A price is how often a token counts; two prices are said as two. */
export function priceInWords({ inputRate, outputRate }) {
  const counts = (rate) => (rate === 1000 ? "once" : `${rate / 1000} times`);
  if (inputRate === outputRate) return `Each token counts ${counts(inputRate)}.`;
  return `What you send counts ${counts(inputRate)}, the answer ${counts(outputRate)}.`;
}
