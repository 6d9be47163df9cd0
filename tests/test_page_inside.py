"""Inside a GPT on the page: every number of the way from tokens to a probability, against the library."""

import json
import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from finitegpt import GPTConfig, Model, Run, decode
from finitegpt.page import strings
from pages import settle
from test_page import call, node, shape, typed

__all__ = ["node"]  # a fixture

CONFIGS = [
    GPTConfig(vocab_size=2, context_length=3),
    GPTConfig(vocab_size=3, context_length=2, n_layer=2, n_head=2, n_embd=8, bias=True),
    GPTConfig(vocab_size=3, context_length=2, n_layer=1, n_head=1, n_embd=6, norm="rmsnorm", tied=False),
    GPTConfig(vocab_size=4, context_length=1, n_layer=2, n_head=3, n_embd=6, norm="rmsnorm", norm_weight=False),
    GPTConfig(vocab_size=2, context_length=4, n_layer=1, n_head=2, n_embd=4, bias=True, final_norm=False),
    GPTConfig(vocab_size=2, context_length=2, n_layer=1, n_head=2, n_embd=4, embedding_norm=True),
]


def rough(config: GPTConfig, seed: int = 3) -> Model:
    """A model whose weights are all far from where they begin, norms and biases too."""
    model = Model.init(config, "abcd"[: config.vocab_size], seed=seed)
    noise = np.random.default_rng(seed).normal(size=len(model.weights))
    return replace(model, weights=(model.weights + 0.3 * noise).astype(np.float32))


def taken_apart(model: Model, context: list[int], switches: np.ndarray | None = None) -> tuple[dict[str, Any], Any]:
    """What the page makes of a context, and the library's inside of it."""
    inside = model.inspect(context, switches=switches)
    arrays = {name: typed("Float32Array", getattr(inside, name)) for name in ("heads", "residual", "logits")}
    given = [shape(model.config), typed("Float32Array", model.weights), context, arrays]
    return call(("anatomy.js", "anatomy", given))[0], inside


def numbers(values: Any, *sizes: int) -> np.ndarray:
    return np.array(list(values.values()) if isinstance(values, dict) else values, float).reshape(sizes)


@pytest.mark.parametrize("config", CONFIGS)
def test_what_parts_add_makes_the_stream_and_their_shares_the_lead(config: GPTConfig) -> None:
    model = rough(config)
    L, C, layers, heads = config.context_length, config.n_embd, config.n_layer, config.n_head
    context = [(2 * k + 1) % config.vocab_size for k in range(L)]
    found, inside = taken_apart(model, context)
    stream, named = inside.residual[:, -1].astype(float), model.named

    begun = numbers(found["tokens"], L, C) + numbers(found["positions"], L, C)
    if config.embedding_norm:
        begun /= np.sqrt((begun**2).mean(-1, keepdims=True) + 1e-5)
    np.testing.assert_allclose(begun, inside.residual[0], atol=1e-5)

    added = numbers(found["heads"], layers, heads, C).sum(1)
    for layer in range(layers):
        added[layer] += named.get(f"transformer.h.{layer}.attn.c_proj.bias", 0)
    np.testing.assert_allclose(added, stream[1::2] - stream[:-1:2], atol=1e-4)
    np.testing.assert_allclose(numbers(found["mlps"], layers, C), stream[2::2] - stream[1::2], atol=1e-4)

    logits = numbers(found["output"], config.vocab_size, C) @ numbers(found["normed"], C)
    np.testing.assert_allclose(logits, inside.logits, atol=1e-4)
    order = np.argsort(-inside.logits, kind="stable")
    assert [found["first"], found["second"]] == order[:2].tolist()
    shares = found["shares"]
    total = shares["embedding"] + shares["rest"] + sum(numbers(shares["heads"], -1)) + sum(numbers(shares["mlps"], -1))
    assert total == pytest.approx(inside.logits[order[0]] - inside.logits[order[1]], abs=1e-4)


