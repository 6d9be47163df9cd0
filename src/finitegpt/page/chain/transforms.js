// Texts turned into few symbols, as finitegpt/sources/transforms.py does.

const VOWELS = new Set("aeiouæœøıаеиоуыэюяієѣѵѧѫ");
const SILENT = new Set("ъь");
const CONSONANTS = new Set("йў"); // not vowels with a breve, which they are made of

/** A text as symbols: its characters, or a list of words. @param {string} text @param {string} name @returns {string | string[]} */
export function transform(text, name) {
  if (name === "words") return folded(text).normalize("NFC").match(/[\p{L}\p{N}]+(?:['’][\p{L}\p{N}]+)*/gu) ?? [];
  if (name === "letters") return letters(text);
  if (name === "vowels") return [...folded(text).normalize("NFC")].map(vowel).join("");
  return text;
}

/** Without case, as Python folds it where it matters here. @param {string} text */
function folded(text) {
  return text.toLowerCase().replace(/ß/g, "ss");
}

/** a to z without case or accents, and one space for anything between them (Shannon 1951). @param {string} text */
function letters(text) {
  const plain = folded(text).normalize("NFD").replace(/\p{Mn}/gu, "");
  return (plain.match(/[a-z]+/g) ?? []).join(" ");
}

/** v or c, as Markov did with Eugene Onegin (1913). @param {string} sign */
function vowel(sign) {
  if (CONSONANTS.has(sign)) return "c";
  const base = [...sign.normalize("NFD")][0];
  if (VOWELS.has(base)) return "v";
  return /\p{L}/u.test(base) && /[\p{Script=Latin}\p{Script=Cyrillic}]/u.test(base) && !SILENT.has(base) ? "c" : "";
}
