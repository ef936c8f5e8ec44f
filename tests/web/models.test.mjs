import assert from "node:assert/strict";
import { test } from "node:test";
import { joined } from "../../web/js/models/chat.js";
import { Drafts, grouped } from "../../web/js/models/conversations.js";
import { Follow } from "../../web/js/models/transcript.js";
import { Full } from "../../web/js/models/account.js";

function store() {
  const kept = new Map();
  return {
    recall: (name) => kept.get(name) ?? null,
    remember: (name, value) => (value === null ? kept.delete(name) : kept.set(name, value)),
    names: () => [...kept.keys()],
  };
}

const drafts = (storage = store(), userId = "usr_1") => new Drafts(userId, storage);

test("a draft is kept for its conversation and its writer alone", () => {
  const storage = store();
  drafts(storage).keep("cnv_1", "hello");
  assert.equal(drafts(storage).text("cnv_1"), "hello");
  assert.equal(drafts(storage).text("cnv_2"), "");
  assert.equal(drafts(storage, "usr_2").text("cnv_1"), "");
});

test("a message that is sent again unchanged has the same key, and so is charged once", () => {
  const storage = store();
  const first = drafts(storage).keyFor(null, { message: "hello" });
  assert.equal(drafts(storage).keyFor(null, { message: "hello" }), first);
  assert.equal(drafts(storage).text(null), "hello");
});

test("typing on after a failure keeps the key for the old words only", () => {
  const mine = drafts();
  const first = mine.keyFor("cnv_1", { message: "hello" });
  mine.keep("cnv_1", "hello you");
  assert.notEqual(mine.keyFor("cnv_1", { message: "hello you" }), first);
});

test("what has arrived leaves no draft, and the same words later are a new message", () => {
  const mine = drafts();
  const first = mine.keyFor(null, { message: "hello" });
  mine.clear(null);
  assert.equal(mine.text(null), "");
  assert.notEqual(mine.keyFor(null, { message: "hello" }), first);
});

test("drafts do not fill the storage: the oldest go, and each has an end", () => {
  const storage = store();
  const mine = drafts(storage);
  for (let number = 0; number < 80; number += 1) mine.keep(`cnv_${number}`, "x".repeat(50_000));
  assert.equal(storage.names().length, 50);
  assert.ok(mine.text("cnv_79").length < 25_000);
});

test("a storage that was tampered with is only an empty draft", () => {
  const storage = store();
  storage.remember("prome.draft.usr_1.cnv_1", "{nonsense");
  assert.equal(drafts(storage).text("cnv_1"), "");
});

const view = (scrollTop, scrollHeight = 2000, clientHeight = 500) => ({ scrollTop, scrollHeight, clientHeight });

test("the view yields to the smallest step up and follows again at the end", () => {
  const follow = new Follow();
  assert.ok(follow.scrolled(view(1500)));
  assert.ok(!follow.scrolled(view(1490)));
  assert.ok(!follow.scrolled(view(1490, 2400)));
  assert.ok(follow.scrolled(view(1890, 2400)));
});

test("text that grows below does not end the following", () => {
  const follow = new Follow();
  follow.scrolled(view(1500));
  assert.ok(follow.scrolled(view(1500, 2600)));
});

test("a page that shrinks moves the view, and that was no hand", () => {
  const follow = new Follow();
  follow.scrolled(view(1500));
  assert.ok(follow.scrolled(view(1000, 1500)));
});

test("a balance is low below a fifth of what it last grew to", () => {
  const full = new Full("usr_1", store());
  assert.deepEqual([1000, 200, 199, 700, 141, 139].map((balance) => full.isLow(balance)), [false, false, true, false, false, true]);
});

test("conversations stand under the day on which they changed", () => {
  const now = new Date(2026, 4, 20, 12);
  const at = (...parts) => ({ updatedAt: new Date(...parts).toISOString() });
  const list = [at(2026, 4, 20, 0, 1), at(2026, 4, 19, 23), at(2026, 4, 14), at(2026, 3, 28), at(2025, 11, 31)];
  const headings = grouped(list, now).map(([heading]) => heading);
  assert.deepEqual(headings, ["Today", "Yesterday", "Last 7 days", "Last 30 days", "December 2025"]);
});

test("a reply that is carried on is joined wherever the stored part ended", () => {
  assert.equal(joined("One two", " three four"), "One two three four");
  assert.equal(joined("One two thr", " three four"), "One two three four");
  assert.equal(joined("One two three four", " three four"), "One two three four");
  assert.equal(joined("One", ""), "One");
});

test("a window that grows moves the view, and that was no hand either", () => {
  const follow = new Follow();
  follow.scrolled(view(1500));
  assert.ok(follow.scrolled(view(1300, 2000, 700)));
  assert.ok(!follow.scrolled(view(1250, 2000, 700)));
});

test("what arrived leaves only what was typed since", () => {
  const mine = drafts();
  mine.keyFor("cnv_1", { message: "hello" });
  mine.keep("cnv_1", "and then");
  mine.arrived("cnv_1", "hello");
  assert.equal(mine.text("cnv_1"), "and then");
  assert.equal(mine.unsent("cnv_1"), null);
});
