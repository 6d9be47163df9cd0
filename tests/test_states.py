import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from finitegpt import InputError, TooLargeError, states

shapes = st.tuples(st.integers(2, 6), st.integers(1, 5))


@given(shape=shapes)
def test_ids_and_contexts_are_inverse(shape: tuple[int, int]) -> None:
    V, L = shape
    everything = np.arange(V**L)
    np.testing.assert_array_equal(states.ids(states.contexts(everything, V, L), V), everything)


@given(shape=shapes)
def test_a_successor_drops_the_oldest_token_and_appends_a_new_one(shape: tuple[int, int]) -> None:
    V, L = shape
    before = states.contexts(np.arange(V**L), V, L)
    for token in range(V):
        after = states.contexts(states.successors(np.arange(V**L), V, L)[:, token], V, L)
        np.testing.assert_array_equal(after[:, :-1], before[:, 1:])
        assert (after[:, -1] == token).all()


def test_the_notebooks_state_space() -> None:
    assert states.n_states(2, 3) == 8
    assert states.n_contexts(2, 3) == 14
    assert len(states.startup_contexts(2, 3)) == 14 - 8
    assert [states.label(id, "01", 3) for id in range(8)] == ["000", "001", "010", "011", "100", "101", "110", "111"]


@pytest.mark.parametrize(
    ("vocab_size", "context_length", "bits"),
    [(50257, 2048, 31_984), (50257, 1024, 15_992), (2, 3, 3), (256, 4, 32)],
)
def test_bits_per_state(vocab_size: int, context_length: int, bits: int) -> None:
    assert round(states.bits_per_state(vocab_size, context_length)) == bits


def test_numbers_of_states_are_exact_however_large() -> None:
    assert states.n_states(50257, 2048) == 50257**2048
    with pytest.raises(TooLargeError):
        states.contexts([0], 50257, 2048)


def test_tokens_outside_the_vocabulary() -> None:
    with pytest.raises(InputError):
        states.ids([[0, 2]], 2)


def test_every_sign_can_be_shown_on_one_line() -> None:
    assert states.visible("a b\n\t\x00é字") == "a·b¶»\ufffdé字"


@pytest.mark.parametrize(("vocab_size", "context_length"), [(1, 1), (1, 3), (2, 1), (2, 4), (3, 3), (5, 2)])
def test_successors_drop_the_oldest_token_and_append_another(vocab_size: int, context_length: int) -> None:
    every = states.every(vocab_size, context_length)
    contexts = states.contexts(every, vocab_size, context_length)
    moved = states.successors(every, vocab_size, context_length)
    assert every.dtype == moved.dtype == np.int32
    for token in range(vocab_size):
        after = np.column_stack([contexts[:, 1:], np.full(len(contexts), token)])
        np.testing.assert_array_equal(moved[:, token], states.ids(after, vocab_size))
    np.testing.assert_array_equal(states.first_successors(every, vocab_size, context_length), moved[:, 0])


def test_successors_beyond_32_bits() -> None:
    last = np.array([2**31 - 1], np.int32)
    assert states.successors(last, 2, 40).tolist() == [[2**32 - 2, 2**32 - 1]]
    assert states.successors(last, 2, 31).tolist() == [[2**31 - 2, 2**31 - 1]]
