let temml;

/** Sets formulas, once there are any; until then, and where one is wrong, its source is shown. */
export async function setMath(spans) {
  if (!spans.length) return;
  temml ??= load();
  const { default: setter } = await temml.catch(() => ({}));
  if (!setter) return;
  for (const span of spans) {
    const source = span.textContent;
    try {
      setter.render(source, span, { displayMode: span.classList.contains("display"), throwOnError: true, trust: false });
    } catch {
      span.textContent = source;
    }
  }
}

function load() {
  const style = document.createElement("link");
  style.rel = "stylesheet";
  style.href = new URL("../../vendor/temml.css", import.meta.url).href;
  document.head.append(style);
  return import("../../vendor/temml.js");
}
