"""The kernels among themselves: what can be said without PyTorch."""

from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from finitegpt import GPTConfig, InputError, TooLargeError, states
from finitegpt.engine import Engine, Optimizer, Switches, Windows
from finitegpt.library import builds
from oracles import decimals, exact_entropy, exact_rows
from strategies import SEEDS, Case, cases, configs

NOTEBOOK = GPTConfig(vocab_size=2, context_length=3)


def all_rows(engine: Engine, config: GPTConfig, weights: np.ndarray) -> np.ndarray:
    return engine.evaluate(config, weights, 0, config.vocab_size**config.context_length)


@given(config=configs(), seed=SEEDS)
def test_rows_are_distributions(engine: Engine, config: GPTConfig, seed: int) -> None:
    rows = all_rows(engine, config, engine.init(config, seed))
    np.testing.assert_allclose(np.exp(rows, dtype=np.float64).sum(1), 1, atol=1e-5)


@given(config=configs(), seed=SEEDS, data=st.data())
def test_any_range_of_states_is_the_same_as_all_of_them(
    engine: Engine, config: GPTConfig, seed: int, data: st.DataObject
) -> None:
    weights = engine.init(config, seed)
    rows = all_rows(engine, config, weights)
    first = data.draw(st.integers(0, len(rows)))
    last = data.draw(st.integers(first, len(rows)))
    np.testing.assert_array_equal(engine.evaluate(config, weights, first, last - first), rows[first:last])


def test_ranges_far_out_in_a_space_too_large_to_list(engine: Engine) -> None:
    config = GPTConfig(vocab_size=3, context_length=36)
    weights = engine.init(config, 1)
    ids = np.array([0, 1, 2, 3**20 - 2, 3**35 + 5, 3**36 - 1])
    expected = engine.predict(config, weights, states.contexts(ids, 3, 36))
    for id, row in zip(ids.tolist(), expected, strict=True):
        np.testing.assert_allclose(engine.evaluate(config, weights, id, 1)[0], row, atol=1e-5)


@given(config=configs(), seed=SEEDS, data=st.data())
def test_contexts_in_any_order_and_of_any_length(
    engine: Engine, config: GPTConfig, seed: int, data: st.DataObject
) -> None:
    weights = engine.init(config, seed)
    length = data.draw(st.integers(1, config.context_length))
    rows = engine.evaluate(config, weights, 0, config.vocab_size**length, length=length)
    ids = np.array(data.draw(st.lists(st.integers(0, len(rows) - 1), max_size=50)), np.int64)
    contexts = states.contexts(ids, config.vocab_size, length)
    np.testing.assert_allclose(engine.predict(config, weights, contexts), rows[ids], atol=2e-6)


def test_short_contexts_of_a_model_with_long_ones_fit_the_workspace(engine: Engine) -> None:
    config = GPTConfig(vocab_size=500, context_length=64, n_layer=1, n_head=1, n_embd=2)
    weights = engine.init(config, 0)
    one = np.arange(500)[:, None]
    np.testing.assert_allclose(
        engine.predict(config, weights, one), engine.evaluate(config, weights, 0, 500, length=1), atol=1e-6
    )
    assert np.isfinite(engine.predict(config, weights, np.hstack([one, one]))).all()
    assert np.isfinite(engine.evaluate(config, weights, 1000, 3000, length=2)).all()


@given(config=configs(), seed=SEEDS, data=st.data())
def test_inspection_agrees_with_evaluation(engine: Engine, config: GPTConfig, seed: int, data: st.DataObject) -> None:
    weights = 5 * engine.init(config, seed)
    context = np.array(
        data.draw(st.lists(st.integers(0, config.vocab_size - 1), min_size=1, max_size=config.context_length)), np.int32
    )
    attention, _, residual, logits = (inside[0] for inside in engine.inspect(config, weights, context[None]))
    np.testing.assert_allclose(attention.sum(-1), 1, atol=1e-5)
    assert not np.triu(attention, 1).any()
    row = logits - np.logaddexp.reduce(logits)
    np.testing.assert_allclose(row, engine.predict(config, weights, context[None])[0], atol=2e-5)
    assert residual.shape == (2 * config.n_layer + 1, len(context), config.n_embd)


