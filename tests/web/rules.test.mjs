import assert from "node:assert/strict";
import { test } from "node:test";
import { languageOf, LANGUAGES } from "../../web/js/markdown/finish.js";
import { html, lex } from "../../web/js/markdown/reading.js";
import { existsSync, readdirSync } from "node:fs";

const shown = (text) => html(lex(text));

test("raw HTML is shown as text", () => {
  assert.equal(shown("a <b>c</b>\n"), "<p>a &lt;b&gt;c&lt;/b&gt;</p>\n");
  assert.ok(!shown("<script>alert(1)</script>").includes("<script"));
});

test("a picture becomes a link, so that looking at an answer tells nobody anything", () => {
  assert.equal(shown("![cat](https://example.org/cat.png)"), '<p><a href="https://example.org/cat.png">cat</a></p>\n');
  assert.equal(shown("![cat](data:image/png;base64,AA)"), "<p>cat</p>\n");
});

for (const address of ["javascript:alert(1)", "JaVaScRiPt:alert(1)", "data:text/html,x", "vbscript:x", "//x.y", "/a"]) {
  test(`a link to ${address} stays bare text`, () => {
    assert.equal(shown(`[word](${address})`), "<p>word</p>\n");
  });
}

test("a formula keeps its source until it is set", () => {
  assert.equal(shown("\\(a<b\\)"), '<p><span class="math">a&lt;b</span></p>\n');
  assert.equal(shown("$$\nx\n$$"), '<p><span class="math display">x</span></p>\n');
});

test("prices are no formulas", () => {
  assert.equal(shown("It costs $5 and $6."), "<p>It costs $5 and $6.</p>\n");
});

test("the language of a block is a plain word or nothing", () => {
  assert.match(shown("```c++\nx\n```"), /class="language-c\+\+"/);
  assert.ok(!shown('```"onload=x\nx\n```').includes("onload"));
});

test("every language that can be coloured is there, and no other is promised", () => {
  const folder = new URL("../../web/vendor/highlight/", import.meta.url);
  const there = readdirSync(folder).filter((name) => name.endsWith(".js")).map((name) => name.slice(0, -3));
  assert.deepEqual([...LANGUAGES].sort(), there.sort());
  assert.ok(existsSync(new URL(`${languageOf("js")}.js`, folder)));
  assert.equal(languageOf("no-such"), undefined);
});

test("every language colours, as it was brought", async () => {
  const vendor = "../../web/vendor/highlight";
  const { default: highlight } = await import(`${vendor}.js`);
  for (const language of LANGUAGES) {
    const { default: grammar } = await import(`${vendor}/${language}.js`);
    highlight.registerLanguage(language, grammar);
    assert.equal(highlight.highlight('go("a", 1);', { language }).illegal, false, language);
  }
});
