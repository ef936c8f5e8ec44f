/**
 * Markdown that grows: what is surely finished is read once, and only the rest is read again.
 *
 * A list may go on after an empty line, and a line that is still being written may yet turn out to belong to the block
 * before it. So the last block stays open, and the one before it too while the last line has no end.
 */
export class Tail {
  #lex;
  #done = 0;
  text = "";

  constructor(lex) {
    this.#lex = lex;
  }

  /** Takes more text; answers the blocks that became final just now and those that are still open. */
  push(more) {
    this.text += more;
    const tokens = this.#lex(this.text.slice(this.#done));
    const open = openFrom(tokens);
    const final = tokens.slice(0, open);
    for (const { raw } of final) this.#done += raw.length;
    return { final, open: Object.assign(tokens.slice(open), { links: tokens.links }) };
  }
}

function openFrom(tokens) {
  let keep = tokens.at(-1)?.raw.endsWith("\n") ? 1 : 2;
  for (let index = tokens.length - 1; index >= 0; index -= 1) {
    if (tokens[index].type !== "space") keep -= 1;
    if (keep === 0) return index;
  }
  return 0;
}
