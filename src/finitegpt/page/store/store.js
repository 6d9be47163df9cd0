// What the page is at, and what becomes of it: pure functions of a state and of what somebody does.

import { experimentOf } from "../chain/experiment.js";
import { MOST_AT_ONCE, MINI_BATCH } from "../ground/limits.js";
import { defaults, sameTraining, trainedAs } from "../link/fields.js";
import { lessonValues } from "../link/lessons.js";

/**
 * @typedef {import("../link/fields.js").Values} Values
 * @typedef {{key: string, filled?: Record<string, string | number | string[]>, said?: Record<string, string>, at?: string}} Message
 *   words by their key, what to fill in as it is, what to fill in by the key of its words, and the control or the part of
 *   the page that caused them; without one they are of the whole page
 * @typedef {{first: Values, values: Values, good: Values, home: Values | null, touched: string | null,
 *   opened: {values: Values, weights: Float32Array} | null, message: Message | null,
 *   standing: {training: Message | null, drawing: Message | null}}} Store
 *   `first`: what the page opens with; `good`: what was last found to be trainable; `home`: what there was before the
 *   tour; `touched`: the control that asked for the training of now; `opened`: weights from a file, and the values they
 *   belong to; `message`: of what was done last; `standing`: what is to be said as long as training or drawing are so.
 */

/** @param {Values} first @param {{values: Values, problems: string[]}} read what the link says @returns {Store} */
export function begun(first, read) {
  const { values, problems } = read;
  const standing = { training: null, drawing: null };
  return { first, values, good: values, home: null, touched: null, opened: null, message: ofLink(problems), standing };
}

/** Some values are others now. Another training is shown from its last step on. @param {Store} store
 * @param {Record<string, any>} changes @returns {Store} */
export function changed(store, changes) {
  const values = { ...store.values, ...changes };
  const same = sameTraining(values, store.values);
  if (!same) values.step = -1;
  if ("data" in changes && isLong(values) && !isLong(store.values)) {
    values.batch = MINI_BATCH;
    return moved({ ...store, message: { key: "notice.batch", filled: { n: MINI_BATCH }, at: "data" }, touched: "data" }, values);
  }
  const quiet = Object.keys(changes).every((key) => ["step", "state", "inside"].includes(key));
  return moved({ ...store, message: quiet ? store.message : null, touched: same ? store.touched : Object.keys(changes)[0] }, values);
}

/** Whether a step with all windows of the data would take long. @param {Values} values */
function isLong(values) {
  return values.batch === 0 && (experimentOf(values).experiment?.plan.starts.length ?? 0) > MOST_AT_ONCE;
}

/** Another experiment altogether, seen as the reader likes to see. @param {Store} store @param {Values} wanted @returns {Store} */
export function replaced(store, wanted) {
  const { lang, theme, hide } = store.values;
  return moved({ ...store, message: null, touched: null }, { ...wanted, lang, theme, hide });
}

/** A lesson, or with 0 what there was before the first. @param {Store} store @param {number} lesson @returns {Store} */
export function taught(store, lesson) {
  return guided(store, lesson ? lessonValues(lesson) : null);
}

/** A scene of the opening, or with 0 what there was before the first. @param {Store} store @param {number} opening @returns {Store} */
export function introduced(store, opening) {
  return guided(store, opening ? { ...defaults(), opening } : null);
}

/** The link is another one. @param {Store} store @param {{values: Values, problems: string[]}} read @returns {Store} */
export function followed(store, read) {
  return { ...moved(store, read.values), touched: null, message: ofLink(read.problems) };
}

/** Files were opened: values, and weights where there are any. @param {Store} store @param {Record<string, any>} changes
 * @param {Float32Array | null} weights @returns {Store} */
export function filled(store, changes, weights) {
  const nothing = { step: -1, pin: -1, state: -1, inside: 0, off: "", rows: "", delta: 0, along: 0, lesson: 0, opening: 0 };
  const next = replaced(store, { ...store.values, ...nothing, ...changes });
  return { ...next, opened: weights ? { values: next.values, weights } : null };
}

/** The values can be trained; where the width was made another, that is said. @param {Store} store
 * @param {{madeWidth: boolean, shape: {nEmbd: number}}} experiment @returns {Store} */
export function accepted(store, { madeWidth, shape }) {
  const filled = { width: store.values.width, made: shape.nEmbd };
  const training = madeWidth ? { key: "notice.heads", filled, at: "width" } : null;
  return { ...store, good: store.values, standing: { ...store.standing, training } };
}

/** The values cannot be trained: why is said where the reader has just been. @param {Store} store
 * @param {import("../chain/experiment.js").Problem} problem @returns {Store} */
export function refused(store, { key, values, at }) {
  return { ...store, standing: { ...store.standing, training: { key, filled: values, at: store.touched ?? at } } };
}

/** What there is to say as long as what is drawn is so. @param {Store} store @param {Message | null} drawing @returns {Store} */
export function found(store, drawing) {
  return { ...store, standing: { ...store.standing, drawing } };
}

/** The one message that is shown: that a training is refused goes before what is drawn, that a width was made another
 * comes last. @param {Store} store */
export function shownMessage({ message, standing: { training, drawing }, values, good }) {
  return message ?? (sameTraining(values, good) ? (drawing ?? training) : (training ?? drawing));
}

/** Nothing of the link can be trained: what the page opens with instead. @param {Store} store @returns {Store} */
export function restarted(store) {
  const { lang, theme } = store.values;
  return { ...store, values: { ...store.first, lang, theme } };
}

/** @param {Store} store @param {Message | null} message @returns {Store} */
export function told(store, message) {
  return { ...store, message };
}

/** What is drawn: the values, but trained as it was last possible. @param {Store} store @returns {Values} */
export function drawn({ values, good }) {
  return trainedAs(values, good);
}

/** What `changed` makes of the parts that are switched off when one is pressed. @param {string} off @param {string} part */
export function toggled(off, part) {
  const parts = new Set(off.split(",").filter(Boolean));
  if (!parts.delete(part)) parts.add(part);
  return [...parts].sort().join(",");
}

/** What becomes of the theme when light and dark are exchanged; `dark`: what the system would like. @param {Values} values
 * @param {boolean} dark */
export function otherTheme({ theme }, dark) {
  return theme === "dark" || (theme === "auto" && dark) ? "light" : "dark";
}

/** The start, as a preset changes it. @param {Record<string, any>} changes @returns {Values} */
export function preset(changes) {
  return { ...defaults(), ...changes };
}

/** What guides the reader, or without it what there was before. @param {Store} store @param {Values | null} values @returns {Store} */
function guided(store, values) {
  const guides = store.values.lesson || store.values.opening;
  if (!values) return { ...replaced(store, { ...(store.home ?? store.values), lesson: 0, opening: 0 }), home: null };
  return { ...replaced(store, values), home: guides ? store.home : store.values };
}

/** Weights of a file are kept as long as nothing is trained. @param {Store} store @param {Values} values @returns {Store} */
function moved(store, values) {
  const opened = store.opened && sameTraining(store.opened.values, values) ? store.opened : null;
  return { ...store, values, opened };
}

/** @param {string[]} problems @returns {Message | null} */
function ofLink(problems) {
  return problems.length ? { key: "notice.link", filled: { list: problems } } : null;
}