def test_a_share_is_what_the_output_layer_loses_without_it(notebook: Run) -> None:
    """With the scale of the final norm held; the output layer alone reads what the last MLP adds."""
    config, model = notebook.model.config, notebook.model
    found, inside = taken_apart(model, [1, 1, 1])
    first, second = found["first"], found["second"]
    last = inside.residual[-1, -1].astype(float)
    named = model.named
    apart = named["transformer.wte.weight"][first].astype(float) - named["transformer.wte.weight"][second]
    gain = named["transformer.ln_f.weight"]
    mlp = last - inside.residual[-2, -1]
    expected = ((mlp - mlp.mean()) / np.sqrt(last.var() + 1e-5) * gain) @ apart
    assert numbers(found["shares"]["mlps"], -1)[-1] == pytest.approx(expected, abs=1e-5)
    assert abs(expected) > 0.01
    switches = np.ones((config.n_layer, config.n_head + 1), np.float32)
    switches[3, 1] = 0
    without = model.inspect([1, 1, 1], switches=switches)
    head = inside.residual[-2, -1] - without.residual[-2, -1]
    np.testing.assert_allclose(numbers(found["heads"], 4, 4, -1)[3, 1], head, atol=1e-5)


def test_a_part_that_is_off_adds_nothing(notebook: Run) -> None:
    switches = np.ones((4, 5), np.float32)
    switches[1, 2] = switches[2, 4] = 0
    found, inside = taken_apart(notebook.model, [1, 0, 1], switches)
    assert not numbers(found["heads"], 16, 16)[6].any()
    assert not numbers(found["mlps"], 4, 16)[2].any()
    shares = found["shares"]
    total = shares["embedding"] + shares["rest"] + sum(numbers(shares["heads"], -1)) + sum(numbers(shares["mlps"], -1))
    assert total == pytest.approx(float(np.ptp(inside.logits)), abs=1e-4)


def test_what_is_written_gives_what_it_says(notebook: Run) -> None:
    rng = np.random.default_rng(5)
    cases = [(rng.normal(0, 3, V), t) for V in (2, 3, 9, 64) for t in (1, 0.5, 2.5) for _ in range(20)]
    found = call(*(("softmax.js", "decimalsOf", [logits.tolist(), t, [0, 1]]) for logits, t in cases))
    for (logits, t), decimals in zip(cases, found, strict=True):
        exact, rounded = (np.exp(row / t) for row in (logits, np.round(logits, decimals)))
        if decimals < 6:
            assert (np.round(100 * exact / exact.sum()) == np.round(100 * rounded / rounded.sum())).all()
            np.testing.assert_allclose(rounded[:2], exact[:2], atol=0.0101)
    assert 2 in found
    assert max(found) > 2
    pairs = rng.normal(0, 0.05, (200, 2))
    for (a, b), decimals in zip(
        pairs, call(*(("softmax.js", "decimalsOfSum", [*map(float, pair)]) for pair in pairs)), strict=True
    ):
        assert decimals == 6 or round(round(a, decimals) + round(b, decimals), decimals) == round(a + b, decimals)
    shares = rng.dirichlet(np.ones(12), 50)
    for whole, exact in zip(call(*(("softmax.js", "percents", [row.tolist()]) for row in shares)), shares, strict=True):
        assert sum(whole) == 100
        assert (np.abs(np.array(whole) - 100 * exact) < 1).all()


def missed(run: Run, state: int, **how: Any) -> dict[str, float]:
    """How far the row of a state moves when each part alone is off, by its name on the page."""
    model, config = run.model, run.model.config
    sizes = {}
    for layer in range(config.n_layer):
        for part in range(config.n_head + 1):
            mlp = part == config.n_head
            off = model.without(mlps=[layer]) if mlp else model.without(heads=[(layer, part)])
            rows = [decode(one.chain(), **how).probs[state] for one in (model, off)]
            sizes[f"{layer}.{'mlp' if mlp else part}"] = float(np.abs(rows[0] - rows[1]).sum() / 2)
    return sizes


@pytest.mark.parametrize(("link", "how"), [("", {}), ("&temperature=0.3", {"temperature": 0.3})])
def test_parts_that_matter_most_come_first(
    visit: Callable[..., Any], notebook: Run, link: str, how: dict[str, Any]
) -> None:
    view = visit(f"state=7{link}")
    view.wait_for_function("() => document.querySelector('.inside-part .number')?.textContent")
    rows = view.locator(".inside-part").evaluate_all(
        "rows => rows.map((row) => [row.dataset.of, row.querySelector('.number').textContent])"
    )
    sizes = missed(notebook, 7, **how)
    assert len(rows) == 20
    for name, text in rows:
        assert float(text) == pytest.approx(100 * sizes[name], abs=0.06)
    told = [sizes[name] for name, _ in rows]
    assert told == pytest.approx(sorted(told, reverse=True), abs=1e-5)
    assert rows[0][0] == max(sizes, key=lambda name: sizes[name])


