// Runs before the page does: all that goes wrong in it is kept, and its clocks can be made to run faster.

window.troubles = [];
{
  const note = (kind, what) => window.troubles.push(`${kind}: ${what}`);
  addEventListener("error", (event) => note("error", event.message ?? event.target), true);
  addEventListener("unhandledrejection", (event) => note("rejection", event.reason?.stack ?? event.reason));
  addEventListener("securitypolicyviolation", (event) => note("policy", `${event.violatedDirective} ${event.blockedURI}`));
  for (const level of ["error", "warn"]) {
    const said = console[level];
    console[level] = (...words) => {
      note(level, words.join(" "));
      said.apply(console, words);
    };
  }
  for (const dialog of ["alert", "confirm", "prompt"]) window[dialog] = (words) => note(dialog, words);
}

{
  const make = URL.createObjectURL;
  URL.createObjectURL = (blob) => {
    window.made = blob; // the last file
    return make.call(URL, blob);
  };
}

/** What the page has asked the network for. */
window.asked = () => performance.getEntriesByType("resource").map(({ name }) => name).filter((name) => !/^(blob|data):/.test(name));

/** From now on, clocks, frames and timers of the page run so many times as fast. */
window.hasten = (times) => {
  const [now, frame, later] = [performance.now.bind(performance), requestAnimationFrame, setTimeout];
  const begun = now();
  performance.now = () => begun + (now() - begun) * times;
  window.requestAnimationFrame = (act) => frame(() => act(performance.now()));
  window.setTimeout = (act, wait = 0, ...given) => later(act, wait / times, ...given);
};
