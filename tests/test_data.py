import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from finitegpt import Data, InputError
from finitegpt.data import tokenize, vocabulary


def naive_windows(text: str, L: int) -> list[tuple[str, str]]:
    return [(text[i : i + L], text[i + L]) for i in range(len(text) - L)]


texts = st.text("abc", min_size=8, max_size=40).filter(lambda text: len(set(text)) > 1)


@given(text=texts, L=st.integers(1, 5))
def test_windows_counts_and_entropy_against_a_loop(text: str, L: int) -> None:
    data = Data.from_text(text, context_length=L)
    windows = naive_windows(text, L)
    assert data.n_windows == len(windows)
    counts = data.counts()
    assert counts.sum() == len(windows)
    for id, count in enumerate(counts.tolist()):
        name = "".join(data.vocab[id // len(data.vocab) ** k % len(data.vocab)] for k in range(L))[::-1]
        assert count == sum(context == name for context, _ in windows)
    starts, repeats = data.distinct
    listed = {(text[s : s + L], text[s + L]): n for s, n in zip(starts.tolist(), repeats.tolist(), strict=True)}
    assert listed == {window: windows.count(window) for window in windows}
    totals = {context: sum(c == context for c, _ in windows) for context, _ in windows}
    entropy = -sum(np.log(windows.count(window) / totals[window[0]]) for window in windows) / len(windows)
    assert data.entropy == pytest.approx(entropy, abs=1e-12)


def test_the_notebooks_data() -> None:
    data = Data.from_text("111101111011110", context_length=3)
    assert (len(data.tokens), data.n_windows) == (15, 12)
    assert data.counts().tolist() == [0, 0, 0, 2, 0, 2, 2, 6]
    assert data.entropy == pytest.approx(np.log(2) / 2)


@given(text=texts, L=st.integers(60, 70))
def test_distinct_windows_where_states_cannot_be_numbered(text: str, L: int) -> None:
    data = Data.from_text(text * 12, context_length=L)
    windows = naive_windows(text * 12, L)
    starts, repeats = data.distinct
    listed = {
        (data.text[s : s + L], data.text[s + L]): n for s, n in zip(starts.tolist(), repeats.tolist(), strict=True)
    }
    assert listed == {window: windows.count(window) for window in windows}
    totals = {context: sum(c == context for c, _ in windows) for context, _ in windows}
    entropy = -sum(np.log(windows.count(window) / totals[window[0]]) for window in windows) / len(windows)
    assert data.entropy == pytest.approx(entropy, abs=1e-12)


@given(text=st.text(st.characters(exclude_categories=["Cs"]), min_size=1))
def test_tokens_spell_the_text(text: str) -> None:
    vocab = vocabulary(text)
    assert "".join(vocab[token] for token in tokenize(text, vocab)) == text


def test_an_ordered_vocabulary_is_kept() -> None:
    data = Data.from_text("0110", context_length=1, vocab="10")
    assert data.tokens.tolist() == [1, 0, 0, 1]


@given(symbols=st.lists(st.sampled_from(["the", "cat", "a", "é"]), min_size=3).filter(lambda s: len(set(s)) > 1))
def test_symbols_of_several_characters_are_read_back_from_their_text(symbols: list[str]) -> None:
    data = Data.from_symbols(symbols, context_length=2, source="words")
    assert [data.vocab[token] for token in data.tokens] == symbols
    assert data.text == ("" if max(map(len, data.vocab)) == 1 else " ").join(symbols)
    again = Data.from_text(data.text, context_length=2, vocab=data.vocab)
    np.testing.assert_array_equal(again.tokens, data.tokens)
    assert (again.text, again.vocab, again.digest) == (data.text, data.vocab, data.digest)
    assert (data.source, again.source) == ("words", None)


def test_a_text_with_a_vocabulary_of_words_is_split_at_spaces() -> None:
    data = Data.from_text("the  cat\nthe a", context_length=1, vocab=["the", "cat", "a"])
    assert data.tokens.tolist() == [0, 1, 0, 2]
    assert data.text == "the cat the a"


@pytest.mark.parametrize(
    ("symbols", "vocab", "message"),
    [
        ([], None, "empty"),
        (["the"], None, "longer than the context length"),
        (["the", "the"], None, "at least two tokens"),
        (["the", "a b"], None, "without spaces in them, got 'a b'"),
        (["the", " "], None, "without spaces in them, got ' '"),
        (["the", ""], None, "vocabulary of texts"),
        (["the", "cat"], ("the", "dog"), "'cat' at position 2"),
        (["the", "cat"], "ab", "got 'cat'"),
        (["the", "\udcff"], None, "Unicode"),
    ],
)
def test_bad_symbols(symbols: list[str], vocab, message: str) -> None:
    with pytest.raises(InputError, match=message):
        Data.from_symbols(symbols, context_length=1, vocab=vocab)


@pytest.mark.parametrize(
    ("text", "options", "message"),
    [
        ("", {}, "empty"),
        ("01", {}, "longer than the context length"),
        ("0000000", {}, "at least two tokens"),
        ("0120", {"vocab": "01"}, "'2' at position 3"),
        ("0101", {"vocab": "001"}, "'0' twice"),
        ("0101", {"context_length": 0}, "at least 1"),
        ("01\udcff01", {}, "Unicode"),
    ],
)
def test_bad_data(text: str, options: dict, message: str) -> None:
    with pytest.raises(InputError, match=message):
        Data.from_text(text, **{"context_length": 3, **options})


def test_data_are_equal_by_what_they_hold() -> None:
    data = Data.from_text("0110", context_length=1)
    assert data == Data.from_text("0110", context_length=1)
    assert hash(data) == hash(Data.from_text("0110", context_length=1))
    others = [
        Data.from_text("0111", context_length=1),
        Data.from_text("0110", context_length=2),
        Data.from_text("0110", context_length=1, vocab="012"),
        Data.from_text("0110", context_length=1, source="even"),
    ]
    assert data not in others


@pytest.mark.parametrize(
    "tokens",
    [
        ["0", "1", "1", "0", "1"],
        ("0", "1", "1", "0", "1"),
        [0, 1, 1, 0, 1],
        np.array([0, 1, 1, 0, 1]),
        np.array([0, 1, 1, 0, 1], np.uint8),
        np.array(["0", "1", "1", "0", "1"]),
        np.array(["0", "1", "1", "0", "1"], object),
        np.array([False, True, True, False, True]),
        [np.int64(0), 1, 1, 0, 1],
        "01101",
    ],
    ids=repr,
)
def test_tokens_of_any_kind_are_data(tokens) -> None:
    data = Data.from_tokens(tokens, context_length=2)
    assert data == Data.from_text("01101", context_length=2)
    assert data.tokens.tolist() == [0, 1, 1, 0, 1]
    assert Data.of(tokens, context_length=2) == data
    assert Data.of(data, context_length=2) is data


def test_numbers_are_in_their_own_order_and_places_in_a_vocabulary() -> None:
    data = Data.from_tokens([10, -2, 9, 10], context_length=1)
    assert (data.vocab, data.text) == (("-2", "9", "10"), "10 -2 9 10")
    again = Data.from_text(data.text, context_length=1, vocab=data.vocab)
    np.testing.assert_array_equal(again.tokens, data.tokens)
    data = Data.from_tokens([2, 0, 2], context_length=1, vocab=["the", "cat", "dog"])
    assert (data.text, data.tokens.tolist()) == ("dog the dog", [2, 0, 2])
    assert Data.from_tokens([2, 0, 2], context_length=1, vocab=range(5)).vocab == tuple("01234")  # type: ignore[arg-type]
    assert Data.from_tokens(["cat", "the", "cat"], context_length=1, source="x").source == "x"


@pytest.mark.parametrize(
    ("tokens", "vocab", "message"),
    [
        ([], None, "empty"),
        (np.zeros(0, int), None, "empty"),
        ([0.5, 1], None, "whole numbers"),
        (["a", 1], None, "whole numbers"),
        ([None, "a"], None, "whole numbers"),
        ([[0, 1], [1, 0]], None, "whole numbers"),
        ([[0], [1, 0]], None, "whole numbers"),
        ((k for k in [0, 1]), None, r"try list\(...\)"),
        ({0, 1}, None, "whole numbers"),
        ({0: 1}, None, "whole numbers"),
        (b"0110", None, "whole numbers"),
        (7, None, "got 7"),
        (None, None, "got None"),
        ([0, 1, 2], "ab", "tokens from 0 to 1, got 2"),
        ([0, -1, 1], "ab", "tokens from 0 to 1, got -1"),
        ([0, 1, 1], [], "tokens from 0|empty one"),
        ([0, 1, 1], 5, "a vocabulary"),
        ([0, 1, 1], ["a", None], "a vocabulary of texts"),
        ([1, 1, 1], None, "at least two tokens"),
    ],
)
def test_tokens_that_are_none(tokens, vocab, message: str) -> None:
    with pytest.raises(InputError, match=message):
        Data.from_tokens(tokens, context_length=1, vocab=vocab)


def test_data_made_by_hand_are_checked() -> None:
    good = {"text": "01", "vocab": ("0", "1"), "context_length": 1, "tokens": np.array([0, 1], np.int32)}
    Data(**good)
    for change in ({"text": 1}, {"vocab": "01"}, {"tokens": [0, 1]}, {"tokens": np.array([0, 1])}, {"source": 3}):
        with pytest.raises(InputError, match=r"expected .*got .*; try"):
            Data(**{**good, **change})
