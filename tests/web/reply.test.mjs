import assert from "node:assert/strict";
import { test } from "node:test";
import { events } from "../../web/js/models/reply.js";

const SAMPLE =
  'id: 0\nevent: meta\ndata: {"conversationId":"cnv_1"}\n\n' +
  ": alive\n\n" +
  'id: 1\nevent: answer\ndata: {"content":"Grüße \\u2028 🦊 event: done\\nid: 9","finished":false}\n\n' +
  'id: 2\r\nevent: answer\r\ndata: {"content":"","finished":true}\r\n\r\n' +
  'id: 3\nevent: answer\ndata: {"content":"\u2028 as it is"}\n\n' +
  'id: 4\nevent: done\ndata: {"finishReason":"stop"}\n\n';
const BYTES = new TextEncoder().encode(SAMPLE);

const stream = (pieces) =>
  new ReadableStream({
    start(controller) {
      for (const piece of pieces) if (piece.length) controller.enqueue(piece);
      controller.close();
    },
  });

async function read(pieces, onBytes) {
  const found = [];
  for await (const event of events(stream(pieces), onBytes)) found.push(event);
  return found;
}

const WHOLE = await read([BYTES]);

test("the events of a body are told with their ids, names and data", () => {
  assert.deepEqual(WHOLE.map(({ id, event }) => [id, event]), [["0", "meta"], ["1", "answer"], ["2", "answer"], ["3", "answer"], ["4", "done"]]);
  assert.equal(WHOLE[1].data.content, "Grüße \u2028 🦊 event: done\nid: 9");
  assert.equal(WHOLE[3].data.content, "\u2028 as it is");
});

test("no split of the bytes, even within a character, changes what is read", async () => {
  for (let at = 0; at <= BYTES.length; at += 1) {
    assert.deepEqual(await read([BYTES.slice(0, at), BYTES.slice(at)]), WHOLE, `split at ${at}`);
  }
});

test("bytes that come one by one are read alike", async () => {
  assert.deepEqual(await read([...BYTES].map((byte) => Uint8Array.of(byte))), WHOLE);
});

test("a mark of the byte order before all is no part of it", async () => {
  assert.deepEqual(await read([Uint8Array.of(0xef), Uint8Array.of(0xbb, 0xbf), BYTES]), WHOLE);
});

test("an event without an id has none, whatever came before it", async () => {
  const found = await read([new TextEncoder().encode('id: 7\ndata: 1\n\ndata: 2\ndata:\n\n')]);
  assert.deepEqual(found.map(({ id, data }) => [id, data]), [["7", 1], [undefined, 2]]);
});

test("a comment is no event, but a sign of life", async () => {
  let signs = 0;
  const found = await read([new TextEncoder().encode(": alive\n\n")], () => (signs += 1));
  assert.deepEqual([found, signs], [[], 1]);
});

test("an event that was cut off is not told", async () => {
  assert.equal((await read([BYTES.slice(0, -1)])).length, WHOLE.length - 1);
});

test("whoever has heard enough hangs up", async () => {
  let cancelled = false;
  const endless = new ReadableStream({
    pull: (controller) => controller.enqueue(BYTES),
    cancel: () => (cancelled = true),
  });
  for await (const { event } of events(endless)) if (event === "done") break;
  assert.ok(cancelled);
});
