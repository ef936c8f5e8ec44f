const LANGUAGE = document.documentElement.lang;
// How the till counts, which is not how browsers do: some of them know no coins of a currency that it has. Every other one
// is counted in hundredths. The service has the same lists, in app/currencies.py.
const WHOLE = "bif clp djf gnf jpy kmf krw mga pyg rwf vnd vuv xaf xof xpf";
const THOUSANDTHS = "bhd jod kwd omr tnd";

const has = (list, currency) => list.split(" ").includes(currency);
const digitsOf = (currency) => (has(WHOLE, currency) ? 0 : has(THOUSANDTHS, currency) ? 3 : 2);

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
