// The run that a page carries from the library.

/**
 * @typedef {{values: Record<string, any>, weights: Float32Array, losses: number[], fixed: string | null}} CarriedRun
 *   `fixed`: why it cannot be trained again here, as a key
 * @param {string} text its text in the page, empty where it carries none @returns {CarriedRun | null}
 */
export function carriedRun(text) {
  if (!text.trim()) return null;
  const run = JSON.parse(text);
  const bytes = Uint8Array.from(atob(run.weights), (sign) => sign.charCodeAt(0));
  return { ...run, weights: new Float32Array(bytes.buffer) };
}