def test_what_matters_is_told_of_what_is_shown_last(visit: Callable[..., Any], notebook: Run) -> None:
    """Answers that came too late for what was asked meanwhile are not taken for it."""
    view = visit("state=7")
    view.evaluate(
        """() => {
          const timeline = document.querySelector("#timeline");
          for (const step of [...Array(40).keys(), 50]) {
            timeline.value = step;
            timeline.dispatchEvent(new Event("input"));
          }
          document.querySelector(".state[data-id='6']").dispatchEvent(new MouseEvent("click"));
        }"""
    )
    settle(view)
    view.wait_for_function("() => !document.querySelector('.inside-parts .old')")
    settle(view)
    sizes = missed(notebook, 6)
    rows = view.locator(".inside-part").evaluate_all(
        "rows => rows.map((row) => [row.dataset.of, row.querySelector('.number').textContent])"
    )
    for name, text in rows:
        assert float(text) == pytest.approx(100 * sizes[name], abs=0.06)


def test_parts_that_are_off_show_what_was(visit: Callable[..., Any], notebook: Run) -> None:
    view = visit("state=7")
    view.wait_for_function("() => document.querySelector('.inside-part .number')?.textContent")
    assert "was" not in view.inner_text("[data-part=state] .bars")
    first = view.locator(".inside-part").first
    part = first.get_attribute("data-of")
    first.locator("input").uncheck()
    settle(view)
    layer = int(part.split(".")[0])
    kind = part.split(".")[1]
    off = notebook.model.without(mlps=[layer]) if kind == "mlp" else notebook.model.without(heads=[(layer, int(kind))])
    before, after = notebook.chain.probs[7], off.chain().probs[7]
    for was, now in zip(before, after, strict=True):
        assert f"was {was:.0%}, is {now:.0%}" in view.inner_text("[data-part=state] .bars")
    assert round(before[1], 2) != round(after[1], 2)
    assert f"1 ({100 * before[1]:.0f}→{after[1]:.0%})" in view.text_content(".stage svg")
    assert f"111 → 111: 1 was {before[1]:.0%}, is {after[1]:.0%}" in view.text_content(".stage svg")
    assert view.get_by_text("with all parts on").is_visible()
    assert view.locator(".inside-part").first.get_attribute("data-of") == part  # the order is not that of what is left
    view.locator(".inside-part").first.locator("input").check()
    settle(view)
    assert "was" not in view.inner_text("[data-part=state] .bars")
    assert "→" not in view.locator(".arrow-labels").text_content()


def real(text: str) -> float:
    return float(text.replace("\u2212", "-").replace("+", ""))


