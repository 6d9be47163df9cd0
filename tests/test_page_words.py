"""The words of the page: every term is explained, every mark names a term, and what questions answer is true."""

import math
import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from finitegpt import Run, TrainConfig, decode, greedy, top_p, train
from finitegpt.analysis import recurrent_classes, red_states, stationary_distribution
from finitegpt.page import glossary, strings
from test_page import call, node

__all__ = ["node"]
MARK = re.compile(r"\[\[([^\[\]|]+)(?:\|([^\[\]|]+))?\]\]")
STATES = [f"{k:03b}" for k in range(8)]
ENGLISH = {key: MARK.sub(lambda mark: mark[2] or mark[1], text) for key, text in strings()["en"].items()}


def test_terms_are_explained_in_one_line_of_each_language() -> None:
    assert len(glossary()) > 60
    for term, entry in glossary().items():
        assert entry.keys() <= {"en", "zh", "link"}, term
        (_, english), (_, chinese) = entry["en"], entry["zh"]
        assert len(english.split()) <= 30, term
        assert len(chinese) <= 60, term
        assert english.endswith("."), term
        assert chinese.endswith("。"), term
        assert "\n" not in english + chinese, term
        assert entry.get("link", "https://").startswith("https://"), term
    names = [entry[language][0] for language in ("en", "zh") for entry in glossary().values()]
    assert len({*names[: len(names) // 2]}) == len({*names[len(names) // 2 :]}) == len(glossary())


def test_the_glossary_is_no_language() -> None:
    assert strings().keys() == {"en", "zh"}


@pytest.mark.parametrize("language", ["en", "zh"])
def test_every_mark_names_a_term_and_each_text_marks_it_once(language: str) -> None:
    for key, text in strings()[language].items():
        assert "[[" not in MARK.sub("", text), key
        assert "]]" not in MARK.sub("", text), key
        terms = [mark[1] for mark in MARK.finditer(text)]
        assert len({*terms}) == len(terms), key
        for mark in MARK.finditer(text):
            assert mark[1] in glossary(), key
            if mark[2] is None:  # the term stands in the sentence as the glossary's keys are written
                assert language == "en" or glossary()[mark[1]]["zh"][0] == mark[1], key


def test_words_beside_numbers_have_no_marks() -> None:
    for words in strings().values():
        assert not any("[[" in text for key, text in words.items() if key.startswith("number."))


@pytest.mark.parametrize(
    ("text", "plain", "pieces"),
    [
        ("", "", []),
        ("no term", "no term", ["no term"]),
        ("[[token]]", "token", [{"term": "token", "words": "token"}]),
        (
            "A [[state|circle]] is a [[context]].",
            "A circle is a context.",
            ["A ", {"term": "state", "words": "circle"}, " is a ", {"term": "context", "words": "context"}, "."],
        ),
        ("[[a|b]][[c]]", "bc", [{"term": "a", "words": "b"}, {"term": "c", "words": "c"}]),
        ("[[a|b|c]] [[]] [[x", "[[a|b|c]] [[]] [[x", ["[[a|b|c]] [[]] [[x"]),
    ],
)
def test_marks_are_taken_apart(text: str, plain: str, pieces: list[Any]) -> None:
    assert call(("terms.js", "plain", [text]), ("terms.js", "pieces", [text])) == [plain, pieces]


def test_what_is_filled_in_has_no_marks() -> None:
    words = {"en": {"key": "[[state|State]] {label}: [[n-gram|{n} tokens]]"}}
    values = {"label": "[[token]]", "n": 1234}
    _, said, marked = call(
        ("strings.js", "setStrings", [words]),
        ("strings.js", "say", ["key", values]),
        ("strings.js", "marked", ["key", values]),
    )
    assert said == "State [[token]]: 1,234 tokens"
    assert marked == [
        {"term": "state", "words": "State"},
        " [[token]]: ",
        {"term": "n-gram", "words": "1,234 tokens"},
    ]


@pytest.mark.parametrize("lesson", ["opening", *(f"lesson.{k}" for k in range(1, 10))])
def test_three_questions_with_answers_end_each_lesson(lesson: str) -> None:
    for words in strings().values():
        for k in (1, 2, 3):
            assert re.search("[?？]", words[f"{lesson}.q{k}"]), k
            assert words[f"{lesson}.a{k}"].endswith((".", "。")), k


def whole(p: float) -> str:
    return f"{100 * p:.0f}%"


def ones(run: Run) -> dict[str, float]:
    return {state: run.chain.p("1", after=state) for state in STATES}


def test_answers_about_the_data_are_true(notebook: Run) -> None:
    text = notebook.data.text
    follows = {
        state: [text[k + 3] for k in range(len(text) - 3) if text[k : k + 3] == state] for state in ones(notebook)
    }
    assert [len(follows["111"]), follows["111"].count("1")] == [6, 3]
    assert sum(len(tokens) for tokens in follows.values()) == 12
    assert sum(tokens.count("1") for tokens in follows.values()) == 9
    assert "in 9 of the 12 examples" in ENGLISH["lesson.2.a2"]
    never = [state for state, tokens in follows.items() if not tokens]
    for key in ("opening.a2", "lesson.3.a1"):
        assert "{}, {}, {} and {}".format(*never) in ENGLISH[key]
    assert sum(len({*tokens}) for tokens in follows.values()) == 5
    assert whole(ones(notebook)["101"]) in ENGLISH["opening.a3"]


def test_answers_about_training_are_true(notebook: Run) -> None:
    assert {whole(p) for state, p in ones(trained(0)).items() if state.endswith("1")} == {"55%"}
    assert {whole(p) for state, p in ones(trained(0)).items() if state.endswith("0")} == {"50%"}
    assert {whole(p) for p in ones(trained(20)).values()} == {"69%"}
    assert [whole(ones(trained(steps))["000"]) for steps in (20, 30)] + [whole(ones(notebook)["000"])] == [
        "69%",
        "28%",
        "73%",
    ]
    assert all(ones(trained(steps))["111"] > 0.5 for steps in range(0, 49, 6))
    assert whole(ones(trained(48))["111"]) == "50%"
    assert ones(trained(49))["111"] < 0.47
    assert whole(ones(trained(1500))["111"]) == "50%"


def trained(steps: int) -> Run:
    return train(config=TrainConfig(steps=steps))


def test_answers_about_start_up_contexts_are_true(notebook: Run) -> None:
    assert np.exp(notebook.model.log_probs([[1]]))[0] == pytest.approx([0.65, 0.35], abs=0.005)
    every = train(config=replace(notebook.train, loss="all")).model
    for contexts in ([[0], [1]], [[0, 0], [0, 1], [1, 0], [1, 1]]):
        assert np.exp(every.log_probs(contexts))[:, 1] == pytest.approx(0.81, abs=0.005)


def test_answers_about_size_are_true() -> None:
    assert f"27 states of {3 * math.log2(3):.2f} bits" in ENGLISH["lesson.6.a2"]
    assert f"a number with {math.floor(1024 * math.log10(50_257)) + 1:,} digits" in ENGLISH["lesson.6.a3"]


def test_answers_about_decoding_are_true(notebook: Run) -> None:
    cold = greedy(notebook.chain)
    (found,) = recurrent_classes(cold)
    circle = [STATES[k] for k in found]
    assert "{0}, {3}, {2} and {1}".format(*circle) in ENGLISH["lesson.7.a1"]
    text = "000"
    while text[-3:] not in circle:
        text += max("01", key=lambda token: cold.p(token, after=text[-3:]))
    assert text == "00011"
    cool = decode(notebook.chain, temperature=0.1)
    assert whole(cool.p("1", after="111")) == "13%"
    assert min(cool.p("1", after=state) for state in STATES if state != "111") > 0.995
    assert decode(notebook.chain, temperature=0.01).p("0", after="111") > 0.995


def test_answers_about_reaching_are_true(notebook: Run) -> None:
    found = red_states(decode(notebook.chain, temperature=0.5), ["000"], horizons=[100])
    assert whole(found.within[100].value) == "16%"
    assert found.ever.value == 1
    cut = top_p(notebook.chain, 0.7)
    assert red_states(cut, ["000"]).ever.value == 0
    assert [state for state in STATES if 0 < cut.p("1", after=state) < 1] == ["111"]
    law = stationary_distribution(notebook.chain)
    assert f"{100 * law.probs[0]:.2f}% of the time" in ENGLISH["lesson.9.a1"]


@pytest.mark.parametrize("language", ["en", "zh"])
def test_no_mark_is_seen_on_the_page(visit: Callable[..., Any], language: str) -> None:
    view = visit(f"lang={language}&lesson=8&state=0&startup=1&pin=3")
    seen = view.evaluate("document.querySelector('#page').outerHTML")
    assert "[[" not in seen
    assert "]]" not in seen


def test_moving_the_weights_moves_probabilities_as_the_answers_say(visit: Callable[..., Any]) -> None:
    view = visit("lesson=4&along=0.2")
    assert "111 → 111: 1 (60%)" in view.locator(".hits title").all_text_contents()
    for along, state in ((0.05, "110"), (0.1, "111")):
        view = visit(f"lesson=4&along={along}&greedy=1")
        assert any(
            re.fullmatch(rf"111 → {state}: . \(100%\)", text)
            for text in view.locator(".hits title").all_text_contents()
        )


def test_a_lesson_ends_with_its_questions(visit: Callable[..., Any]) -> None:
    view = visit("lesson=3", width=360)
    view.get_by_role("button", name="Questions").click()
    asked = view.locator(".questions summary")
    assert asked.all_inner_texts() == [ENGLISH[f"lesson.3.q{k}"] for k in (1, 2, 3)]
    asked.nth(1).click()
    assert view.locator(".questions p:visible").all_inner_texts() == [ENGLISH["lesson.3.a2"]]
    view.keyboard.press("Escape")
    assert not view.is_visible(".questions")
    view.get_by_role("button", name="Next").click()
    view.get_by_role("button", name="Questions").click()
    assert asked.first.inner_text() == ENGLISH["lesson.4.q1"]


def test_another_language_leaves_nothing_of_the_last_behind(visit: Callable[..., Any]) -> None:
    counting = """
      window.listening = new Map();
      const add = window.addEventListener;
      window.addEventListener = function (kind, act, how) {
        if (this === window || this === undefined) {
          const one = {}; listening.set(one, kind);
          how?.signal?.addEventListener("abort", () => listening.delete(one));
        }
        return add.call(window, kind, act, how);
      };
    """
    view = visit(before=counting)
    before = view.evaluate("listening.size")
    for _ in range(3):
        view.click(".language")
        view.wait_for_timeout(100)
    assert view.evaluate("listening.size") == before > 0
