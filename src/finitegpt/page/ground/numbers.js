// How numbers are written, as words.py of the library writes them: every digit that is shown is proved. In whole
// numbers (BigInt), so that both write the same, digit for digit.

import { say } from "./strings.js";

const DIGITS = 6;
const FEWEST = 3;
const SHARE = 3;
const TINY = 1e-3;

/** A number that is proved to lie between `low` and `high`; `value` counts where they are infinite.
 * @param {number} value @param {number} low @param {number} high */
export function bounded(value, low = -Infinity, high = Infinity) {
  return written(value, low, high, 1n, "", DIGITS);
}

/** A share in percent, to three digits; an interval from 0 to 1 says nothing of it.
 * @param {number} value @param {number} low @param {number} high */
export function boundedShare(value, low = -Infinity, high = Infinity) {
  const nothing = low <= 0 && high >= 1;
  return written(value, nothing ? -Infinity : low, nothing ? Infinity : high, 100n, " %", SHARE);
}

/** A time in whole tokens that is proved to lie between two; none of the times that it is used for is 0 but where it is known.
 * @param {number} low @param {number} high */
export function boundedTokens(low, high) {
  if (low === Infinity) return say("chain.never");
  if (high === Infinity) return low > 1 ? say("chain.least", { n: Math.floor(low) }) : say("number.unknown");
  const [least, most] = [Math.floor(low), Math.ceil(high)];
  if (least === most) return say(least === 1 ? "chain.token" : "chain.tokens", { n: least });
  const n = most < 1e15 ? most : bound(BigInt(most), 1n, FEWEST, true);
  return least > 1 ? say("chain.range", { low: least, high: n }) : say("chain.most", { n });
}

/** @param {number} value @param {number} low @param {number} high @param {bigint} scale @param {string} unit
 * @param {number} most */
function written(value, low, high, scale, unit, most) {
  if (Number.isNaN(value) || !(low <= high)) throw new RangeError(`expected a number in an interval, got ${value} from ${low} to ${high}`);
  if (low === Infinity || high === -Infinity) return (low > 0 ? "" : "-") + say("number.infinite");
  if (high === Infinity) {
    if (low === 0 || low === -Infinity) return say("number.uncertified", { x: computed(value, scale, most) + unit });
    return say("number.least", { x: bound(...ratio(low, scale), FEWEST, false) + unit });
  }
  if (low === -Infinity) return say("number.most", { x: bound(...ratio(high, scale), FEWEST, true) + unit });
  const [p, s] = ratio(low, scale);
  const [r, t] = ratio(high, scale);
  const [a, b, q] = [p * t, r * s, s * t]; // the interval, in units of 1 / q
  if (a === b) return exact(a, q, most) + unit;
  if (a === 0n && high < TINY) return say("number.below", { x: bound(b, q, 2, true) + unit });
  if (a > 0n || b < 0n) {
    const top = exponent(size(a + b), 2n * q);
    // More digits than asked for where the truth lies between two that are as near as each other.
    for (const digits of [...Array.from({ length: most - FEWEST + 1 }, (_, k) => most - k), most + 1]) {
      const n = nearest(a, b, q, top + 1 - digits);
      if (n !== null) return plain(n, top + 1 - digits) + unit;
    }
    if (10n * (b - a) <= size(a + b)) {
      const [x, error] = around(a, b, q);
      return say("number.error", { x, error: error + unit });
    }
  }
  return say("number.range", { low: bound(a, q, FEWEST, false), high: bound(b, q, FEWEST, true) + unit });
}

/** A double as a fraction, exactly, times `scale`. @param {number} x @param {bigint} scale @returns {[bigint, bigint]} */
function ratio(x, scale) {
  let q = 1n;
  while (!Number.isInteger(x)) {
    x *= 2;
    q *= 2n;
  }
  return [BigInt(x) * scale, q];
}

/** The place of the first digit of p / q > 0: 0 for units, -1 for tenths. @param {bigint} p @param {bigint} q */
function exponent(p, q) {
  const place = p.toString().length - q.toString().length;
  const [x, d] = inUnits(p, q, place);
  return x >= d ? place : place - 1;
}

