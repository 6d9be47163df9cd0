// The opening: the scenes that teach why a GPT is a Markov chain, in their order. Their words are `opening.N.title` and so on.

/** @type {readonly ("window" | "counts" | "untrained" | "training" | "unseen" | "pasts" | "writing" | "finite" | "end")[]} */
export const SCENES = ["window", "counts", "untrained", "training", "unseen", "pasts", "writing", "finite", "end"];
