const HOME = "/chat";
const DOORS = ["/login", "/register", "/forgot", "/reset"];

/** The page that ?next= asks for, if it is one of ours; otherwise the chat. */
export function nextPage(search = location.search) {
  const asked = new URLSearchParams(search).get("next") ?? "";
  if (!/^\/(?![/\\])/.test(asked) || !URL.canParse(asked, location.origin)) return HOME;
  const url = new URL(asked, location.origin);
  // Parsing can bring out a second slash or another host: "/.//host" and "/<tab>/host" both start harmlessly.
  if (url.origin !== location.origin || url.pathname.startsWith("//")) return HOME;
  if (DOORS.includes(url.pathname)) return HOME;
  return url.pathname + url.search + url.hash;
}

/** Lets the links between the sign-in pages keep the target. */
export function carryNext(links, search = location.search) {
  const target = nextPage(search);
  if (target === HOME) return;
  for (const link of links) {
    const url = new URL(link.href);
    url.searchParams.set("next", target);
    link.href = url.pathname + url.search;
  }
}
