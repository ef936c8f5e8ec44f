import { $, element, fill } from "../dom.js";
import { balance, count } from "../format.js";
import { topOfScale } from "../models/usage_days.js";

const SVG = "http://www.w3.org/2000/svg";
const HEIGHT = 100;
const BAR = 0.72;
const SHADES = 6;
const longDay = new Intl.DateTimeFormat("en", { weekday: "long", day: "numeric", month: "long", timeZone: "UTC" });
const shortDay = new Intl.DateTimeFormat("en", { day: "numeric", month: "short", timeZone: "UTC" });

/** The look of a model; beyond the last of them all are alike. */
export const shadeOf = (index) => `shade-${Math.min(index, SHADES - 1)}`;
const dayInWords = (day) => longDay.format(new Date(day));
const repliesInWords = (replies) => `${count(replies)} ${replies === 1 ? "answer" : "answers"}`;

/** Bars by day. It is one stop for the keyboard: the arrows go from day to day, and the day is said in words. */
export class UsageChart {
  #root;
  #place;
  #days = [];
  #at = 0;

  constructor(root) {
    this.#root = root;
    this.#place = $(".chart", root);
    for (const [name, value] of Object.entries({ role: "slider", tabindex: "0", "aria-label": "Tokens by day" })) {
      this.#place.setAttribute(name, value);
    }
    this.#place.addEventListener("keydown", (event) => this.#pressed(event));
    this.#place.addEventListener("pointermove", ({ clientX }) => this.#pointed(clientX));
    this.#place.addEventListener("pointerdown", ({ clientX }) => this.#pointed(clientX));
  }

  show(days) {
    const isOther = days.length !== this.#days.length;
    this.#days = days;
    const top = topOfScale(Math.max(...days.map(({ tokens }) => tokens)));
    this.#place.replaceChildren(this.#drawn(top));
    fill(this.#root, { top: count(top), middle: count(top / 2) });
    const [first, half, last] = [0, Math.floor((days.length - 1) / 2), days.length - 1].map((index) => days[index].day);
    fill(this.#root, { first: short(first), half: short(half), last: short(last) });
    this.#place.setAttribute("aria-valuemin", "1");
    this.#place.setAttribute("aria-valuemax", String(days.length));
    this.#choose(isOther ? days.length - 1 : this.#at);
  }

  #drawn(top) {
    const svg = node("svg", { viewBox: `0 0 ${this.#days.length} ${HEIGHT}`, preserveAspectRatio: "none" });
    svg.setAttribute("aria-hidden", "true");
    for (const share of [0, 0.5, 1]) {
      svg.append(node("line", { x1: 0, x2: this.#days.length, y1: HEIGHT * share, y2: HEIGHT * share, class: "rule" }));
    }
    this.#days.forEach((day, index) => svg.append(column(day, index, top)));
    return svg;
  }

  #pressed(event) {
    const far = Math.max(1, Math.round(this.#days.length / 10));
    const steps = { ArrowLeft: -1, ArrowDown: -1, ArrowRight: 1, ArrowUp: 1, PageDown: -far, PageUp: far };
    const ends = { Home: 0, End: this.#days.length - 1 };
    const next = event.key in ends ? ends[event.key] : this.#at + (steps[event.key] ?? NaN);
    if (Number.isNaN(next)) return;
    event.preventDefault();
    this.#choose(next);
  }

  #pointed(clientX) {
    const { left, width } = this.#place.getBoundingClientRect();
    this.#choose(Math.floor(((clientX - left) / width) * this.#days.length));
  }

  #choose(index) {
    this.#at = Math.min(Math.max(index, 0), this.#days.length - 1);
    const { day, tokens, replies } = this.#days[this.#at];
    const words = `${dayInWords(day)}: ${tokens ? `${balance(tokens)}, ${repliesInWords(replies)}` : "nothing used"}`;
    fill(this.#root, { day: words });
    this.#place.setAttribute("aria-valuenow", String(this.#at + 1));
    this.#place.setAttribute("aria-valuetext", words);
    for (const other of this.#place.querySelectorAll(".column")) {
      other.classList.toggle("chosen", Number(other.dataset.index) === this.#at);
    }
  }
}

function column({ byModel }, index, top) {
  const group = node("g", { class: "column" });
  group.dataset.index = index;
  group.append(node("rect", { x: index, y: 0, width: 1, height: HEIGHT, class: "behind" }));
  let y = HEIGHT;
  byModel.forEach((tokens, model) => {
    if (!tokens) return;
    const height = (tokens / top) * HEIGHT;
    y -= height;
    group.append(node("rect", { x: index + (1 - BAR) / 2, y, width: BAR, height, class: `bar ${shadeOf(model)}` }));
  });
  return group;
}

function node(name, attributes) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return made;
}

const short = (day) => shortDay.format(new Date(day));

/** The same days in rows, for whoever would rather read them. Days without use are left out. */
export function daysAsTable(days, models) {
  const names = models.filter((_, model) => days.some(({ byModel }) => byModel[model]));
  const rows = days.filter(({ tokens }) => tokens).reverse();
  const head = ["Day", ...names, ...(names.length > 1 ? ["All"] : []), "Answers"];
  const body = rows.map(({ day, byModel, tokens, replies }) => {
    const cells = names.map((name) => count(byModel[models.indexOf(name)]));
    const all = names.length > 1 ? [count(tokens)] : [];
    const values = [...cells, ...all, count(replies)].map((value) => element("td", {}, value));
    return element("tr", {}, element("th", { scope: "row" }, short(day)), ...values);
  });
  const heads = head.map((name) => element("th", { scope: "col" }, name));
  return element("table", {}, element("thead", {}, element("tr", {}, ...heads)), element("tbody", {}, ...body));
}
