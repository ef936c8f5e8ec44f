import DOMPurify from "../../vendor/purify.js";

const ALLOWED = {
  ALLOWED_TAGS: [
    ..."p h3 ul ol li blockquote pre code em strong del a br hr span".split(" "),
    ..."table thead tbody tr th td".split(" "),
  ],
  ALLOWED_ATTR: ["href", "title", "class", "start", "align", "role", "aria-label"],
  ALLOWED_URI_REGEXP: /^(?:https?:|mailto:)/i,
  // These hold no address, so the rule for addresses is not for them.
  ADD_URI_SAFE_ATTR: ["align", "start", "aria-label"],
  ALLOW_ARIA_ATTR: false,
  ALLOW_DATA_ATTR: false,
  RETURN_DOM_FRAGMENT: true,
};
const CLASSES = /^(?:language-[\w#+.-]{1,30}|math|math display|box|depth-[1-6]|hljs-[\w -]+)$/;

DOMPurify.addHook("afterSanitizeAttributes", (node) => {
  if (node.hasAttribute("class") && !CLASSES.test(node.getAttribute("class"))) node.removeAttribute("class");
  if (node.localName === "a") {
    node.setAttribute("target", "_blank");
    node.setAttribute("rel", "noopener noreferrer nofollow");
  }
});

/** The only way from a string to elements on any page of ours. */
export const sanitised = (html) => DOMPurify.sanitize(html, ALLOWED);
