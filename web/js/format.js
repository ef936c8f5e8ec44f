const LANGUAGE = document.documentElement.lang;
const whole = new Intl.NumberFormat(LANGUAGE, { maximumFractionDigits: 0 });
const longDate = new Intl.DateTimeFormat(LANGUAGE, { dateStyle: "long" });
const ROLES = { user: "User", subscriber: "Subscriber", admin: "Administrator" };

export const count = (number) => whole.format(number);
export const balance = (tokens) => `${count(tokens)} ${tokens === 1 ? "token" : "tokens"}`;
export const day = (isoTime) => longDate.format(new Date(isoTime));
export const role = (name) => ROLES[name] ?? name;