@given(config=configs(), seed=SEEDS)
def test_switches(engine: Engine, config: GPTConfig, seed: int) -> None:
    weights = 5 * engine.init(config, seed)
    n = config.vocab_size**config.context_length
    on = np.ones((config.n_layer, config.n_head + 1), np.float32)
    np.testing.assert_array_equal(
        engine.evaluate(config, weights, 0, n, switches=Switches(on)), engine.evaluate(config, weights, 0, n)
    )
    # With every part off the stream stays as it was embedded, so only the last token matters (no biases here).
    if not config.bias:
        off = engine.evaluate(config, weights, 0, n, switches=Switches(0 * on))
        np.testing.assert_allclose(off, np.tile(off[: config.vocab_size], (n // config.vocab_size, 1)), atol=1e-5)


@given(case=cases())
def test_shares_are_repetitions(engine: Engine, case: Case) -> None:
    config, windows = case.config, case.windows
    weights = engine.init(config, case.seed)
    distinct, counts = np.unique(windows.starts, return_counts=True)
    shares = (counts / counts.sum()).astype(np.float32)
    merged = Windows(windows.tokens, distinct, weights=shares, every_position=windows.every_position)
    loss, gradient = engine.gradient(config, windows, weights)
    loss_merged, gradient_merged = engine.gradient(config, merged, weights)
    assert loss_merged == pytest.approx(loss, rel=1e-6)
    np.testing.assert_allclose(gradient_merged, gradient, atol=3e-6 * np.abs(gradient).max())


def test_batches_larger_than_a_group_add_up(engine: Engine) -> None:
    tokens = np.random.default_rng(0).integers(0, 2, 5000).astype(np.int32)
    weights = engine.init(NOTEBOOK, 0)
    whole = engine.gradient(NOTEBOOK, Windows(tokens, np.arange(4000)), weights)
    halves = [engine.gradient(NOTEBOOK, Windows(tokens, part), weights) for part in np.split(np.arange(4000), 2)]
    assert whole[0] == pytest.approx((halves[0][0] + halves[1][0]) / 2, rel=1e-6)
    np.testing.assert_allclose(whole[1], (halves[0][1] + halves[1][1]) / 2, atol=1e-6)


def test_training_in_parts_is_training_at_once(engine: Engine) -> None:
    tokens = np.random.default_rng(0).integers(0, 2, 200).astype(np.int32)
    starts = engine.randint(engine.generator(3), 30 * 8, 190).reshape(30, 8)
    results = []
    for parts in ((30,), (1, 9, 20)):
        weights, moments = engine.init(NOTEBOOK, 0), np.zeros((2, NOTEBOOK.n_params), np.float32)
        first, losses = 0, []
        for steps in parts:
            windows = Windows(tokens, starts[first : first + steps])
            losses.extend(
                engine.train(
                    NOTEBOOK,
                    windows,
                    rates=np.full(steps, 1e-2),
                    optimizer=Optimizer(),
                    first=first,
                    weights=weights,
                    moments=moments,
                )
            )
            first += steps
        results.append((weights, moments, losses))
    for one, other in zip(*results, strict=True):
        np.testing.assert_array_equal(one, other)


def test_chains_of_every_step_are_those_of_its_weights(engine: Engine) -> None:
    tokens = np.array([1, 1, 0, 1, 0, 0, 1, 1], np.int32)
    windows = Windows(tokens, np.arange(5))
    rates = np.full(4, 1e-3)
    weights, moments = engine.init(NOTEBOOK, 0), np.zeros((2, NOTEBOOK.n_params), np.float32)
    chains = np.empty((4, 8, 2), np.float32)
    engine.train(
        NOTEBOOK, windows, rates=rates, optimizer=Optimizer(), first=0, weights=weights, moments=moments, chains=chains
    )
    again, moments = engine.init(NOTEBOOK, 0), np.zeros((2, NOTEBOOK.n_params), np.float32)
    for step in range(4):
        engine.train(
            NOTEBOOK, windows, rates=rates[:1], optimizer=Optimizer(), first=step, weights=again, moments=moments
        )
        np.testing.assert_array_equal(chains[step], all_rows(engine, NOTEBOOK, again))


DTYPES = pytest.mark.parametrize("dtype", [np.float32, np.float64])
UNIT = 2.0**-53


def random_rows(rng: np.random.Generator, n: int, V: int, dtype: type) -> np.ndarray:
    """Log-probabilities (n, V): flat rows, sharp ones, and ones with arrows at the floor, below it and not at all."""
    logits = rng.normal(size=(n, V)) * rng.choice([0.0, 1.0, 30.0, 300.0], (n, 1))
    least = dtype(-708)
    edges = np.array([-np.inf, np.nextafter(least, dtype(-1e9)), least, np.nextafter(least, dtype(0)), -690])
    log_probs = (logits - np.logaddexp.reduce(logits, axis=1, keepdims=True)).astype(dtype)
    for row in rng.choice(n, n // 3, replace=False):
        top = int(log_probs[row].argmax())
        log_probs[row] = rng.choice(edges, V)
        log_probs[row, top] = 0
    return log_probs


def off(got: np.ndarray, exact: np.ndarray, least: int = 0) -> float:
    """The largest relative error in units of 2**-53, beyond ``least`` of the least doubles; infinite for a false 0."""
    slack = least * Decimal("5e-324")
    errors = [
        float(max(Decimal(0), abs(Decimal(float(g)) - e) - slack) / e) if e else (0.0 if g == 0 else np.inf)
        for g, e in zip(np.ravel(got), np.ravel(exact), strict=True)
    ]
    return max(errors, default=0.0) / UNIT


@DTYPES
@given(V=st.integers(1, 9), L=st.integers(1, 4), seed=SEEDS, data=st.data())
def test_push_pull_and_entropy_in_any_pieces(
    engine: Engine, dtype: type, V: int, L: int, seed: int, data: st.DataObject
) -> None:
    L = min(L, 2 if V > 3 else 4)
    n, rng = V**L, np.random.default_rng(seed)
    log_probs = random_rows(rng, n, V, dtype)
    p = exact_rows(log_probs)
    pi, f = rng.dirichlet(np.ones(n)), rng.random(n)
    pushed = (decimals(pi)[:, None] * p).reshape(V, -1, V).sum(0)
    pulled = (p.reshape(V, -1, V) * decimals(f).reshape(1, -1, V)).sum(2).reshape(-1)
    first = data.draw(st.integers(0, n // V))
    last = data.draw(st.integers(first, n // V))
    bound = 2 * V + 10  # and V products that end below the normal numbers
    assert off(engine.push(log_probs, pi, first, last - first), pushed[first:last], V) < bound
    some = slice(V * first, V * last)
    assert off(engine.pull(log_probs, f, V * first, V * (last - first)), pulled[some], V) < bound
    whole = engine.entropy(log_probs, 0, n)
    np.testing.assert_allclose(engine.entropy(log_probs, V * first, V * (last - first)), whole[some], rtol=1e-15)
    assert engine.deviation(log_probs, first, last - first) < (1e-5 if dtype == np.float32 else 1e-12)


@DTYPES
@pytest.mark.parametrize("V", [2, 3, 4, 5, 15, 16, 17, 300, 511, 512, 513, 1100])
def test_rows_of_every_length_are_those_of_decimals(engine: Engine, dtype: type, V: int) -> None:
    rng = np.random.default_rng(V)
    n = V * (19 // V + 1)  # whole vectors of rows, and some beside
    some = 19 if V < 20 else 4  # decimals take their time
    log_probs = np.full((n, V), -np.inf, dtype)
    log_probs[:, 0] = 0
    log_probs[:some] = random_rows(rng, some, V, dtype)
    p = exact_rows(log_probs[:some])
    f = rng.random(n).reshape(-1, V)
    pulled = [row @ decimals(f[i % len(f)]) for i, row in enumerate(p)]
    bound = V + 10
    assert off(engine.pull(log_probs, f.reshape(-1), 0, n)[:some], np.array(pulled)) < bound
    assert off(engine.entropy(log_probs, 0, n)[:some], [exact_entropy(row) for row in p]) < 9
    for row in (0, some // 2, some - 1):
        pi = np.zeros(n)
        pi[row] = 1
        assert off(engine.push(log_probs, pi, row % (n // V), 1)[0], p[row]) < bound


@DTYPES
@pytest.mark.parametrize("rare", [1e-3, 1e-16, 1e-26, 1e-300])
@pytest.mark.parametrize("V", [2, 3, 40])
def test_small_entropies_keep_their_digits(engine: Engine, dtype: type, rare: float, V: int) -> None:
    log_probs = np.full((3 * V, V), np.log(rare), dtype)
    log_probs[:, 1] = np.log1p(-rare * (V - 1))
    h = engine.entropy(log_probs, 0, 3 * V)
    assert off(h[:1], [exact_entropy(exact_rows(log_probs[:1])[0])]) < 9
    np.testing.assert_allclose(h, h[0], rtol=1e-15)
    assert 0 < h[0] < V * rare * 800


@DTYPES
@pytest.mark.parametrize("V", [2, 3, 4, 7, 8, 9, 512, 513])
def test_how_far_rows_are_from_one(engine: Engine, dtype: type, V: int) -> None:
    log_probs = np.full((3 * V, V), -np.log(V), dtype)
    assert engine.deviation(log_probs, 0, 3 * V) < 1e-6
    row = 2 * V + 1
    for wrong, deviation in ((-np.inf, 1.0), (-709.0, 1.0), (0.0, V - 1.0), (np.nan, np.inf), (np.inf, np.inf)):
        log_probs[row] = wrong
        assert engine.deviation(log_probs, 0, 3 * V) == pytest.approx(deviation)
        assert engine.deviation(log_probs, row + 1, V - 2) < 1e-6
    for token in range(0, V, 3):
        log_probs[row] = -np.log(V)
        log_probs[row, token] = np.nan
        assert engine.deviation(log_probs, row, 1) == np.inf


def test_relative_change(engine: Engine) -> None:
    before = np.array([0.5, 0.25, 0.0, 0.25])
    assert engine.change(before, np.array([0.5, 0.3, 0.0, 0.2])) == pytest.approx(0.2)
    assert engine.change(before, np.array([0.5, 0.25, 1e-300, 0.25])) == np.inf
    assert np.isnan(engine.change(before, np.array([np.nan, 0.25, 0, 0.25])))


def test_builds_agree() -> None:
    config = GPTConfig(vocab_size=3, context_length=5)
    first, *others = [all_rows(Engine(name), config, Engine(name).init(config, 3)) for name in builds()]
    for other in others:
        np.testing.assert_allclose(other, first, atol=1e-6)


def test_bad_shapes_never_reach_the_kernels(engine: Engine) -> None:
    weights = engine.init(NOTEBOOK, 0)
    tokens = np.zeros(10, np.int32)
    good = Windows(tokens, np.arange(3))
    long = GPTConfig(vocab_size=2, context_length=64, n_layer=1, n_head=1, n_embd=2)
    read_only = np.zeros((8, 2), np.float32)
    read_only.flags.writeable = False
    calls = [
        lambda: engine.evaluate(NOTEBOOK, weights[:-1], 0, 8),
        lambda: engine.evaluate(NOTEBOOK, weights.astype(np.float64), 0, 8),  # type: ignore[arg-type]
        lambda: engine.evaluate(NOTEBOOK, weights, 0, 9),
        lambda: engine.evaluate(NOTEBOOK, weights, -1, 2),
        lambda: engine.evaluate(long, engine.init(long, 0), 2**64 - 5, 5),
        lambda: engine.evaluate(long, engine.init(long, 0), 2**63 - 2000, 1000),
        lambda: engine.evaluate(NOTEBOOK, weights, 0, 8, out=read_only),
        lambda: engine.init(NOTEBOOK, -1),
        lambda: engine.evaluate(NOTEBOOK, weights, 0, 8, length=4),
        lambda: engine.evaluate(NOTEBOOK, weights, 0, 8, out=np.empty((8, 3), np.float32)),
        lambda: engine.evaluate(NOTEBOOK, weights, 0, 8, switches=Switches(np.ones((4, 4), np.float32))),
        lambda: engine.predict(NOTEBOOK, weights, np.full((1, 3), 2, np.int32)),
        lambda: engine.predict(NOTEBOOK, weights, np.zeros((1, 4), np.int32)),
        lambda: engine.predict(NOTEBOOK, weights, np.zeros((1, 0), np.int32)),
        lambda: engine.inspect(NOTEBOOK, weights, np.full((1, 3), -1, np.int32)),
        lambda: engine.gradient(NOTEBOOK, Windows(tokens, np.array([7])), weights),
        lambda: engine.gradient(NOTEBOOK, Windows(tokens, np.array([-1])), weights),
        lambda: engine.gradient(NOTEBOOK, Windows(tokens, np.array([], np.int64)), weights),
        lambda: engine.gradient(NOTEBOOK, Windows(tokens + 2, np.arange(3)), weights),
        lambda: engine.gradient(NOTEBOOK, Windows(tokens, np.arange(3), np.ones(4, np.float32)), weights),
        lambda: engine.gradient(NOTEBOOK, good, weights[::-1]),
        lambda: engine.randint(engine.generator(0), 1, 0),
        lambda: engine.randint(np.zeros(624, np.uint32), 1, 5),
        lambda: engine.push(np.zeros((4, 2), np.float32), np.zeros(3), 0, 2),
        lambda: engine.push(np.zeros((4, 2), np.float32), np.zeros(4), 1, 2),
        lambda: engine.push(np.zeros((4, 2), np.float32), np.zeros(4), 0, 2, np.zeros((2, 3))),
        lambda: engine.pull(np.zeros((4, 2), np.float32), np.zeros(4), 3, 2),
        lambda: engine.pull(np.zeros((4, 2), np.float32), np.zeros(5), 0, 2),
        lambda: engine.pull(np.zeros((4, 2), np.float16), np.zeros(4), 0, 2),  # type: ignore[arg-type]
        lambda: engine.pull(np.zeros((4, 4), np.float32)[:, ::2], np.zeros(4), 0, 2),
        lambda: engine.pull(np.zeros((3, 2), np.float32), np.zeros(3), 0, 3),
        lambda: engine.entropy(np.zeros((4, 2), np.float32), 3, 2),
        lambda: engine.deviation(np.zeros((4, 2)), -1, 2),
        lambda: engine.change(np.zeros(3), np.zeros(4)),
    ]
    for call in calls:
        with pytest.raises(InputError):
            call()


def test_what_does_not_fit_is_refused_before_it_is_allocated(engine: Engine) -> None:
    with pytest.raises(TooLargeError, match="TiB"):
        engine.init(GPTConfig(vocab_size=2, context_length=3, n_layer=1000, n_embd=16384), 0)


@pytest.mark.parametrize(("V", "L"), [(2, 10), (3, 6), (23, 2), (600, 1)])
def test_copies_meet_by_what_all_rows_agree_on(engine: Engine, V: int, L: int) -> None:
    rng = np.random.default_rng(V)
    log_probs = np.log(rng.dirichlet(np.full(V, 2.0), V**L))
    inside = rng.random(V**L) < 0.7
    for members in (None, inside.astype(np.uint8)):
        rows = np.exp(log_probs) / np.exp(log_probs).sum(1, keepdims=True)
        if members is not None:
            rows[~inside] = 1.0  # these take part in nothing
        meet = np.ones(V**L)
        for shared in reversed(range(L)):  # tokens that two copies have in common
            agreed = rows.reshape(V ** (L - shared), -1, V).min(0)
            meet = np.minimum((agreed * meet.reshape(-1, V)).sum(1), 1)
        assert engine.overlap(log_probs, members) == pytest.approx(meet[0], rel=1e-13)
