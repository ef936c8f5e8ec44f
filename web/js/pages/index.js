import { get } from "../api.js";
import { $, fill } from "../dom.js";
import { balance } from "../format.js";
import { session, startShell } from "../session.js";
import { packageCard } from "../views/packages.js";
import { showRates } from "../views/rates.js";

startShell();

async function greet() {
  const user = await session.load();
  if (user) fill($("main"), { greeting: `Signed in as ${user.email}, with ${balance(user.balance)}.` });
}

async function showPackages() {
  const { packages } = await get("/api/billing/packages?limit=100");
  $("#packages").append(...packages.map(packageCard));
}

async function showModels() {
  const { models } = await get("/api/models?limit=100");
  showRates($("#rates"), models);
}

// What the page says without any of these answers is true all the same.
await Promise.allSettled([session.isLikely && greet(), showPackages(), showModels()]);
