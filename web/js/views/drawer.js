import { $ } from "../dom.js";

const WIDE = matchMedia("(min-width: 56rem)");

/** On a small screen the list of conversations is a drawer over the page. */
export function wireDrawer() {
  const sidebar = $("#sidebar");
  const scrim = $(".scrim");
  const opener = $(".sidebar-open");
  const others = [$(".top-bar"), $("main")];
  const set = (open) => {
    const isOver = open && !WIDE.matches;
    sidebar.classList.toggle("open", isOver);
    scrim.hidden = !isOver;
    opener.setAttribute("aria-expanded", String(isOver));
    for (const other of others) other.inert = isOver;
    sidebar.inert = !isOver && !WIDE.matches;
  };
  const close = () => {
    const wasOpen = sidebar.classList.contains("open");
    set(false);
    if (wasOpen) opener.focus();
  };
  opener.addEventListener("click", () => {
    set(true);
    $(".sidebar-close").focus();
  });
  $(".sidebar-close").addEventListener("click", close);
  scrim.addEventListener("click", close);
  sidebar.addEventListener("keydown", ({ key }) => key === "Escape" && close());
  WIDE.addEventListener("change", () => set(false));
  set(false);
  return { open: () => set(true), close };
}
