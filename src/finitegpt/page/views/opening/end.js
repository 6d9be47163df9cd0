// The end of the opening: what was learned, three questions with their answers, and where to go on.

import { say } from "../../ground/strings.js";
import { button, html } from "../dom.js";
import { paragraphs } from "../glossary.js";
import { questions } from "../questions.js";

/** @param {import("./scenes.js").Stage} stage */
export function endScene(stage) {
  const { places, view, circles } = stage;
  places.show.replaceChildren(circles.picture);
  stage.draw(stage.p(view.trained.experiment.plan.steps));
  places.words.replaceChildren(html("ol", {}, ...paragraphs("opening.9.text", {}, "li")));
  places.asks.replaceChildren(html("h3", {}, say("questions")),
    ...questions("opening"),
    html("div", { class: "choices" }, button(say("lessons"), () => places.teach(1))));
  places.ready();
}
