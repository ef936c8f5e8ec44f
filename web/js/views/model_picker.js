import { get } from "../api.js";
import { element } from "../dom.js";
import { recall, remember } from "../storage.js";

const KEY = "prome.model";

/** Which model answers, with its price in words. The choice is kept for the next time. */
export class ModelPicker {
  #select;
  #price;
  #models = [];

  constructor(select, price) {
    this.#select = select;
    this.#price = price;
    select.addEventListener("change", () => {
      remember(KEY, select.value);
      this.#tell();
    });
  }

  /** Undefined means whichever the service would choose. */
  get model() {
    return this.#select.value || undefined;
  }

  async load() {
    const { models } = await get("/api/models?limit=100");
    this.#models = models;
    this.#select.replaceChildren(...models.map(({ id, name }) => element("option", { value: id }, name)));
    const kept = models.find(({ id }) => id === recall(KEY));
    const chosen = kept ?? models.find((model) => model.default) ?? models[0];
    if (chosen) this.#select.value = chosen.id;
    this.#select.hidden = models.length === 0;
    this.#tell();
  }

  #tell() {
    const model = this.#models.find(({ id }) => id === this.#select.value);
    this.#price.textContent = model ? priceInWords(model) : "No model can be asked right now.";
    this.#select.title = model?.note ?? "";
  }
}

/** A price is how often a token counts; two prices are said as two. */
export function priceInWords({ inputRate, outputRate }) {
  const counts = (rate) => (rate === 1000 ? "once" : `${rate / 1000} times`);
  if (inputRate === outputRate) return `Each token counts ${counts(inputRate)}.`;
  return `What you send counts ${counts(inputRate)}, the answer ${counts(outputRate)}.`;
}
