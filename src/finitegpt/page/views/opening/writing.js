// Writing is walking: at each circle a token is drawn by the arrows, and the window slides on.

import { context, successor } from "../../chain/data.js";
import { draw, random } from "../../ground/random.js";
import { say } from "../../ground/strings.js";
import { button, html } from "../dom.js";
import { paragraphs } from "../glossary.js";
import { growingTape } from "./tape.js";

const SHOWN = 15; // tokens of the tape
const ENOUGH = 3; // tokens after which the point is made
const PAUSE = 900;

/** @param {import("./scenes.js").Stage} stage */
export function writingScene(stage) {
  const { circles, places, view } = stage;
  const { vocab, V, L, n } = view;
  const p = stage.p(view.trained.experiment.plan.steps);
  const draws = random(7);
  const tape = growingTape(vocab, L, SHOWN);
  let at = n - 1;
  let tokens = context(at, V, L);
  let written = 0;
  let going = false;
  places.show.replaceChildren(tape.element, circles.picture);
  places.words.replaceChildren(...paragraphs("opening.7.text"));
  tape.show(tokens);
  stage.draw(p, at);

  const write = () => {
    const token = draw(p, V, at, draws());
    const arrow = at * V + token;
    at = successor(at, token, V, n);
    tokens = [...tokens, token].slice(-SHOWN);
    written += 1;
    stage.draw(p, -1, arrow);
    circles.move(arrow, stage.still(), () => {
      tape.show(tokens);
      stage.draw(p, at, arrow);
    });
    if (written === ENOUGH) stage.say(7);
  };
  const one = button(say("opening.7.one"), () => {
    stop();
    write();
  }, { class: "main" });
  const go = button(say("walk.go"), () => {
    going = !going;
    go.textContent = say(going ? "walk.stop" : "walk.go");
    if (going) on();
  });
  const on = () => {
    if (!going || !go.isConnected) return;
    write();
    stage.later(on, PAUSE);
  };
  const stop = () => {
    going = false;
    go.textContent = say("walk.go");
  };
  places.asks.replaceChildren(html("div", { class: "choices" }, one, go));
}
