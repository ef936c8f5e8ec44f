import assert from "node:assert/strict";
import { test } from "node:test";
import { Tail, html, lex } from "../../web/js/markdown/reading.js";
import { chance } from "./chance.mjs";

const BLOCKS = [
  "# A heading\n\n",
  "Setext\n===\n\n",
  "Some `code`, **strong** and snake_case_word.\n\n",
  "Two lines\nin one *paragraph*.\n\n",
  "A line\n",
  "- one\n- two\n  - deep\n\n",
  "- loose\n\n- still the same list\n\n",
  "* other\n\n",
  "1. first\n\n2. second\n\n   with more\n\n",
  "3. third\n",
  "- [x] done\n- [ ] to do\n\n",
  "> quoted\n> > twice\n\nlazy\n\n",
  "> - in a quote\n\n",
  "| a | b |\n|---|:-:|\n| 1 | `2` |\n\n",
  "| not a table |\n\n",
  "```python\ndef f():\n\n    return 1\n```\n\n",
  "~~~\nplain\n\n~~~\n",
  "    indented code\n\n    goes on\n\n",
  "<b>raw</b> HTML\n\n",
  "<div>\n\ninside\n\n</div>\n\n",
  "<!-- a\n\ncomment -->\n\n",
  "---\n\n",
  "***\n",
  "$$\nx^2\n$$\n\n",
  "\\[ y \\]\n\n",
  "Inline \\(a_b\\) here.\n\n",
  "![picture](https://example.org/a.png) and [link](https://example.org/(x))\n\n",
  "https://example.org/bare\n\n",
  "   \n\n",
  "\n",
  "Grüße 🦊 漢字\n\n",
  "a  \nhard break\\\nagain\n\n",
];

function documentOf(random) {
  const parts = Array.from({ length: 2 + random.below(14) }, () => random.pick(BLOCKS));
  return parts.join("").trimEnd() + random.pick(["", "\n", "\n\n"]);
}

function grown(text, random, sizeMax) {
  const tail = new Tail(lex);
  let said = "";
  let open = [];
  for (let at = 0; at < text.length; ) {
    const size = 1 + random.below(sizeMax);
    const found = tail.push(text.slice(at, at + size));
    said += html(Object.assign(found.final, { links: {} }));
    open = found.open;
    at += size;
  }
  return said + html(Object.assign(open, { links: {} }));
}

for (const sizeMax of [1, 4, 40]) {
  test(`300 documents that grow by up to ${sizeMax} characters end as if read at once`, () => {
    const random = chance(sizeMax);
    for (let number = 0; number < 300; number += 1) {
      const text = documentOf(random);
      assert.equal(grown(text, random, sizeMax), html(lex(text)), `document ${number}: ${JSON.stringify(text)}`);
    }
  });
}

test("what is finished is not read again", () => {
  const tail = new Tail((text) => {
    longest = Math.max(longest, text.length);
    return lex(text);
  });
  let longest = 0;
  for (let number = 0; number < 200; number += 1) tail.push(`Paragraph ${number}.\n\n`);
  assert.ok(longest < 60, `${longest} characters were read at once`);
});
