// The nine ideas of the tour: what each sets, and what it points at. Their words are `lesson.N.title` and `lesson.N.text`.

import { defaults } from "./fields.js";

/** What each idea sets, as changes of the start, the part of the page it needs, what it points at there, and
 * what it asks to be ticked: that is offered beside its words.
 * @type {{set: Record<string, any>, part: string, at?: string, flag?: string}[]} */
export const LESSONS = [
  { set: {}, part: "walk", at: ".transport" },
  { set: { step: 0 }, part: "time" },
  { set: { state: 0 }, part: "state", at: ".bars" },
  { set: { along: 0.1 }, part: "nudge", at: "label" },
  { set: { startup: true }, part: "startup", at: ".short" },
  { set: {}, part: "chain", at: "dl" },
  { set: { greedy: true }, part: "stage" },
  { set: { red: "000" }, part: "red", flag: "greedy" },
  { set: {}, part: "walk", at: ".outside" },
];

/** What a lesson makes of the page. @param {number} k from 1 on */
export function lessonValues(k) {
  return { ...defaults(), ...LESSONS[k - 1].set, lesson: k };
}
