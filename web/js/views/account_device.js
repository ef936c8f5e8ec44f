const BROWSERS = [
  ["Edg/", "Edge"],
  ["OPR/", "Opera"],
  ["SamsungBrowser/", "Samsung Internet"],
  ["Firefox/", "Firefox"],
  ["FxiOS/", "Firefox"],
  ["CriOS/", "Chrome"],
  ["Chrome/", "Chrome"],
  ["Safari/", "Safari"],
];
const SYSTEMS = [
  ["Android", "Android"],
  ["iPhone", "iPhone"],
  ["iPad", "iPad"],
  ["Windows", "Windows"],
  ["Mac OS X", "macOS"],
  ["CrOS", "ChromeOS"],
  ["Linux", "Linux"],
];

const among = (names, agent) => names.find(([mark]) => agent.includes(mark))?.[1];

/** What a browser says it is, in the words of its user; a program is called by its own. */
export function deviceInWords(agent) {
  const browser = among(BROWSERS, agent);
  const system = among(SYSTEMS, agent);
  if (browser) return system ? `${browser} on ${system}` : browser;
  return agent.split(/[\s/]/, 1)[0] || "An unknown program";
}