def test_the_way_is_told_with_the_numbers_of_the_library(visit: Callable[..., Any], notebook: Run) -> None:
    switches = np.ones((4, 5), np.float32)
    switches[1, 2] = 0
    inside = notebook.model.inspect([1, 1, 1], switches=switches)
    probs = notebook.model.chain(switches=switches).probs[7]
    view = visit("state=7&inside=1&off=1.2")
    dialog = view.get_by_role("dialog")
    assert f"comes to {max(probs):.0%}" in dialog.inner_text()

    dialog.locator("[data-step='2']").get_by_label("Number 1 of 16").fill("5")
    table, places = (notebook.model.named[f"transformer.{name}.weight"] for name in ("wte", "wpe"))
    groups = dialog.locator("[data-step='2'] .inside-group")
    for k in range(3):
        told = [real(text.split()[-1]) for text in groups.nth(k).locator(".number").all_inner_texts()]
        a, b = table[1, 4], places[k, 4]
        np.testing.assert_allclose(told, [a, b, a + b], atol=5.1e-4)
    assert "Number 5 of 1 at position 3" in dialog.locator("[data-step='2'] .inside-sum").inner_text()

    found, _ = taken_apart(notebook.model, [1, 1, 1], switches)
    for layer in range(4):
        dialog.locator("[data-step='3']").get_by_role("button", name=f"Layer {layer + 1}", exact=True).click()
        for head in range(4):
            card = dialog.locator("[data-step='3'] .inside-group").nth(head)
            shares = card.locator(".inside-look > span:last-child").all_inner_texts()
            weights = [float(text.strip("%")) for text in shares]
            assert sum(weights) == 100
            np.testing.assert_allclose(weights, 100 * inside.attention[layer, head, -1], atol=1)
            if (layer, head) == (1, 2):
                assert "adds nothing" in card.inner_text()
                continue
            length, share = re.findall(r"length ([\d.]+)\. .*: ([+\u2212\d.]+)\.$", card.inner_text(), re.M)[0]
            vector = numbers(found["heads"], 4, 4, 16)[layer, head]
            assert real(length) == pytest.approx(np.linalg.norm(vector), abs=6e-4)
            assert real(share) == pytest.approx(numbers(found["shares"]["heads"], 4, 4)[layer, head], abs=6e-4)

    dialog.locator("[data-step='6']").get_by_label("Number 1 of 16").fill("7")
    rows = [real(text) for text in dialog.locator("[data-step='6'] > .inside-row .number").all_inner_texts()]
    np.testing.assert_allclose(rows, [numbers(found["normed"], 16)[6], *table[:, 6]], atol=6e-4)
    a, b, product, logit = re.findall(
        r"[\u2212\d.]*\d\.\d+", dialog.locator("[data-step='6'] .inside-sum").inner_text()
    )
    assert round(real(a) * real(b), 3) == real(product)
    assert real(logit) == pytest.approx(max(inside.logits), abs=6e-4)
    logits = [real(text) for text in dialog.locator(".inside-logits .number").all_inner_texts()]
    np.testing.assert_allclose(logits, inside.logits, atol=6e-4)
    shares = [real(text) for text in dialog.locator(".inside-shares .number").all_inner_texts()]
    assert sum(shares) == pytest.approx(np.ptp(inside.logits), abs=0.006)

    for y, line in enumerate(dialog.locator(".inside-line > span:last-child").all_inner_texts()):
        powers = [real(text) for text in re.findall(r"e([\u2212\d.]+)", line)]
        assert powers[0] == powers[1 + y]
        expected = np.exp(powers[0]) / np.exp(powers[1:]).sum()
        assert line.endswith(f"= {expected:.0%}")
        assert expected == pytest.approx(probs[y], abs=0.006)
    assert "With all parts on, it was" in dialog.inner_text()


def test_decoding_is_a_line_more(visit: Callable[..., Any], notebook: Run) -> None:
    view = visit("state=5&inside=7&temperature=0.5&topk=1")
    dialog = view.get_by_role("dialog")
    words = dialog.locator("[data-step='7']").inner_text()
    probs = decode(notebook.chain, temperature=0.5).probs[5]
    for share in probs:
        assert f"= {share:.0%}" in words
    assert "keeps only the most probable tokens, and the rest gets 0%: 0 (0%), 1 (100%)" in words
    assert "So 1 follows with 100%" in words
    assert "Without decoding it is 79%" in words


def test_steps_are_taken_by_keys_by_scrolling_and_by_the_link(visit: Callable[..., Any]) -> None:
    view = visit("state=5")
    button = view.get_by_role("button", name="How the GPT comes to 79%")
    button.focus()
    view.keyboard.press("Enter")
    dialog = view.get_by_role("dialog")
    dialog.wait_for()
    settle(view)
    assert "inside=1" in view.url
    step = view.inner_text(".step")
    view.keyboard.press("ArrowRight")
    view.keyboard.press("ArrowRight")
    settle(view)
    assert "inside=3" in view.url
    assert dialog.locator("nav [aria-current=step]").get_attribute("aria-label") == "3. Attention"
    assert view.inner_text(".step") == step  # the keys of the page below are not meant
    view.keyboard.press("ArrowLeft")
    settle(view)
    assert "inside=2" in view.url
    dialog.get_by_role("button", name="7. Softmax").click()
    settle(view)
    assert "inside=7" in view.url
    assert dialog.get_by_role("button", name="Next").is_disabled()
    dialog.locator(".inside-body").evaluate("body => { body.scrollTop = 0; }")
    settle(view)
    assert "inside=1" in view.url
    assert dialog.get_by_role("button", name="Back").is_disabled()
    view.keyboard.press("Escape")
    settle(view)
    assert dialog.count() == 0
    assert "inside" not in view.url
    assert button.evaluate("one => one === document.activeElement")
    for link, seen in (("state=5&inside=6", "6. Logits"), ("inside=4", None), ("state=5&inside=4&hide=state", None)):
        view.evaluate(f"() => {{ location.hash = '{link}'; }}")
        settle(view)
        assert view.get_by_role("dialog").count() == (seen is not None)
        if seen:
            heading = view.get_by_role("dialog").get_by_role("heading", name=seen)
            top = view.locator(".inside-body").bounding_box()["y"]
            assert abs(heading.bounding_box()["y"] - top) < 60
    assert view.get_by_role("button", name="Play").is_enabled()
    view.get_by_role("button", name="A step back").click()  # nothing lies over the page


