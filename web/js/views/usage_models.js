import { element } from "../dom.js";
import { count } from "../format.js";
import { shadeOf } from "./usage_chart.js";

const percent = new Intl.NumberFormat("en", { style: "percent", maximumFractionDigits: 0 });
const HEADS = ["Model", "Answers", "Read", "Written", "Charged", "Share"];

/** What each model used, with the colour it has in the bars. */
export function modelsTable(found, models) {
  const all = found.reduce((sum, { tokens }) => sum + tokens, 0);
  const rows = found.map(({ model, replies, prompt, completion, tokens }) => {
    const swatch = element("span", { class: `swatch ${shadeOf(models.indexOf(model))}`, "aria-hidden": "true" });
    const cells = [count(replies), count(prompt), count(completion), count(tokens), percent.format(tokens / all)];
    const name = element("th", { scope: "row" }, swatch, model || "unknown");
    return element("tr", {}, name, ...cells.map((cell) => element("td", {}, cell)));
  });
  const heads = HEADS.map((name) => element("th", { scope: "col" }, name));
  return element(
    "table",
    {},
    element("caption", {}, "By model"),
    element("thead", {}, element("tr", {}, ...heads)),
    element("tbody", {}, ...rows),
  );
}
