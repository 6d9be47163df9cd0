// Terms that the glossary explains: in the strings they stand as [[term]], or as [[term|words]] where the sentence needs
// other words than the term's name.

const MARK = /\[\[([^[\]|]+)(?:\|([^[\]|]+))?\]\]/g;

/** A text as it is read, without its marks. @param {string} text */
export function plain(text) {
  return text.replace(MARK, (_, term, words) => words ?? term);
}

/** A text in its parts, in order: what is only read, and what can be explained.
 * @param {string} text @returns {(string | {term: string, words: string})[]} */
export function pieces(text) {
  const parts = [];
  let end = 0;
  for (const { 0: mark, 1: term, 2: words, index } of text.matchAll(MARK)) {
    if (index > end) parts.push(text.slice(end, index));
    parts.push({ term, words: words ?? term });
    end = index + mark.length;
  }
  if (end < text.length) parts.push(text.slice(end));
  return parts;
}
