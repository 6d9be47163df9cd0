// Keys that work wherever no field or button has them: space plays, arrows step.

/** @param {{toggle: () => void, step: (by: number) => void}} time */
export function keysOf(time) {
  return (/** @type {KeyboardEvent} */ event) => {
    const target = /** @type {HTMLElement} */ (event.target);
    if (event.ctrlKey || event.metaKey || event.altKey || target.closest("input, textarea, select, button, summary")) return;
    if (event.key === " ") time.toggle();
    else if (event.key === "ArrowRight") time.step(1);
    else if (event.key === "ArrowLeft") time.step(-1);
    else return;
    event.preventDefault();
  };
}
