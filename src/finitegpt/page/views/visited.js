// How often each state is visited, beside the stationary distribution: bars for the whole walk and for its last tokens.

import { label } from "../chain/data.js";
import { RECENT, distance, recently } from "../chain/visits.js";
import { percent, say, visible } from "../ground/strings.js";
import { html, setText } from "./dom.js";
import { largestOf } from "./facts.js";
import { explained } from "./glossary.js";

const ALL = 16; // states up to which all are shown
const TOP = 6;
const LONG = 8; // characters of a name that is written smaller
const FULL = [0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 1]; // what a bar over the whole width can be

export function visitsTable() {
  const told = html("p", { class: "soft visited" });
  const broken = html("p", { class: "vt-broken" });
  const scale = html("p", { class: "soft vt-far" });
  const numbers = html("span", {});
  const far = html("p", { class: "soft vt-far" }, ...explained("walking.distance"), " ", numbers);
  const body = html("tbody", {});
  const column = (/** @type {string} */ kind, /** @type {string} */ words) => html("th", { scope: "col" }, html("span", { class: `vt-key ${kind}` }), words);
  const table = html("table", { class: "vt" },
    html("thead", {}, html("tr", {}, html("th", { scope: "col" }, say("walking.state")), html("td", {}),
      column("vt-all", say("walking.all")), column("vt-recent", say("walking.recent", { n: RECENT })))),
    body);
  /** @type {ReturnType<typeof rowOf>[]} */
  let rows = [];
  let key = "";

  return {
    elements: [broken, told, table, scale, far],
    /** @param {import("../chain/view.js").View} view @param {import("../engine/analysis.js").Law | null} law
     * @param {boolean} settles whether every walk comes to that law @param {import("../chain/visits.js").Visits} visits
     * @param {number} at where the walk is, or -1 */
    update({ vocab, L, n, whole }, law, settles, visits, at) {
      const recent = recently(visits);
      const shares = (/** @type {Map<number, number>} */ counts, /** @type {number} */ total) => (/** @type {number} */ id) =>
        total ? (counts.get(id) ?? 0) / total : 0;
      const [all, late] = [shares(visits.all, visits.total), shares(recent.counts, recent.total)];
      const pi = (/** @type {number} */ id) => (law ? law.pi[id] : all(id));
      const states = n <= ALL ? [...Array(n).keys()] : law ? largestOf(law.pi, TOP) : [...visits.all.keys()].sort((a, b) => all(b) - all(a) || a - b).slice(0, TOP);
      const wanted = states.map((id) => label(id, vocab, L)).join("\n");
      if (wanted !== key) {
        key = wanted;
        rows = states.map((id) => rowOf(visible(label(id, vocab, L))));
        body.replaceChildren(...rows.map((row) => row.element));
      }
      const most = states.reduce((a, id) => Math.max(a, pi(id)), 0);
      const full = FULL.find((one) => one >= 1.2 * most) ?? 1;
      rows.forEach((row, k) => row.set(all(states[k]), late(states[k]), law ? pi(states[k]) : null, full, visits.total > 0, states[k] === at));
      setText(broken, brokenWords(visits, recent));
      setText(told, countWords(visits, law !== null, whole));
      setText(scale, states.length ? say("walking.full", { p: percent(full) }) : "");
      far.style.visibility = law && settles && visits.total ? "visible" : "hidden";
      setText(numbers, law && settles && visits.total ? farWords(visits, recent, law) : "");
    },
  };
}

/** @param {string} name */
function rowOf(name) {
  const fills = ["vt-all", "vt-recent"].map((kind) => html("span", { class: `vt-fill ${kind}` }));
  const tick = html("span", { class: "vt-tick" });
  const numbers = [html("td", { class: "vt-number" }), html("td", { class: "vt-number" })];
  const element = html("tr", {}, html("th", { scope: "row", title: name, class: name.length > LONG ? "vt-long" : null }, name),
    html("td", { class: "vt-bars", "aria-hidden": "true" }, html("span", { class: "vt-track" }, ...fills, tick)), ...numbers);
  return {
    element,
    /** @param {number} all @param {number} late @param {number | null} mark @param {number} full what the whole width is
     * @param {boolean} some whether there are visits @param {boolean} now whether the walk is there */
    set(all, late, mark, full, some, now) {
      const wide = (/** @type {number} */ share) => `${(100 * Math.min(1, share / full)).toFixed(2)}%`;
      [all, late].forEach((share, k) => {
        fills[k].style.width = wide(share);
        fills[k].classList.toggle("vt-over", share > full); // it goes on: its end is drawn as an arrow
        setText(numbers[k], some ? `${(100 * share).toFixed(k ? 0 : 1)}%` : "");
      });
      tick.style.display = mark === null ? "none" : "";
      tick.style.left = wide(mark ?? 0);
      element.classList.toggle("vt-now", now);
    },
  };
}

/** @param {import("../chain/visits.js").Visits} visits @param {boolean} ticks @param {boolean} whole */
function countWords({ total, outside }, ticks, whole) {
  const parts = [];
  if (!whole) parts.push(say("walking.large", { n: total }));
  else if (total) parts.push(say("walk.visits", { n: total }));
  else if (ticks) parts.push(say("walk.none"));
  if (outside) parts.push(say("walk.written", { n: outside }));
  return parts.join(" ");
}

/** How far the visits are from the long run, to three digits where it is known well enough.
 * @param {import("../chain/visits.js").Visits} visits @param {ReturnType<typeof recently>} recent
 * @param {import("../engine/analysis.js").Law} law */
function farWords({ all, total }, recent, { pi, error }) {
  const written = (/** @type {number} */ d) => (error < 1e-4 ? d.toFixed(3) : say("number.uncertified", { x: d.toFixed(3) }));
  return say("walking.away", { all: written(distance(all, total, pi)), recent: written(distance(recent.counts, recent.total, pi)), n: RECENT });
}

/** What tokens from outside do to the walk. @param {import("../chain/visits.js").Visits} visits
 * @param {ReturnType<typeof recently>} recent */
function brokenWords({ outside }, recent) {
  if (!outside) return "";
  return recent.outside ? say("walking.broken", { n: recent.outside, of: recent.total }) : say("walking.healed", { of: recent.total });
}
