"""Models without some heads and MLPs, against PyTorch's module with something in their place."""

import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from finitegpt import Chain, GPTConfig, InputError, Model, Run, TrainConfig, greedy, states
from finitegpt.engine import Switches
from finitegpt.torch import from_model, to_hugging_face
from hooks import Instead, inside
from strategies import SEEDS, configs
from test_inspection import close, drawn


@st.composite
def parts(draw: st.DrawFn, config: GPTConfig) -> tuple[list[tuple[int, int]], list[int]]:
    """Some heads and MLPs of a model, none or all."""
    layers, heads = range(config.n_layer), range(config.n_head)
    pairs = draw(st.lists(st.sampled_from([(i, k) for i in layers for k in heads]), unique=True))
    return pairs, draw(st.lists(st.sampled_from(layers), unique=True))


def every(config: GPTConfig, length: int | None = None) -> np.ndarray:
    length = length or config.context_length
    return states.contexts(np.arange(config.vocab_size**length), config.vocab_size, length)


@given(config=configs(most_states=256, least_width=4), seed=SEEDS, data=st.data())
def test_parts_that_are_off_give_nothing(config: GPTConfig, seed: int, data: st.DataObject) -> None:
    model = drawn(config, seed)
    heads, mlps = data.draw(parts(config))
    zeros: Instead = {**dict.fromkeys(heads, 0.0), **{(layer, None): 0.0 for layer in mlps}}
    known, without = inside(from_model(model).double(), every(config), zeros), model.without(heads=heads, mlps=mlps)
    close(without.chain().log_probs, known.log_probs)
    close(without.log_probs(every(config)), known.log_probs)
    close(without.inspect(every(config)).residual, known.residual)
    close(without.inspect(every(config)).heads, known.heads)
    close(without.logit_lens(every(config))[:, -1, -1], known.log_probs)


@given(config=configs(most_states=256, least_width=4), seed=SEEDS, data=st.data())
def test_parts_at_their_mean_give_that_of_all_contexts(config: GPTConfig, seed: int, data: st.DataObject) -> None:
    """By definition: a loop over contexts, in double precision."""
    model, L = drawn(config, seed), config.context_length
    heads, mlps = data.draw(parts(config))
    module, chain = from_model(model).double(), model.chain()
    law = chain.stationary_distribution
    whole, size = inside(module, every(config)), config.n_embd // config.n_head
    means: Instead = {}
    for layer, head in heads:
        read = whole.heads[:, layer, :, head * size : (head + 1) * size]
        means[layer, head] = np.array(
            [sum(p * x for p, x in zip(law.dense(), read[:, i], strict=True)) for i in range(L)]
        )
    for layer in mlps:
        added = whole.mlps[:, layer]
        means[layer, None] = np.array(
            [sum(p * x for p, x in zip(law.dense(), added[:, i], strict=True)) for i in range(L)]
        )
    ways = [chain, law, law.dense(), (every(config), 3 * law.dense())]
    found = [model.without(heads=heads, mlps=mlps, mean=way) for way in ways]
    close(found[0].chain().log_probs, inside(module, every(config), means).log_probs)
    for other in found[1:]:
        np.testing.assert_allclose(other.chain().log_probs, found[0].chain().log_probs, atol=1e-5)
    short = max(1, L - 1)  # where the first positions have their means, too
    cut = {part: values[:short] for part, values in means.items()}  # type: ignore[index]
    close(found[0].log_probs(every(config, short)), inside(module, every(config, short), cut).log_probs)


def test_only_contexts_with_probability_count(notebook: Run) -> None:
    one = np.zeros(8)
    one[5] = 1
    model = notebook.model.without(heads=[(1, 2)], mlps=[0], mean=one)
    np.testing.assert_allclose(model.log_probs(["101"]), notebook.model.log_probs(["101"]), atol=1e-6)
    assert abs(model.log_probs(["010"]) - notebook.model.log_probs(["010"])).max() > 1e-3


def test_parts_off_stay_off(notebook: Run) -> None:
    both = notebook.model.without(heads=[(0, 2)], mlps=[1])
    twice = notebook.model.without(heads=[(0, 2)]).without(mlps=[1])
    np.testing.assert_array_equal(both.chain().log_probs, twice.chain().log_probs)
    mean = notebook.model.without(heads=[(0, 2)], mean=notebook.chain)
    further = mean.without(mlps=[1], mean=notebook.chain)
    assert further.switches is not None
    assert mean.switches is not None
    assert further.switches.shift is not None
    assert mean.switches.shift is not None
    np.testing.assert_array_equal(further.switches.shift[0, 0], mean.switches.shift[0, 0])
    np.testing.assert_array_equal(
        mean.without(heads=[(0, 2)]).chain().log_probs, notebook.model.without(heads=[(0, 2)]).chain().log_probs
    )


