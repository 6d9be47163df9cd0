// How often a walk visits each state: all of it, and its last tokens.

export const RECENT = 50; // tokens

/**
 * @typedef {{total: number, outside: number, all: Map<number, number>, last: {id: number, outside: boolean}[]}} Visits
 *   how many tokens there were, how many of them came from outside, how often each state was visited, and the newest
 *   RECENT visits, the oldest first
 * @returns {Visits}
 */
export function noVisits() {
  return { total: 0, outside: 0, all: new Map(), last: [] };
}

/** Enters a visit, in place: there are thousands a second. @param {Visits} visits @param {number} id @param {boolean} outside */
export function visit(visits, id, outside) {
  visits.total += 1;
  if (outside) visits.outside += 1;
  visits.all.set(id, (visits.all.get(id) ?? 0) + 1);
  visits.last.push({ id, outside });
  if (visits.last.length > RECENT) visits.last.shift();
}

/** The last tokens: how many, how many of them from outside, how often each state. @param {Visits} visits */
export function recently({ last }) {
  /** @type {Map<number, number>} */
  const counts = new Map();
  for (const { id } of last) counts.set(id, (counts.get(id) ?? 0) + 1);
  return { total: last.length, outside: last.filter(({ outside }) => outside).length, counts };
}

/**
 * The total variation distance of counted visits from a distribution: what the two do not have in common.
 * @param {Map<number, number>} counts @param {number} total above 0 @param {ArrayLike<number>} pi
 */
export function distance(counts, total, pi) {
  let common = 0;
  for (const [id, count] of counts) common += Math.min(count / total, pi[id]);
  return Math.max(0, 1 - common);
}