def test_a_head_is_switched_off_inside(visit: Callable[..., Any], notebook: Run) -> None:
    view = visit("state=7&inside=4")
    dialog = view.get_by_role("dialog")
    dialog.get_by_role("button", name="Switch off: layer 1, MLP").click()
    settle(view)
    assert "off=0.mlp" in view.url
    assert "adds nothing" in dialog.locator("[data-step='4']").inner_text()
    off = notebook.model.without(mlps=[0]).chain().probs[7]
    assert f"comes to {max(off):.0%}" in dialog.inner_text()
    dialog.get_by_role("button", name="Switch on: layer 1, MLP").click()
    settle(view)
    assert "off=" not in view.url


@pytest.mark.parametrize("language", sorted(strings()))
@pytest.mark.parametrize(
    "link",
    [
        "state=5",
        "data=0110100110010110100101100110100110010110&context=12&heads=8&layers=8&width=64&steps=3&state=1650",
        "data=the%20cat%20sat%20on%20the%20mat&context=2&steps=20&state=50&temperature=0.7&off=0.1",
    ],
)
def test_it_can_be_read_on_a_phone(visit: Callable[..., Any], language: str, link: str) -> None:
    view = visit(f"{link}&inside=1&lang={language}", width=360, has_touch=True)
    dialog = view.get_by_role("dialog")
    dialog.wait_for()
    sides = view.locator(".inside-body").evaluate("body => [body.scrollWidth, body.clientWidth]")
    assert sides[0] <= sides[1]
    spilt = dialog.evaluate(
        """dialog => [...dialog.querySelectorAll("p, span, b, h2, h3, h4, button, td")].filter((one) => {
          const { left, right, width } = one.getBoundingClientRect();
          return width && (left < -1 || right > innerWidth + 1) && !one.closest(".inside-wide");
        }).map((one) => one.className + one.textContent)"""
    )
    assert spilt == []
    small = dialog.locator("button, input").evaluate_all(
        "all => all.filter((one) => one.getBoundingClientRect().height < 24).map((one) => one.outerHTML)"
    )
    assert small == []
    assert "{" not in dialog.inner_text()


def test_a_row_that_was_typed_over_is_not_said_to_be_the_gpts(visit: Callable[..., Any]) -> None:
    view = visit("state=7&inside=7")
    assert "the number on its arrow" in view.inner_text("dialog.inside")
    assert view.get_by_text("Some rows were typed over").count() == 0
    view = visit("rows=7:0.5/0.5&state=7&inside=7&off=1.2")
    assert "this row was typed over" in view.inner_text("dialog.inside")
    assert "the number on its arrow" not in view.inner_text("dialog.inside")
    assert "With all parts on, it was" not in view.inner_text("dialog.inside")
    view.keyboard.press("Escape")
    view = visit("rows=7:0.5/0.5")
    assert view.get_by_text("Some rows were typed over").is_visible()


def test_terms_of_a_step_are_explained_in_the_dialog(visit: Callable[..., Any]) -> None:
    view = visit("state=7&inside=3")
    view.locator("dialog [data-step='3'] .term").first.focus()
    assert view.locator("dialog [role=tooltip]").is_visible()
    view.keyboard.press("Escape")  # the innermost alone is closed
    assert view.locator("dialog.inside").is_visible()
    assert view.locator("[role=tooltip]").count() == 0


def test_words_name_their_numbers_in_both_languages() -> None:
    both = strings()
    for key in both["en"]:
        if key.startswith("inside."):
            names = [set(re.findall(r"\{(\w+)\}", both[language][key])) for language in ("en", "zh")]
            assert names[0] == names[1], json.dumps(key)