def test_factors_come_on_top(notebook: Run) -> None:
    factors = np.ones((4, 5))
    factors[0, 1] = factors[2, 4] = 0
    off = notebook.model.without(heads=[(0, 1)], mlps=[2])
    np.testing.assert_array_equal(off.chain().log_probs, notebook.model.chain(switches=factors).log_probs)
    mean = notebook.model.without(heads=[(0, 1), (1, 0)], mean=notebook.chain)
    known = notebook.model.without(heads=[(1, 0)], mean=notebook.chain).without(heads=[(0, 1)], mlps=[2])
    np.testing.assert_allclose(mean.chain(switches=factors).log_probs, known.chain().log_probs, atol=1e-6)
    assert notebook.model.switches is None


def test_a_model_without_parts_is_a_model_like_others(notebook: Run) -> None:
    model = notebook.model.without(heads=[(3, 1)], mean=notebook.chain)
    chain = model.chain()
    assert chain.stationary_distribution.certified
    assert chain.entropy_rate.low <= chain.entropy_rate.value <= chain.entropy_rate.high
    assert greedy(chain).n_states == 8
    p = np.exp(model.log_probs(["101"])[0])
    walks = [model.sample("101", 1, seed=seed)[-1] for seed in range(400)]
    assert walks.count("1") / 400 == pytest.approx(p[1], abs=0.08)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(model)).chain().log_probs, chain.log_probs)
    rows = [chain.log_probs, *(chain.startup or ())]
    for length, expected in zip((3, 1, 2), rows, strict=True):
        np.testing.assert_allclose(model.log_probs(every(model.config, length)), expected, atol=1e-6)


def test_a_model_says_what_it_is_without(notebook: Run) -> None:
    model = notebook.model
    assert repr(model.without(heads=[(0, 2)], mlps=[1])).endswith("width 16; off: head (0, 2), MLP 1)")
    assert repr(model.without(heads=[(0, 2)], mean=notebook.chain)).endswith("; replaced: head (0, 2))")
    every_head = [(layer, head) for layer in range(4) for head in range(4)]
    assert repr(model.without(heads=every_head)).endswith("; off: 16 of 20 parts)")
    assert "off" not in repr(model)


def test_nothing_is_dropped_in_silence(notebook: Run) -> None:
    off = notebook.model.without(mlps=[0])
    for use in (
        from_model,
        to_hugging_face,
        lambda model: model.named,
        lambda model: Run(data=notebook.data, train=TrainConfig(), model=model, losses=notebook.losses),
    ):
        with pytest.raises(InputError, match=r"off: MLP 0.*; try the"):
            use(off)


@pytest.mark.parametrize(
    "heads", [[(4, 0)], [(0, 4)], [(-1, 0)], [0], [(0, 1, 2)], "00", None, [(0.0, 1.0)], {}, 5, [[2**70, 0]]]
)
def test_heads_that_are_none(notebook: Run, heads) -> None:
    with pytest.raises(InputError, match=r"expected heads as pairs .*got .*; try"):
        notebook.model.without(heads=heads)


@pytest.mark.parametrize("mlps", [[4], [-1], 0, "0", None, [[0]], [0.0], {0}, [True], np.uint64([2**63])])
def test_mlps_that_are_none(notebook: Run, mlps) -> None:
    with pytest.raises(InputError, match=r"expected MLPs .*got .*; try"):
        notebook.model.without(mlps=mlps)


OTHER = Chain.from_probs([[0.5, 0.5]] * 8, "ab", 3)


@pytest.mark.parametrize(
    "mean",
    [
        *(
            "law",
            1,
            [0.5, 0.5],
            [1 / 8] * 7,
            [-1, 2, *[0] * 6],
            np.full(8, np.nan),
            {},
            OTHER,
            OTHER.stationary_distribution,
        ),
        *(
            (["101"], [0]),
            (["101"], [1, 1]),
            (["10"], [1]),
            (["101"], [-1]),
            ([[0, 1, 2]], [1]),
            (["101"], [np.inf]),
            ("101", 1),
        ),
    ],
)
def test_means_that_are_none(notebook: Run, mean) -> None:
    for heads in ([], [(0, 0)]):
        with pytest.raises(InputError, match=r"expected .*got .*; try"):
            notebook.model.without(heads=heads, mean=mean)


def test_switches_that_do_not_fit(notebook: Run) -> None:
    model = notebook.model
    for wrong in (
        np.ones((4, 5), np.float32),
        Switches(np.ones((4, 4), np.float32)),
        Switches(np.ones((4, 5))),  # type: ignore[arg-type]
        Switches(np.full((4, 5), np.nan, np.float32)),
        Switches(np.ones((4, 5), np.float32), np.zeros((4, 2, 3, 8), np.float32)),
    ):
        with pytest.raises(InputError, match=r"expected .*switches.*got .*; try"):
            Model(config=model.config, vocab=model.vocab, weights=model.weights, switches=wrong)  # type: ignore[arg-type]
