// What the page can hold: numbers that several rooms need. finitegpt/page/limits.py reads them here, too.

/** Characters of a text that is typed or in a link; a run that the page carries may have more. */
export const MOST_TYPED = 5000;
export const MOST_CONTEXT = 12;
export const MOST_LAYERS = 8;
export const MOST_HEADS = 8;
export const MOST_WIDTH = 128;
export const MOST_STEPS = 5000;
export const MOST_BATCH = 4096;
/** Different windows of a text that is typed which are all trained at every step; of more, batches are. */
export const MOST_AT_ONCE = 1000;
/** The same for every text, as the library has it: of more, steps take MINI_BATCH at random, whatever is asked for. */
export const FULL_BATCH = 4096;
export const MINI_BATCH = 256;
/** Different tokens. */
export const MOST_TOKENS = 5000;
/** States of a chain that is computed whole, and its arrows. */
export const MOST_STATES = 4096;
export const MOST_WHOLE = 65536;
/** Arrows that can be numbered. */
export const MOST_ARROWS = 9007199254740991;
/** Steps from the tokens of a context to probabilities. */
export const MOST_INSIDE = 7;
