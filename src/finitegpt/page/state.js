// What the page shows, as one typed list, and its form in the link. The link is the experiment.

/**
 * @typedef {{key: string, type: "text" | "int" | "number" | "flag" | "choice" | "list",
 *   start: any, min?: number, max?: number, longest?: number, choices?: string[]}} Field
 */

/** @type {Field[]} */
export const FIELDS = [
  { key: "data", type: "text", start: "111101111011110", longest: 5000 },
  { key: "context", type: "int", start: 3, min: 1, max: 12 },
  { key: "layers", type: "int", start: 4, min: 1, max: 8 },
  { key: "heads", type: "int", start: 4, min: 1, max: 8 },
  { key: "width", type: "int", start: 16, min: 1, max: 128 },
  { key: "bias", type: "flag", start: false },
  { key: "loss", type: "choice", start: "last", choices: ["last", "all"] },
  { key: "steps", type: "int", start: 50, min: 0, max: 5000 },
  { key: "lr", type: "number", start: 0.001, min: 0.000001, max: 1 },
  { key: "decay", type: "number", start: 0.1, min: 0, max: 10 },
  { key: "seed", type: "int", start: 1337, min: 0, max: 4294967295 },
  { key: "temperature", type: "number", start: 1, min: 0.01, max: 10 },
  { key: "topk", type: "int", start: 0, min: 0, max: 256 },
  { key: "topp", type: "number", start: 1, min: 0.01, max: 1 },
  { key: "greedy", type: "flag", start: false },
  { key: "step", type: "int", start: -1, min: -1, max: 5000 },
  { key: "pin", type: "int", start: -1, min: -1, max: 5000 },
  { key: "state", type: "int", start: -1, min: -1, max: 1048575 },
  { key: "ghost", type: "flag", start: false },
  { key: "red", type: "list", start: "", longest: 2000 },
  { key: "off", type: "list", start: "", longest: 400 },
  { key: "lang", type: "choice", start: "auto", choices: ["auto", "en", "zh"] },
  { key: "theme", type: "choice", start: "auto", choices: ["auto", "light", "dark"] },
  { key: "lesson", type: "int", start: 0, min: 0, max: 9 },
  { key: "hide", type: "list", start: "", longest: 200 },
];

/** @returns {Record<string, any>} */
export function defaults() {
  return Object.fromEntries(FIELDS.map((field) => [field.key, field.start]));
}

/** The link's part after #: only what differs from the start. @param {Record<string, any>} values */
export function toHash(values) {
  const parts = FIELDS.filter(({ key, start }) => values[key] !== start).map(({ key, type }) => {
    const value = type === "flag" ? (values[key] ? "1" : "0") : String(values[key]);
    return `${key}=${encodeURIComponent(value)}`;
  });
  return parts.join("&");
}

/**
 * Reads a hash. What is unknown or unusable is left at its start and named among the problems.
 * @param {string} hash
 */
export function fromHash(hash) {
  const values = defaults();
  /** @type {string[]} */
  const problems = [];
  for (const part of hash.replace(/^#/, "").split("&")) {
    if (!part) continue;
    const [name, ...rest] = part.split("=");
    const field = FIELDS.find(({ key }) => key === name);
    let text;
    try {
      text = decodeURIComponent(rest.join("=").replace(/\+/g, "%20"));
    } catch {
      text = null;
    }
    const value = field && text !== null ? read(field, text) : undefined;
    if (field && value !== undefined) values[field.key] = value;
    else problems.push(name.slice(0, 20));
  }
  return { values, problems };
}

/** A value from text, or undefined where it is none that the field can have. @param {Field} field @param {string} text */
export function read(field, text) {
  switch (field.type) {
    case "flag":
      return text === "1" ? true : text === "0" ? false : undefined;
    case "choice":
      return field.choices?.includes(text) ? text : undefined;
    case "text":
    case "list":
      return [...text].length <= (field.longest ?? Infinity) ? text : undefined;
    default: {
      if (!/^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(text.trim())) return undefined;
      const value = Number(text);
      if (field.type === "int" && !Number.isInteger(value)) return undefined;
      return value >= (field.min ?? -Infinity) && value <= (field.max ?? Infinity) ? value : undefined;
    }
  }
}
