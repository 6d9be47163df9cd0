// What a link is good for: that of a file, of a frame or of this machine alone opens nothing for others. Pure.

const LOCAL = /^https?:\/\/(localhost|127(\.\d+){3}|\[::1\])(:\d+)?\//;

/**
 * The link to hand out, the words that go with it, and whether others can open it.
 * @param {string} whole the page's own; of a frame only what is behind the address
 * @param {string} hosted where the same page is on the net, if that is known
 * @returns {{link: string, key: string, works: boolean}}
 */
export function sharing(whole, hosted = "") {
  const own = whole.startsWith("#") ? "link.frame" : /^(file|blob|data):/.test(whole) ? "share.file" : LOCAL.test(whole) ? "share.local" : "";
  if (!own) return { link: whole, key: "link.done", works: true };
  return hosted ? { link: hosted + hashOf(whole), key: "share.hosted", works: true } : { link: whole, key: own, works: false };
}

/** The experiment of a link, from its # on. @param {string} whole */
export function hashOf(whole) {
  const at = whole.indexOf("#");
  return at < 0 ? "" : whole.slice(at);
}
