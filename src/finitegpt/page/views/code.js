// The QR code of a link, large enough for a class: over the page, and alone on paper when it is printed.

import { qrCode } from "../files/qr.js";
import { say } from "../ground/strings.js";
import { button, html, svg } from "./dom.js";

const QUIET = 4; // light modules around a code, as its standard asks for

/** Shows the code of a link; false where the link is too long for one. @param {string} link */
export function showCode(link) {
  const code = qrCode(link);
  if (!code) return false;
  const { size, modules } = code;
  const dark = Array.from(modules, (one, k) => (one ? `M${QUIET + (k % size)} ${QUIET + Math.floor(k / size)}h1v1h-1z` : "")).join("");
  const side = size + 2 * QUIET;
  const dialog = html("dialog", { class: "code", "aria-label": say("code"), onclose: () => dialog.remove(),
    onkeydown: (/** @type {KeyboardEvent} */ event) => event.stopPropagation(), // the page behind has keys of its own
    onclick: (/** @type {MouseEvent} */ event) => event.target === dialog && dialog.close() },
  html("div", { class: "sheet" },
    html("div", { class: "transport" }, button(say("code.close"), () => dialog.close()), button(say("print"), () => print())),
    svg("svg", { viewBox: `0 0 ${side} ${side}`, role: "img", "aria-label": say("code.of", { link }), "shape-rendering": "crispEdges" },
      svg("rect", { width: side, height: side, fill: "#fff" }), svg("path", { d: dark, fill: "#000" })),
    html("p", { class: "address" }, link.length > 300 ? `${link.slice(0, 300)}…` : link)));
  document.body.append(dialog);
  dialog.showModal();
  return true;
}
