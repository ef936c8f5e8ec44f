import assert from "node:assert/strict";
import { test } from "node:test";

globalThis.document = { documentElement: { lang: "en" } };
const { money, perThousand, price } = await import("../../web/js/money.js");

const plain = (words) => words.replaceAll("\u00a0", " ");

test("an amount is said in the units that the till counts in, whatever the browser thinks of the currency", () => {
  const said = { usd: "$12.05", jpy: "¥1,205", kwd: "KWD 1.205", isk: "ISK 12.05", ugx: "UGX 12.05", all: "ALL 12.05", mga: "MGA 1,205" };
  for (const [currency, words] of Object.entries(said)) assert.equal(plain(money(1205, currency)), words);
});

test("a price names its month, and what a thousand tokens cost may be less than a coin", () => {
  assert.equal(price({ priceUsd: 2500, currency: "usd", kind: "month" }), "$25.00 a month");
  assert.equal(perThousand({ priceUsd: 500, tokens: 50_000, currency: "usd" }), "$0.10 per 1,000 tokens");
  assert.equal(plain(perThousand({ priceUsd: 500, tokens: 70_000, currency: "kwd" })), "KWD 0.00714 per 1,000 tokens");
});