/** p / q in units of 10**place. @param {bigint} p @param {bigint} q @param {number} place @returns {[bigint, bigint]} */
function inUnits(p, q, place) {
  return place <= 0 ? [p * 10n ** BigInt(-place), q] : [p, q * 10n ** BigInt(place)];
}

/** The whole number of units from which neither end is farther than half a unit.
 * @param {bigint} low @param {bigint} high @param {bigint} q @param {number} place */
function nearest(low, high, q, place) {
  const [a, d] = inUnits(low, q, place);
  const [b] = inUnits(high, q, place);
  const n = floor(a + b + d, 2n * d);
  return 2n * larger(b - n * d, n * d - a) <= d ? n : null;
}

/** Digits that are all proved, six at most. @param {bigint} n @param {number} place */
function plain(n, place) {
  return size(n) === 10n ** BigInt(DIGITS) ? decimal(n / 10n, place + 1, false) : decimal(n, place, false);
}

/** A number that is known: without zeros at its end where its digits are all there are, but for a double's last.
 * @param {bigint} a @param {bigint} q @param {number} most */
function exact(a, q, most) {
  if (a === 0n) return "0";
  const place = exponent(size(a), q) + 1 - most;
  const [p, d] = inUnits(a, q, place);
  const n = nearest(a, a, q, place) ?? 0n;
  return size(n * d - p) << 53n <= size(p) ? stripped(n, place) : plain(n, place);
}

/** A number that nothing is known of: the nearest of so many digits. @param {number} value @param {bigint} scale
 * @param {number} most */
function computed(value, scale, most) {
  if (value === 0) return "0";
  if (!Number.isFinite(value)) return (value > 0 ? "" : "-") + say("number.infinite");
  const [a, q] = ratio(value, scale);
  const place = exponent(size(a), q) + 1 - most;
  return stripped(nearest(a, a, q, place) ?? 0n, place);
}

/** The middle of an interval, and an error that reaches both ends: one digit of it, or two where one is wasteful.
 * @param {bigint} a @param {bigint} b @param {bigint} q @returns {[string, string]} */
function around(a, b, q) {
  const first = exponent(b - a, 2n * q);
  let [n, error, place] = [0n, 0n, first];
  for (place of [first, first - 1]) {
    const [low, d] = inUnits(a, q, place);
    const [high] = inUnits(b, q, place);
    n = floor(low + high + d, 2n * d);
    error = -floor(-larger(high - n * d, n * d - low), d);
    if (4n * error * d <= 3n * (high - low)) break;
  }
  if (n % 10n === 0n && error % 10n === 0n) [n, error, place] = [n / 10n, error / 10n, place + 1];
  return [decimal(n, place, true), decimal(error, place, true)];
}

/** p / q rounded to one side. @param {bigint} p @param {bigint} q @param {number} digits @param {boolean} up */
function bound(p, q, digits, up) {
  if (p === 0n) return "0";
  const place = exponent(size(p), q) + 1 - digits;
  const [x, d] = inUnits(p, q, place);
  return stripped(up ? -floor(-x, d) : floor(x, d), place);
}

/** Without zeros at the end of a fraction; those before the point stay. @param {bigint} n @param {number} place */
function stripped(n, place) {
  while (n && n % 10n === 0n) {
    n /= 10n;
    place++;
  }
  return decimal(n, place, true);
}

/** n * 10**place, with all digits of n; with `zeros`, more may be written before the point.
 * @param {bigint} n @param {number} place @param {boolean} zeros */
function decimal(n, place, zeros) {
  const sign = n < 0n ? "-" : "";
  const text = size(n).toString();
  const first = text.length - 1 + place;
  if (first < -4 || first >= DIGITS || (place > 0 && !zeros))
    return `${sign}${text[0]}${text.length > 1 ? "." : ""}${text.slice(1)}e${first}`;
  if (place >= 0) return sign + text + "0".repeat(place);
  const padded = text.padStart(1 - place, "0");
  return `${sign}${padded.slice(0, place)}.${padded.slice(place)}`;
}

/** Rounded down, also below zero. @param {bigint} p @param {bigint} q */
function floor(p, q) {
  return p % q < 0n ? p / q - 1n : p / q;
}

/** @param {bigint} n */
function size(n) {
  return n < 0n ? -n : n;
}

/** @param {bigint} a @param {bigint} b */
function larger(a, b) {
  return a > b ? a : b;
}
