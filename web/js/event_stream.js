import { createParser } from "../vendor/event-parser.js";

/**
 * The events of a body as they come: `{ id, event, data }`, with the data read as JSON.
 * `onBytes` hears of everything that arrives, also of the comments that only say the other side is alive.
 */
export async function* events(body, onBytes = () => {}) {
  const ready = [];
  const parser = createParser({
    onEvent: ({ id, event, data }) => ready.push({ id, event, data: JSON.parse(data) }),
  });
  const decoder = new TextDecoder();
  const reader = body.getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      onBytes();
      parser.feed(decoder.decode(value, { stream: true }));
      yield* ready.splice(0);
    }
  } finally {
    // Whoever has heard enough hangs up; if the line is dead already, there is nothing to hang up.
    reader.cancel().catch(() => {});
  }
}
