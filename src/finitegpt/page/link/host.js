// The notebook that has the page in a frame, where one has: values both ways, over a port that it hands in.

const LATER = 100; // milliseconds until a notebook is told: nobody there reads sixty steps a second

/** The port, once the page around this one hands it in. Only what has written this page into its frame is heard: a page
 * with an address never listens, whoever has it in a frame. @returns {Promise<MessagePort> | null} */
export function portOf() {
  if (location.href !== "about:srcdoc") return null;
  return new Promise((resolve) => {
    addEventListener("message", function listen({ source, data, ports }) {
      if (source !== parent || data !== "finitegpt" || !ports.length) return;
      removeEventListener("message", listen);
      resolve(ports[0]);
    });
  });
}

/**
 * Takes what the notebook gives, and tells it what has become of its values: only what it does not know yet.
 * @param {Promise<MessagePort> | null} port @param {(given: Record<string, any>) => void} take @param {() => Record<string, any>} share
 */
export function hosted(port, take, share) {
  /** @type {MessagePort | null} */
  let host = null;
  let timer = 0;
  /** What the notebook has, as text. @type {Map<string, string>} */
  const known = new Map();
  const note = (/** @type {Record<string, any>} */ values) =>
    Object.entries(values).forEach(([name, value]) => known.set(name, JSON.stringify(value)));
  port?.then((given) => {
    host = given;
    host.onmessage = ({ data }) => {
      note(data);
      take(data);
      later();
    };
  });

  function tell() {
    timer = 0;
    const news = Object.fromEntries(Object.entries(share()).filter(([name, value]) => known.get(name) !== JSON.stringify(value)));
    if (!Object.keys(news).length) return;
    note(news);
    host?.postMessage(news);
  }

  /** Something may be another now. */
  function later() {
    if (host) timer ||= window.setTimeout(tell, LATER);
  }

  return { later };
}
