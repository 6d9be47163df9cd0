// The graph of a chain of any size: the states that the data shows most often, their most probable arrows, and all else in
// the middle. See chain/sketch.js.

import { countOf, isRed, nameOf, wasOf } from "../chain/asked.js";
import { arrow, at, labels } from "../chain/layout.js";
import { shownStates, sketched } from "../chain/sketch.js";
import { colourOf, toneOf } from "../ground/colours.js";
import { counted, percent, say, short, signed, tokenShare, visible } from "../ground/strings.js";
import { svg } from "./dom.js";
import { bezier, head } from "./graph.js";

const MOST = 72; // states
const ARROWS = 3; // of a state
const NODE = 4.5;
const LEVEL = 26; // states up to which names are written level
const HUB = 30; // radius of all else
/** Where the marker stands in the middle: below its words. @type {[number, number]} */
const BELOW = [0, 13];
const AIR = 8;
const NAMES = 0.2; // of the side, at most, for the names on one side

/** @typedef {import("../chain/layout.js").Curve} Curve
 * @typedef {{source: number, token: number, p: number, change: number, told: string, words: string, path: any, tip: any, hit: any, halo: any, curve: Curve}} Line
 *   `token` is -1 for all that is not drawn */

/** @param {string[]} vocab @param {number} L @param {(id: number) => void} choose */
export function sketchGraph(vocab, L, choose) {
  const V = vocab.length;
  const [halos, arrows, hits, nodes, texts] = ["halos", "arrows", "hits", "nodes", "arrow-labels"].map((name) => svg("g", { class: name }));
  const trail = svg("path", { fill: "none", "stroke-width": 4, class: "sketch-trail", visibility: "hidden" });
  const dot = svg("circle", { r: 6, class: "walker", visibility: "hidden" });
  const hubText = svg("text", { x: 0, y: -5, class: "hub-text" });
  const hubTitle = svg("title");
  const hub = svg("g", { class: "hub", role: "img" }, svg("circle", { r: HUB }), hubText, hubTitle);
  const picture = svg("svg", { role: "group", class: "graph sketch" }, halos, arrows, trail, hits, hub, nodes, texts, dot);
  /** @type {[import("../chain/view.js").View, Uint8Array | null] | null} */
  let last = null;
  const high = Math.max(240, Math.min(innerWidth - 40, 0.62 * innerHeight, 672));
  let [across, side] = [Math.max(high, Math.min(innerWidth - 40, 656)), high]; // pixels
  let size = 11; // of names
  let key = "";
  /** @type {number[]} */
  let ids = [];
  /** @type {Map<number, number>} */
  let spots = new Map();
  /** @type {ReturnType<typeof import("../chain/layout.js").ring>} */
  let place;
  /** @type {Map<number, SVGElement>} */
  const circles = new Map();
  /** @type {Line[]} */
  let lines = [];
  let held = -1;
  /** @type {number | null} */
  let lit = null;
  /** @type {[number | null, number, number, boolean]} */
  let walked = [null, -1, 1, false];

  new ResizeObserver(([{ contentRect: { width, height } }]) => {
    if (Math.min(width, height) < 40 || Math.max(Math.abs(height / side - 1), Math.abs(width / across - 1)) < 0.03) return;
    [across, side] = [width, height];
    key = "";
    if (last) update(...last);
  }).observe(picture);

  /** How wide words are, about. @param {string} words */
  function wide(words) {
    return [...words].reduce((sum, sign) => sum + (/** @type {number} */ (sign.codePointAt(0)) > 0x2e7f ? 1 : 0.6), 0) * size;
  }

  /** Words that fit into a width. @param {string} words @param {number} most */
  function cut(words, most) {
    if (wide(words) <= most) return words;
    const signs = [...words];
    while (signs.length > 1 && wide(`${signs.join("")}…`) > most) signs.pop();
    return `${signs.join("")}…`;
  }

  /** Which states there are, and where. @param {import("../chain/view.js").View} view */
  function settle(view) {
    const least = Math.min(across, side);
    size = least < 420 ? 10.5 : 11.5;
    const first = shownStates(view, MOST);
    const level = first.length <= LEVEL;
    if (level && least > 420) size = 13;
    picture.classList.toggle("few", level);
    const names = first.map((id) => wide(nameOf(view, id)));
    const room = Math.min(Math.max(...names), (level ? 0.3 : NAMES) * across);
    const radius = level ? Math.min(side / 2 - 2 * size - NODE, across / 2 - room - NODE - 8) : least / 2 - Math.min(room, NAMES * least) - NODE - 12;
    const now = shownStates(view, Math.max(8, Math.min(MOST, Math.floor((2 * Math.PI * (radius + NODE)) / (1.12 * size)))));
    const wanted = `${across.toFixed(0)} ${side.toFixed(0)} ${now.join(" ")}`;
    if (wanted === key) return;
    key = wanted;
    ids = now;
    const K = ids.length;
    spots = new Map(ids.map((id, k) => [id, k]));
    const positions = ids.map((_, k) => {
      const angle = (2 * Math.PI * k) / K - Math.PI / 2;
      return /** @type {[number, number]} */ ([radius * Math.cos(angle), radius * Math.sin(angle)]);
    });
    place = { order: ids, node: NODE, radius, positions: [...positions, [0, 0]], neighbour: ids.map((_, k) => (k + 1) % K), inward: true };
    picture.setAttribute("viewBox", `${-across / 2} ${-side / 2} ${across} ${side}`);
    const focused = Number(/** @type {any} */ (document.activeElement)?.dataset?.id ?? -1);
    const had = nodes.contains(document.activeElement);
    circles.clear();
    ids.forEach((id, k) => circles.set(id, node(view, id, positions[k], room, level)));
    nodes.replaceChildren(...circles.values());
    held = -1;
    hold(spots.has(view.chosen) ? view.chosen : ids[0]);
    if (had) circles.get(spots.has(focused) ? focused : held)?.focus();
  }

  /** @param {import("../chain/view.js").View} view @param {number} id @param {number[]} spot @param {number} room @param {boolean} level */
  function node(view, id, [x, y], room, level) {
    const angle = (Math.atan2(y, x) * 180) / Math.PI;
    const left = Math.abs(angle) > 90;
    const out = Math.hypot(x, y);
    const far = out + NODE + 4;
    const [ux, uy] = [x / out, y / out];
    const name = nameOf(view, id);
    const reach = Math.min(wide(name), room) + NODE + 4;
    const anchor = level && Math.abs(ux) < 0.2 ? "middle" : left ? "end" : "start";
    const where = level ? { x: (x + ux * (NODE + 5)).toFixed(1), y: (y + uy * (NODE + 5 + size / 2)).toFixed(1) }
      : { x: (left ? -far : far).toFixed(1), y: 0, transform: `rotate(${(left ? angle + 180 : angle).toFixed(2)})` };
    return svg("g", {
      class: "state", tabindex: -1, role: "button", "data-id": id,
      onclick: () => choose(id), onpointerenter: () => light(id), onpointerleave: () => light(null),
      onfocus: () => { hold(id); light(id); }, onblur: () => light(null),
      onkeydown: (/** @type {KeyboardEvent} */ event) => {
        const by = event.key === "ArrowDown" ? 1 : ids.length - 1;
        if (event.key === "Enter" || event.key === " ") choose(id);
        else if (event.key === "ArrowDown" || event.key === "ArrowUp") circles.get(ids[(ids.indexOf(id) + by) % ids.length])?.focus();
        else return;
        event.preventDefault();
        event.stopPropagation();
      },
    },
    svg("title", {}, name),
    svg("path", { class: "hit", style: `stroke-width:${size}`, d: `M${x.toFixed(1)} ${y.toFixed(1)}l${(ux * reach).toFixed(1)} ${(uy * reach).toFixed(1)}` }),
    svg("circle", { cx: x.toFixed(1), cy: y.toFixed(1), r: NODE }),
    svg("text", {
      class: "spoke", style: `text-anchor:${anchor};font-size:${size}px`, ...where,
    }, cut(name, room)));
  }

  /** @param {number} id */
  function hold(id) {
    circles.get(held)?.setAttribute("tabindex", "-1");
    circles.get(id)?.setAttribute("tabindex", "0");
    held = id;
  }

  /** @param {number | null} id */
  function light(id) {
    lit = id;
    picture.classList.toggle("dimmed", (lit ?? last?.[0].chosen ?? -1) >= 0);
    write();
  }

  /** The arrows of one state stand out and have words. */
  function write() {
    const id = lit ?? last?.[0].chosen ?? -1;
    for (const { source, path, tip } of lines) for (const part of [path, tip]) part?.classList.toggle("lit", source === id);
    const named = lines.filter(({ source, words }) => source === id && words);
    if (!named.length) return texts.replaceChildren();
    const most = Math.max(...named.map(({ words }) => wide(words))) + AIR;
    const found = labels(place, named.map(({ source, curve }) => ({ source: spots.get(source) ?? -1, target: -1, curve })), most, size + 5);
    texts.replaceChildren(...named.flatMap(({ words, token, change }, k) => {
      const w = wide(words) + AIR;
      const x = Math.max((w - across) / 2, Math.min((across - w) / 2, found[k][0]));
      const tone = last?.[0].before ? (change > 0 ? "up" : "down") : token < 0 ? "rest" : toneOf(token, V);
      return [svg("rect", { x: x - w / 2, y: found[k][1] - size * 0.75, width: w, height: size * 1.5, rx: 3, class: "patch" }),
        svg("text", { x, y: found[k][1], class: `arrow-label lit ${tone}`, style: `font-size:${size}px` }, words)];
    }));
  }

  /** Where an arrow runs; all else is in the middle. @param {number} from @param {number} to states @returns {Curve} */
  function curveOf(from, to) {
    const middle = ids.length;
    const [a, b] = [spots.get(from) ?? middle, spots.get(to) ?? middle];
    if (a === middle && b === middle) return { start: BELOW, control1: BELOW, control2: BELOW, end: BELOW };
    const curve = arrow(place, a, b);
    const rim = (/** @type {readonly number[]} */ [x, y]) => /** @type {[number, number]} */ ([x, y].map((one) => (one * (HUB + 2)) / (Math.hypot(x, y) || 1)));
    return { ...curve, start: a === middle ? rim(curve.control1) : curve.start, end: b === middle ? rim(curve.control2) : curve.end };
  }

  /** @param {import("../chain/view.js").View} view @param {import("../chain/sketch.js").Arrow} one @returns {Line} */
  function drawn(view, { source, target, token, p, change }) {
    const curve = curveOf(source, target);
    const strength = view.before ? Math.min(1, 2 * Math.abs(change)) : p;
    const up = view.before ? (change > 0 ? "up" : "down") : "";
    const d = bezier(curve);
    const thick = 0.6 + 3 * strength;
    const paint = { class: target < 0 ? `${up} inner` : up, fill: colourOf(token, V), "fill-opacity": (0.35 + 0.65 * strength).toFixed(3) };
    const there = target < 0 ? say("sketch.other") : nameOf(view, target);
    const was = wasOf(view, source);
    const share = was ? `${visible(vocab[token])} ${say("inside.was", { was: percent(was[token]), is: percent(p) })}` : tokenShare(vocab[token], p);
    const told = `${nameOf(view, source)} → ${there}: ${share}`;
    const count = view.values.ghost ? (view.trained.experiment.taken.get(source * V + token) ?? 0) : 0;
    return {
      source, token, p, change, curve, told, words: view.before ? `${visible(vocab[token])} ${signed(change)}` : share,
      path: svg("path", { d, fill: "none", class: target < 0 ? `${up} inner` : up, stroke: colourOf(token, V), "stroke-width": thick.toFixed(2), "stroke-opacity": (0.3 + 0.7 * strength).toFixed(3) }),
      tip: svg("polygon", { ...paint, points: head(curve, 4 + 1.4 * thick) }),
      hit: svg("path", { d, fill: "none", class: "hit", style: "stroke-width:9", onclick: () => choose(source) }, svg("title", {}, told)),
      halo: count ? svg("path", { d, fill: "none", class: "halo", "stroke-width": (3 + (9 * count) / countOf(view, source)).toFixed(1) }) : null,
    };
  }

  /** @param {import("../chain/view.js").View} view @param {import("../chain/sketch.js").Rest} one @returns {Line} */
  function restOf(view, { source, p, tokens, change }) {
    const curve = curveOf(source, -1);
    const straight = { ...curve, control1: curve.start, control2: curve.end };
    const told = `${nameOf(view, source)} → ${say("sketch.rest", { n: tokens })}: ${percent(p)}`;
    return {
      source, token: -1, p, change, curve: straight, told, words: say("sketch.label", { p: view.before ? signed(change) : percent(p) }),
      path: svg("path", { d: bezier(straight), fill: "none", class: "folded", "stroke-width": (0.4 + 3 * p).toFixed(2) }),
      tip: null, halo: null, hit: null,
    };
  }

  /** @param {import("../chain/view.js").View} view @param {Uint8Array | null} ends */
  function update(view, ends) {
    last = [view, ends];
    settle(view);
    const { arrows: some, rests, others } = sketched(view, ids, ARROWS);
    lines = [...rests.map((one) => restOf(view, one)), ...some.map((one) => drawn(view, one))];
    halos.replaceChildren(...lines.flatMap(({ halo }) => (halo ? [halo] : [])));
    arrows.replaceChildren(...lines.flatMap(({ path, tip }) => (tip ? [path, tip] : [path])));
    hits.replaceChildren(...lines.flatMap(({ hit }) => (hit ? [hit] : [])));
    const told = others ? say("sketch.others", { n: counted(others) }) : say("sketch.else");
    picture.setAttribute("aria-label", say("sketch", { shown: ids.length, n: counted(view.n) }));
    hub.setAttribute("aria-label", told);
    hubTitle.textContent = told;
    hubText.textContent = others ? `+${short(others)}` : "…";
    for (const [id, group] of circles) {
      const rest = rests.find(({ source }) => source === id);
      group.classList.toggle("unseen", countOf(view, id) === 0);
      group.classList.toggle("chosen", id === view.chosen);
      group.classList.toggle("red", isRed(view, id));
      group.classList.toggle("end", ends !== null && ends[id] === 1);
      group.setAttribute("aria-pressed", String(id === view.chosen));
      const words = some.filter(({ source }) => source === id).map(({ token, p }) => tokenShare(vocab[token], p));
      if (rest) words.push(say("sketch.label", { p: percent(rest.p) }));
      const marks = [...(countOf(view, id) ? [] : [say("state.unseen")]), ...(isRed(view, id) ? [say("state.red")] : [])];
      group.setAttribute("aria-label", `${[nameOf(view, id), ...marks].join(", ")}: ${words.join(", ")}`);
    }
    light(lit !== null && spots.has(lit) ? lit : null);
    walk(...walked);
  }

  /** The marker on its way; what is not drawn is in the middle. @param {number | null} id @param {number} k @param {number} t
   * @param {boolean} outside */
  function walk(id, k = -1, t = 1, outside = false) {
    walked = [id, k, t, outside];
    dot.setAttribute("visibility", id === null ? "hidden" : "visible");
    trail.setAttribute("visibility", id === null || k < 0 ? "hidden" : "visible");
    if (id === null || !place) return;
    const curve = k < 0 ? null : curveOf(Math.floor(k / V), id);
    const [x, y] = curve ? at(curve, t) : spots.has(id) ? place.positions[/** @type {number} */ (spots.get(id))] : BELOW;
    dot.setAttribute("cx", x.toFixed(1));
    dot.setAttribute("cy", y.toFixed(1));
    trail.classList.toggle("outside", outside);
    if (curve) trail.setAttribute("d", bezier(curve));
  }

  return { picture, update, walk, others: () => (last ? last[0].n - ids.length : 0) };
}
