import assert from "node:assert/strict";
import { test } from "node:test";
import { Payment } from "../../web/js/models/billing_payment.js";
import { Trip, chatPath } from "../../web/js/models/billing_trip.js";

const SHOP = "https://prome.example";

/** Answers one after another, the last one for ever; an error is thrown. */
function till(...answers) {
  const asked = { times: 0 };
  asked.ask = async () => {
    const answer = answers[Math.min(asked.times, answers.length - 1)];
    asked.times += 1;
    if (answer instanceof Error) throw answer;
    return answer;
  };
  return asked;
}

const says = (status, tokensGranted = 0) => ({ status, tokensGranted, debtPaid: 0, balance: 1000 + tokensGranted });

const refusal = (status) => Object.assign(new Error("No."), { status });

test("nothing is known of a payment before the server has answered", async () => {
  const payment = new Payment(till(says("paid", 50)).ask, { second: 0 });
  assert.equal(payment.state, null);
  await payment.follow();
  assert.deepEqual([payment.state, payment.tokensGranted, payment.balance], ["paid", 50, 1050]);
});

test("it is asked again until it is paid, through faults of the line", async () => {
  const asked = till(says("open"), refusal(0), refusal(503), says("pending"), says("paid", 50));
  const payment = new Payment(asked.ask, { second: 0 });
  await payment.follow();
  assert.deepEqual([payment.state, payment.trouble, asked.times], ["paid", null, 5]);
});

test("paid without its tokens is not over", async () => {
  const states = [];
  const payment = new Payment(till(says("paid"), says("paid", 50)).ask, { second: 0 });
  payment.addEventListener("change", () => states.push(payment.state));
  await payment.follow();
  assert.deepEqual(states, ["adding", "paid"]);
});

for (const status of ["failed", "expired"]) {
  test(`what is ${status} is not asked about again`, async () => {
    const asked = till(says(status));
    const payment = new Payment(asked.ask, { second: 0 });
    await payment.follow();
    payment.nudge();
    assert.deepEqual([payment.state, asked.times], [status, 1]);
  });
}

test("a payment of somebody else is unknown, and that is the end of it", async () => {
  const asked = till(refusal(404));
  const payment = new Payment(asked.ask, { second: 0 });
  await payment.follow();
  assert.deepEqual([payment.state, asked.times], ["unknown", 1]);
});

test("asking ends, but not for whoever hears of the payment later", async () => {
  const answers = { now: says("pending") };
  let times = 0;
  const payment = new Payment(async () => ((times += 1), answers.now), { second: 0 });
  await payment.follow();
  assert.equal(payment.isLate, true);
  assert.ok(times > 5 && times < 12);
  answers.now = says("paid", 50);
  const told = new Promise((resolve) => payment.addEventListener("change", resolve));
  payment.nudge();
  await told;
  assert.equal(payment.state, "paid");
});

test("news shorten the wait, also those that come while an answer is on its way", async () => {
  let answer;
  const asked = [];
  const payment = new Payment(
    () => new Promise((resolve) => (asked.push("again"), (answer = resolve))),
    { second: 60_000 },
  );
  const following = payment.follow();
  payment.nudge();
  answer(says("pending"));
  await new Promise(setImmediate);
  assert.equal(asked.length, 2);
  answer(says("pending"));
  await new Promise(setImmediate);
  payment.nudge();
  await new Promise(setImmediate);
  assert.equal(asked.length, 3);
  answer(says("paid", 50));
  await following;
});

test("what was asked once is asked again when something is heard of it", async () => {
  const asked = till(says("pending"), says("paid", 50));
  const payment = new Payment(asked.ask);
  await payment.ask();
  assert.equal(payment.state, "pending");
  const told = new Promise((resolve) => payment.addEventListener("change", resolve));
  payment.nudge();
  await told;
  assert.equal(payment.state, "paid");
});

test("only a chat of this very site is a way back", () => {
  for (const path of ["/chat", "/chat/cnv_1-a", `${SHOP}/chat/cnv_1`, "/chat/cnv_1?x=1#y"]) {
    assert.match(chatPath(path, SHOP), /^\/chat(\/cnv_[\w-]+)?$/);
  }
  const others = ["", null, "/account", "//elsewhere.example/chat", "https://elsewhere.example/chat", "/\\elsewhere/chat",
    "javascript:alert(1)", "/chat/../account", "/chatter", "/chat/a/b", "/.//elsewhere.example/chat", "http://["];
  for (const path of others) assert.equal(chatPath(path, SHOP), null, path);
});

test("where one came from outlasts the payment, and a browser that keeps nothing does no harm", () => {
  const kept = new Map();
  const storage = { getItem: (name) => kept.get(name) ?? null, setItem: (name, value) => kept.set(name, value) };
  const trip = new Trip(() => storage);
  trip.cameFrom("/chat/cnv_1");
  trip.cameFrom(null);
  trip.leave("cs_1");
  assert.deepEqual([trip.from, trip.sessionId], ["/chat/cnv_1", "cs_1"]);
  trip.isOver();
  assert.deepEqual([trip.from, trip.sessionId], ["/chat/cnv_1", null]);

  const nowhere = new Trip(() => {
    throw new Error("forbidden");
  });
  nowhere.leave("cs_1");
  assert.equal(nowhere.sessionId, null);
});
