"""The smallest machine: that of known processes, and what every machine keeps to."""

from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from finitegpt import Chain, states
from finitegpt.analysis import extended, machine, stationary_distributions
from finitegpt.analysis.partition import ranked
from finitegpt.sources import Source, even, golden_mean, periodic, sns, z1r
from oracles import chains, decimals, exact_dense_law, exact_rows, from_logits, random_chain
from strategies import SEEDS


def noisy(chain: Chain, size: float, seed: int = 0) -> Chain:
    """The chain with noise on every logit; what never happens then hardly ever happens."""
    rows = np.where(chain.support, chain.log_probs.astype(float), -20.0)
    return from_logits(rows + size * np.random.default_rng(seed).normal(size=rows.shape), chain.context_length)


def test_the_golden_mean_has_two_states_however_long_the_context() -> None:
    for L in (1, 2, 7, 12):
        found = machine(golden_mean().predictor(L))
        assert len(found) == 2
        assert found.names == ("0", "1")
        np.testing.assert_allclose(found.probs, [[0.5, 0.5], [1, 0]], atol=1e-7)
        assert found.next.tolist() == [[0, 1], [0, -1]]


@pytest.mark.parametrize("source", [golden_mean(), z1r(), periodic("0011")])
@pytest.mark.parametrize("noise", [0.0, 1e-4, 0.03])
def test_noise_within_the_tolerance_changes_nothing(source: Source, noise: float) -> None:
    exact = machine(source.predictor(8), stationary_distributions(source.predictor(8))[0])
    chain = noisy(source.predictor(8), noise) if noise else source.predictor(8)
    found = machine(chain, stationary_distributions(chain)[0])
    assert len(found) == len(exact)
    assert found.kl_rate.value <= 0.01
    assert found.ignored.value <= 0.01


def test_a_word_for_ever_is_a_ring() -> None:
    chain = periodic("0011").predictor(5)
    found = machine(chain, stationary_distributions(chain)[0])
    assert len(found) == 4
    at, seen = 0, ""
    for _ in range(8):
        token = int(found.probs[at].argmax())
        assert found.probs[at, token] == 1
        assert found.next[at, 1 - token] == -1
        seen, at = seen + found.vocab[token], int(found.next[at, token])
    assert "0011" in seen + seen
    np.testing.assert_allclose(found.mass.values, 0.25)


def test_the_even_process_has_two_states_and_few_contexts_that_do_not_tell() -> None:
    chain = even().predictor(14)
    found = machine(chain)
    often = found.mass.values > 0.05
    assert often.sum() == 2
    # An odd number of 1s since the last 0: a 1 must follow. Otherwise both tokens.
    common = [k for k in np.flatnonzero(found.label >= 0) if "0" in chain.label(k)]
    for k in common:
        odd = (chain.context_length - 1 - chain.label(k).rindex("0")) % 2
        np.testing.assert_allclose(found.probs[found.label[k]], [0, 1] if odd else [0.5, 0.5], atol=0.02)
    assert len(common) > 100


def test_a_noisy_coin_that_is_zero_one_or_random() -> None:
    found = machine(z1r().predictor(10))
    assert len(found) >= 3
    top = found.probs[:3]
    np.testing.assert_allclose(np.sort(top[:, 1]), [0, 0.5, 1], atol=0.02)


@pytest.mark.parametrize("L", [1, 2, 3])
def test_a_chain_with_longer_contexts_has_the_same_machine(L: int) -> None:
    chain = random_chain("dense", 2, L, 5)
    short, long = machine(chain, tolerance=1e-4), machine(extended(chain, L + 3), tolerance=1e-4)
    assert len(short) == len(long)
    np.testing.assert_allclose(np.sort(short.mass.values), np.sort(long.mass.values), atol=1e-3)


@st.composite
def near_small_machines(draw: st.DrawFn) -> Chain:
    """Chains whose contexts matter less than they could, with noise or without."""
    base = draw(chains(("dense", "sharp", "top_k", "top_p", "periodic", "copy"), {2: 4, 3: 2}))
    longer = extended(base, base.context_length + draw(st.integers(0, 2)))
    return noisy(longer, 10 ** draw(st.floats(-4, -0.5)), draw(SEEDS)) if draw(st.booleans()) else longer


