const LANGUAGE = document.documentElement.lang;
// Where the till counts otherwise than people do.
const DIGITS = { isk: 2, mga: 0 };

function digitsOf(currency) {
  if (currency in DIGITS) return DIGITS[currency];
  return new Intl.NumberFormat(LANGUAGE, { style: "currency", currency }).resolvedOptions().maximumFractionDigits;
}

/** An amount in the smallest unit of a currency, as people of the page's language write it. */
export function money(amount, currency, { finer = 0 } = {}) {
  const digits = digitsOf(currency);
  const options = { style: "currency", currency, minimumFractionDigits: digits, maximumFractionDigits: digits + finer };
  return new Intl.NumberFormat(LANGUAGE, options).format(amount / 10 ** digits);
}

/** What 1,000 tokens cost; this can be less than the smallest coin. */
export const perThousand = ({ priceUsd, tokens, currency }) =>
  `${money((priceUsd * 1000) / tokens, currency, { finer: 2 })} per 1,000 tokens`;

export const price = ({ priceUsd, currency, kind }) =>
  money(priceUsd, currency) + (kind === "month" ? " a month" : "");
