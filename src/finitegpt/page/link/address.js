// The page's address: what its link says, and what is written there. The link is the experiment.

import { fromHash, toHash } from "./fields.js";
import { lessonValues } from "./lessons.js";

const LATER = 120; // milliseconds until the address follows: browsers allow only so many changes a second

/**
 * @param {import("./fields.js").Values} first what the page opens with where its link says nothing
 * @param {number} scene of the opening, which it begins with where there is no link at all
 */
export function addressOf(first, scene = 0) {
  let timer = 0;
  let newest = first;

  /** What a link leaves out: a lesson begins with what it sets itself. @param {number} lesson */
  function beginning(lesson) {
    return lesson ? { ...lessonValues(lesson), lesson: 0 } : first;
  }

  /** @param {import("./fields.js").Values} values */
  function link(values) {
    return `#${toHash(values, beginning(values.lesson)) || (scene ? "opening=0" : "")}`;
  }

  /** @param {"pushState" | "replaceState"} how @param {import("./fields.js").Values} values */
  function put(how, values) {
    clearTimeout(timer);
    timer = 0;
    try {
      history[how](null, "", link(values));
    } catch {
      // A frame without an address has no history: the page works all the same.
    }
  }

  return {
    /** What the link says, behind its # or its ?. */
    read() {
      const text = (location.hash.length > 1 ? location.hash : location.search).slice(1);
      if (!text) return { values: { ...first, opening: scene }, problems: [] };
      return fromHash(text, beginning(fromHash(text, first).values.lesson));
    },
    /** The whole link; a frame that has no address has only its end. @param {import("./fields.js").Values} values */
    whole(values) {
      return (location.protocol === "about:" ? "" : location.href.replace(/[?#].*$/, "")) + link(values);
    },
    /** @param {import("./fields.js").Values} values */
    write: (values) => put("replaceState", values),
    /** The same soon, with the newest values by then. @param {import("./fields.js").Values} values */
    writeSoon(values) {
      newest = values;
      timer ||= window.setTimeout(() => put("replaceState", newest), LATER);
    },
    /** A new place, which the Back button leaves again. @param {import("./fields.js").Values} values */
    push: (values) => put("pushState", values),
  };
}
