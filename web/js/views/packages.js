import { clone, fill } from "../dom.js";
import { count } from "../format.js";
import { perThousand, price } from "../money.js";

/** A package as the page's template shows it. */
export function packageCard(offer) {
  const card = clone("package");
  const isPlan = offer.kind === "month";
  card.dataset.kind = offer.kind;
  fill(card, {
    name: offer.name,
    description: offer.description,
    kind: isPlan ? "Plan" : "",
    tokens: count(offer.tokens),
    price: price(offer),
    each: perThousand(offer),
  });
  return card;
}