@settings(max_examples=120)
@given(chain=near_small_machines(), exponent=st.floats(-3, -0.7))
def test_what_every_machine_keeps_to(chain: Chain, exponent: float) -> None:
    tolerance = 10**exponent
    for law in stationary_distributions(chain):
        found, pi = machine(chain, law, tolerance=tolerance), law.dense()
        kept = np.flatnonzero(found.label >= 0)
        label, V = found.label[kept], chain.vocab_size
        assert set(label.tolist()) == set(range(len(found)))
        assert set(kept.tolist()) <= set(law.states.tolist())
        np.testing.assert_allclose(np.bincount(label, pi[kept]), found.mass.values, atol=1e-12)
        left_out = 1 - pi[kept].sum()
        assert left_out <= found.ignored.high + 1e-12
        assert found.ignored.value <= tolerance + 1e-12
        assert found.kl_rate.value <= tolerance
        for block in range(len(found)):
            mine = kept[label == block]
            mean = pi[mine] @ chain.probs[mine] / pi[mine].sum()
            np.testing.assert_allclose(found.probs[block], mean, atol=1e-10)
        assert np.abs(chain.probs[kept] - found.probs[label]).max() <= found.error.high + 1e-12
        assert len(found.names) == len(found.mass.values) == len(found)
        ratio = np.divide(
            chain.probs[kept], found.probs[label], out=np.ones((len(kept), V)), where=chain.probs[kept] > 0
        )
        cost = float(pi[kept] @ (chain.probs[kept] * np.log(ratio)).sum(1))
        assert cost == pytest.approx(found.kl_rate.value, abs=1e-9)
        # The next state is that of the chain, but for as much probability as is said to be ignored.
        goals = found.label[states.successors(kept, V, chain.context_length)]
        wrong = (goals >= 0) & (chain.probs[kept] > tolerance) & (goals != found.next[label])
        assert pi[kept][wrong.any(1)].sum() + left_out <= found.ignored.high + 1e-9


@settings(max_examples=100)
@given(chain=near_small_machines())
def test_states_of_a_machine_come_with_the_most_probable_first(chain: Chain) -> None:
    for law in stationary_distributions(chain):
        assert (np.diff(machine(chain, law).mass.values) <= 1e-12).all()


def test_a_token_that_is_rare_is_not_called_never_seen() -> None:
    # Stays for ages, but not for ever: neither state is lost for good.
    chain = Chain.from_probs([[0.995, 0.005], [0.005, 0.995]], "ab", 1)
    found = machine(chain, tolerance=0.01)
    assert len(found) == 2
    assert found.next.tolist() == [[0, 1], [0, 1]]


def test_sns_needs_a_state_for_each_run_of_zeros_that_matters() -> None:
    sizes = [len(machine(sns().predictor(8), tolerance=tolerance)) for tolerance in (0.1, 0.01, 0.001)]
    assert sizes == sorted(sizes)
    assert sizes[-1] > sizes[0]


@settings(max_examples=40)
@given(chain=near_small_machines(), exponent=st.floats(-3, -0.7))
def test_what_a_machine_costs_is_inside_its_intervals(chain: Chain, exponent: float) -> None:
    """Against decimals: the law, the cost over the states that are kept, and what is ignored."""
    if chain.n_states > 32:
        return
    rows = exact_rows(chain.log_probs)
    for law in stationary_distributions(chain):
        found, pi = machine(chain, law, tolerance=10**exponent), exact_dense_law(chain, law.states)
        used = decimals(found.probs)
        used = used / used.sum(1, keepdims=True)
        kept = np.flatnonzero(found.label >= 0)
        cost = sum(
            (
                pi[k] * p * (p / q).ln()
                for k in kept
                for p, q in zip(rows[k], used[found.label[k]], strict=True)
                if p > 0
            ),
            Decimal(0),
        )
        room = Decimal("1e-40")
        assert Decimal(found.kl_rate.low) <= cost + room
        assert cost - room <= Decimal(found.kl_rate.high)
        for k in range(len(found)):
            mass, bound = pi[found.label == k].sum(), found.mass.at(k)
            assert Decimal(bound.low) - room <= mass <= Decimal(bound.high) + room
        assert pi[found.label < 0].sum() <= Decimal(found.ignored.high) + room
        off = max(abs(p - q) for k in kept for p, q in zip(rows[k], decimals(found.probs)[found.label[k]], strict=True))
        assert Decimal(found.error.low) <= off <= Decimal(found.error.high)
        assert max(found.kl_rate.error, found.mass.error, found.ignored.error) < 1e-10


@pytest.mark.parametrize("spread", [1, 50, 10**9])
def test_blocks_are_numbered_by_where_they_first_occur(spread: int) -> None:
    """By a table where keys are small, by sorting where they are not."""
    keys = np.random.default_rng(spread).integers(0, 40, 500) * spread
    order = list(dict.fromkeys(keys.tolist()))
    many, rank = ranked(keys)
    assert many == len(order)
    assert rank.tolist() == [order.index(key) for key in keys.tolist()]
