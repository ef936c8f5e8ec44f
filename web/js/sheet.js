/** Adds a style sheet that few readers need. Settles once it is there, or cannot be had. */
export function addSheet(path) {
  const link = document.createElement("link");
  link.rel = "stylesheet";
  link.href = new URL(`../${path}`, import.meta.url).href;
  const isDone = new Promise((resolve) => {
    link.onload = link.onerror = resolve;
  });
  document.head.append(link);
  return isDone;
}
