import { element } from "../dom.js";
import { priceInWords } from "../format.js";

/** Each model with how often it counts a token. */
export function showRates(place, models) {
  const row = (model) =>
    element("div", {}, element("dt", {}, model.name), element("dd", {}, priceInWords(model)));
  place.replaceChildren(...models.map(row));
  place.setAttribute("aria-busy", "false");
}
