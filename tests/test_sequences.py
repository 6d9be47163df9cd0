"""Data of several sequences: windows never cross from one into the next, and each counts as it should."""

import dataclasses
import json
from itertools import product
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn.functional import cross_entropy

import finitegpt
from finitegpt import Data, GPTConfig, InputError, Model, Run, TrainConfig, train
from finitegpt.analysis import data_entropy, markov_order
from finitegpt.batches import generator_of, windows_of
from finitegpt.engine import Engine, Windows
from finitegpt.records import read_data, write_data
from finitegpt.sources import ngram
from finitegpt.torch import from_model

ENGINE = Engine()


@st.composite
def cases(draw: st.DrawFn) -> tuple[dict, int]:
    """What `from_sequences` is given, and a context length."""
    n = draw(st.integers(1, 6))
    texts = draw(st.lists(st.text("ab", min_size=2, max_size=9), min_size=n, max_size=n))
    texts[0] += "ab"
    given = {
        "sequences": texts,
        "bos": draw(st.sampled_from([None, ".", "a"])),
        "eos": draw(st.sampled_from([None, "."])),
    }
    if draw(st.booleans()):
        given["weights"] = [draw(st.sampled_from([0, 0.5, 1, 3])) for _ in texts]
        given["weights"][0] = 2
    if draw(st.booleans()):
        given["masks"] = [[draw(st.sampled_from([0, 1, 0.25])) for _ in text] for text in texts]
        given["masks"][0][-1] = 1
    return given, draw(st.integers(1, 5))


def naive(given: dict, L: int, loss: str) -> list[tuple[str, list[float], float]]:
    """Every window as its tokens and the next one, how much each of its targets counts, and its weight."""
    found = []
    for k, text in enumerate(given["sequences"]):
        mask = list(given.get("masks", [[1] * len(one) for one in given["sequences"]])[k])
        weight = given.get("weights", [1] * len(given["sequences"]))[k]
        if given["bos"]:
            text, mask = given["bos"] + text, [1, *mask]
        if given["eos"]:
            text, mask = text + given["eos"], [*mask, 1]
        if loss == "last":
            for end in range(1, len(text)):
                begin = max(0, end - L)
                if weight * mask[end]:
                    found.append((text[begin : end + 1], [0.0] * (end - begin - 1) + [float(mask[end])], weight))
        else:
            size = min(L, len(text) - 1)
            for begin in range(len(text) - size):
                counts = [float(x) for x in mask[begin + 1 : begin + 1 + size]]
                if weight and any(counts):
                    found.append((text[begin : begin + size + 1], counts, weight))
    return found


def texts_of(data: Data, starts: np.ndarray, lengths: np.ndarray) -> list[str]:
    pairs = zip(starts.tolist(), lengths.tolist(), strict=True)
    return ["".join(data.vocab[token] for token in data.tokens[a : a + n + 1]) for a, n in pairs]


@given(case=cases(), loss=st.sampled_from(["last", "all"]))
def test_windows_are_those_of_a_loop_over_sequences(case: tuple[dict, int], loss: str) -> None:
    given, L = case
    data, wanted = Data.from_sequences(**given, context_length=L), naive(*case, loss)
    listed = data.windows(loss)
    assert listed.lengths is not None
    assert texts_of(data, listed.starts, listed.lengths) == [window for window, _, _ in wanted]
    weights = np.ones(len(wanted)) if listed.weights is None else listed.weights
    own = np.array([weight * (counts[-1] if loss == "last" else 1) for _, counts, weight in wanted])
    np.testing.assert_allclose(weights / weights[0], own / own[0])
    assert data.count_windows(loss) == len(wanted)
    full = [window[:-1] for window, _, _ in naive(*case, "last") if len(window) == L + 1]
    names = ["".join(state) for state in product(data.vocab, repeat=L)]
    assert data.counts().tolist() == [full.count(name) for name in names]


@given(case=cases(), loss=st.sampled_from(["last", "all"]))
def test_merged_windows_are_distinct_and_count_as_much_together(case: tuple[dict, int], loss: str) -> None:
    given, L = case
    data, wanted = Data.from_sequences(**given, context_length=L), {}
    for window, counts, weight in naive(*case, loss):
        key = (window, *counts) if loss == "all" else window
        wanted[key] = wanted.get(key, 0) + weight * (counts[-1] if loss == "last" else 1)
    found = data.merged(loss)
    assert found.lengths is not None
    assert found.weights is not None
    texts = texts_of(data, found.starts, found.lengths)
    keys = [
        text
        if loss == "last"
        else (text, *(np.ones(n) if found.mask is None else found.mask[a + 1 : a + n + 1]).tolist())
        for text, a, n in zip(texts, found.starts.tolist(), found.lengths.tolist(), strict=True)
    ]
    assert len(set(keys)) == len(keys) == len(wanted)
    total = found.weights.sum() / sum(wanted.values())
    assert {key: pytest.approx(w / total) for key, w in zip(keys, found.weights.tolist(), strict=True)} == wanted


def judged(data: Data, config: GPTConfig, weights: np.ndarray, wanted: list, loss: str) -> float:
    """PyTorch's loss of windows that are padded to the same length."""
    L = data.context_length
    X, Y, W = (np.full((len(wanted), L), fill) for fill in (0, -100, 0.0))
    for k, (window, counts, weight) in enumerate(wanted):
        tokens, n = [data.vocab.index(sign) for sign in window], len(window) - 1
        X[k, :n], W[k, :n] = tokens[:-1], weight * np.array(counts)
        Y[k, :n] = np.where(np.array(counts) > 0, tokens[1:], -100)
        if loss == "last":
            Y[k, : n - 1] = -100
    gpt = from_model(Model(config=config, vocab=data.vocab, weights=weights)).double()
    with torch.no_grad():
        logits = gpt(torch.from_numpy(X.astype(np.int64)), every_position=True)
        each = cross_entropy(
            logits.transpose(1, 2), torch.from_numpy(Y.astype(np.int64)), ignore_index=-100, reduction="none"
        )
    return float((each.numpy() * W).sum() / W[Y != -100].sum())


@settings(max_examples=25)
@given(case=cases(), loss=st.sampled_from(["last", "all"]), batch=st.sampled_from([None, 3]))
def test_losses_are_those_of_pytorch_on_padded_windows(case: tuple[dict, int], loss: str, batch: int | None) -> None:
    given, L = case
    data, wanted = Data.from_sequences(**given, context_length=L), naive(*case, loss)
    config = GPTConfig(vocab_size=len(data.vocab), context_length=L, n_layer=1, n_head=2, n_embd=8)
    weights = ENGINE.init(config, 3) * 5
    how = TrainConfig(batch_size=batch, batches="in_turn", loss=loss)  # type: ignore[arg-type]
    windows = windows_of(data, how, 2, ENGINE.generator(1), first=4)
    for step in range(1 if batch is None else 2):
        one = windows if batch is None else _row(windows, step)
        chosen = wanted if batch is None else [wanted[((4 + step) * batch + k) % len(wanted)] for k in range(batch)]
        assert ENGINE.loss(config, one, weights) == pytest.approx(judged(data, config, weights, chosen, loss), rel=1e-5)


def _row(windows: Windows, step: int) -> Windows:
    lengths = None if windows.lengths is None else windows.lengths[step]
    return dataclasses.replace(windows, starts=windows.starts[step], lengths=lengths)


def test_no_window_holds_tokens_of_two_sequences() -> None:
    """Concatenated, "ab" and "ba" would show a after a and b after b."""
    data = Data.from_sequences(["abab", "baba"] * 3, context_length=2)
    run = train(data, loss="all", steps=200, lr=0.01, n_layer=1)
    assert run.losses[-1] < 0.3
    assert data.entropy == pytest.approx(0.0)
    assert data.counts().tolist() == [0, 6, 6, 0]
    assert Data.from_text("ababbaba" * 3, context_length=2).counts()[0] > 0


def test_a_mask_leaves_tokens_out_of_the_loss() -> None:
    data = Data.from_sequences(["aab", "abb"], context_length=2, masks=[[0, 1, 0], [0, 1, 0]], eos=".")
    texts = texts_of(data, data.windows().starts, data.windows().lengths)  # type: ignore[arg-type]
    assert texts == ["aa", "ab.", "ab", "bb."]


def test_weights_count_as_repetitions_do() -> None:
    often = Data.from_sequences(["abba", "baa", "baa", "baa"], context_length=2, bos=".")
    heavy = Data.from_sequences(["abba", "baa"], context_length=2, bos=".", weights=[1, 3])
    assert heavy.entropy == pytest.approx(often.entropy)
    chains = [ngram(data, smoothing="none") for data in (often, heavy)]
    np.testing.assert_allclose(*(chain.probs for chain in chains))
    for one in (train(data, steps=5, loss="all").losses for data in (often, heavy)):
        np.testing.assert_allclose(one, train(often, steps=5, loss="all").losses, rtol=1e-6)


@given(seed=st.integers(0, 2**32 - 1), batch=st.integers(1, 5), loss=st.sampled_from(["last", "all"]))
def test_windows_that_count_alike_are_drawn_as_torch_randint_does(seed: int, batch: int, loss: str) -> None:
    data = Data.from_sequences(["abba", "ab", "bbaab"], context_length=2, bos=".")
    how = TrainConfig(batch_size=batch, loss=loss)  # type: ignore[arg-type]
    windows, listed = windows_of(data, how, 3, ENGINE.generator(seed)), data.windows(loss)
    drawn = torch.randint(len(listed.starts), (3 * batch,), generator=torch.Generator().manual_seed(seed))
    np.testing.assert_array_equal(windows.starts.reshape(-1), listed.starts[drawn.numpy()])


def test_windows_that_count_differently_are_drawn_by_weight() -> None:
    data = Data.from_sequences(["ab", "ba", "aa", "bb"], context_length=1, weights=[1, 0, 5, 2])
    windows = windows_of(data, TrainConfig(batch_size=1000), 80, ENGINE.generator(7))
    shares = np.bincount(windows.starts.reshape(-1), minlength=8)[::2] / windows.starts.size
    np.testing.assert_allclose(shares, [1 / 8, 0, 5 / 8, 2 / 8], atol=0.01)
    assert windows.mask is None
    assert windows.weights is None


def test_random_windows_of_every_position_keep_their_mask() -> None:
    data = Data.from_sequences(["abba", "ab"], context_length=3, masks=[[1, 0, 0.5, 1], [1, 1]], weights=[1, 4])
    windows = windows_of(data, TrainConfig(batch_size=4, loss="all"), 2, ENGINE.generator(3))
    assert windows.mask is not None
    assert windows.mask.tolist() == [1, 0, 0.5, 1, 1, 1]
    assert set(windows.starts.reshape(-1).tolist()) <= {0, 4}


@pytest.mark.parametrize("batches", ["random", "in_turn"])
@pytest.mark.parametrize("weights", [None, [1, 2, 0.5]])
@pytest.mark.parametrize("loss", ["last", "all"])
def test_training_goes_on_bit_for_bit(batches: str, weights: list | None, loss: str) -> None:
    masks = None if weights is None else [[1, 0.5, 1, 1], [0, 1], [1, 1, 0, 1, 1]]
    data = Data.from_sequences(["abba", "ab", "bbaab"], context_length=2, bos=".", weights=weights, masks=masks)
    how = {"batch_size": 3, "batches": batches, "loss": loss, "n_layer": 1}
    whole = train(data, **how, steps=12)  # type: ignore[arg-type]
    parts = train(train(data, **how, steps=5), steps=7)  # type: ignore[arg-type]
    np.testing.assert_array_equal(whole.losses, parts.losses)
    np.testing.assert_array_equal(whole.model.weights, parts.model.weights)


def test_windows_in_turn_are_taken_in_the_order_of_the_data() -> None:
    data = Data.from_sequences(["abba", "ab"], context_length=9, bos=".", eos=".")
    found = windows_of(data, TrainConfig(batch_size=1, batches="in_turn", loss="all"), 3, ENGINE.generator(0), first=1)
    assert found.starts.tolist() == [[6], [0], [6]]
    text = Data.from_text("01101", context_length=2)
    found = windows_of(text, TrainConfig(batch_size=2, batches="in_turn"), 2, ENGINE.generator(0), first=1)
    assert found.starts.tolist() == [[2, 0], [1, 2]]
    before = ENGINE.generator(0)
    after = generator_of(text, TrainConfig(batch_size=2, batches="in_turn"), before.copy(), 5)
    np.testing.assert_array_equal(before, after)


@given(case=cases(), beginnings=st.booleans())
def test_sequences_are_read_back_from_their_files(case: tuple[dict, int], beginnings: bool, tmp_path_factory) -> None:
    given, L = case
    L = L if beginnings else 1
    data = Data.from_sequences(**given, context_length=L, beginnings=beginnings, source="own")
    folder = tmp_path_factory.mktemp("data")
    facts = json.loads(json.dumps(write_data(folder, "validation", data)))
    again = read_data(folder, "validation", facts, vocab=list(data.vocab), context_length=L)
    assert again == data
    assert hash(again) == hash(data)
    assert again.digest == data.digest
    np.testing.assert_array_equal(again.tokens, data.tokens)


@pytest.mark.parametrize(
    ("sequences", "signs", "file"),
    [
        (["ab\n", '\n"b'], {"bos": "."}, "data.jsonl"),
        (["ab", ""], {"bos": ".", "eos": "|"}, "data.txt"),
        (["ab", "b a"], {"eos": "\n"}, "data.jsonl"),
        ([["the", "cat"], ["a", "cat"]], {"eos": "<end>"}, "data.txt"),
        ([[10, 2], np.array([2, 2, 10])], {}, "data.txt"),
        (["é\r", " \r\r"], {}, "data.txt"),
    ],
)
def test_runs_of_any_symbols_are_saved_and_loaded(sequences: list, signs: dict, file: str, here: Path) -> None:
    data = Data.from_sequences(sequences, context_length=2, **signs)
    train(data, steps=1, n_layer=1).save(here / "run")
    assert (here / "run" / file).is_file()
    assert Run.load(here / "run").data == data


def test_damaged_sequences_are_refused(here: Path) -> None:
    run = train(Data.from_sequences(["ab", "ba"], context_length=1, weights=[1, 2]), steps=1, n_layer=1)
    run.save(here / "run")
    (here / "run" / "data.txt").write_text("abb\na\n")
    with pytest.raises(finitegpt.FileError, match=r"at least two tokens|got another data\.txt"):
        Run.load(here / "run")
    (here / "run" / "data.txt").write_text("ab\nba\n")
    assert Run.load(here / "run").data == run.data
    (here / "run" / "data.safetensors").unlink()
    with pytest.raises(finitegpt.FileError):
        Run.load(here / "run")


def test_sequences_are_equal_by_what_they_hold() -> None:
    def make(*sequences: str, **more) -> Data:
        return Data.from_sequences(sequences or ("aab", "b"), **{"context_length": 2, "bos": ".", **more})

    data = make()
    others = [
        make("aa", "bb"),
        make(weights=[1, 2]),
        make(weights=[1, 1]),
        make(masks=[[1, 0, 1], [1]]),
        make(eos="."),
        make(beginnings=False, bos="b", eos="b"),
        make(context_length=3),
        Data.from_text(".aab.b", context_length=2, vocab="ab."),
    ]
    assert data == make()
    assert data not in others
    assert len({one.digest for one in [data, *others[:6], others[-1]]}) == 8
    assert repr(data) == r"Data(2 sequences of 6 tokens over 'ab.', contexts of 2: 'aab\nb\n')"


def test_signs_at_the_ends_join_the_vocabulary_behind_the_others() -> None:
    assert Data.from_sequences(["ba"], context_length=1, bos="<", eos=">").vocab == ("a", "b", "<", ">")
    assert Data.from_sequences(["ba"], context_length=1, bos=".", eos=".", vocab=".abc").vocab == tuple(".abc")
    assert Data.from_sequences(["ba"], context_length=1, bos="<s>").vocab == ("a", "b", "<s>")
    assert Data.from_sequences([[3, 4]], context_length=1, eos="|").tokens.tolist() == [0, 1, 2]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"sequences": ["ab", "a"]}, "at least two tokens, got 1 in number 2"),
        ({"sequences": ["ab", ""], "bos": "."}, "got 1 in number 2"),
        ({"sequences": "ab"}, "a list of sequences"),
        ({"sequences": []}, "an empty one"),
        ({"sequences": ["ab", [0, 1]]}, "got both"),
        ({"sequences": ["ab", None]}, "tokens as a text"),
        ({"weights": [1, -1]}, "weights of 0 or more, got -1 in number 2"),
        ({"weights": [float("nan"), 1]}, "got nan in number 1"),
        ({"weights": [0, 0]}, "a weight above 0"),
        ({"weights": [1]}, "a weight for each of 2"),
        ({"weights": "ab"}, "to be numbers"),
        ({"masks": [[1, 1], [1]]}, "a mask of 2 numbers for sequence 2"),
        ({"masks": [[1, 1]]}, "a mask for each of 2"),
        ({"masks": [[1, 0], [1, 0]]}, "a token that counts"),
        ({"masks": [[1, -1], [1, 0]]}, "masks of 0 or more"),
        ({"bos": ""}, "a bos and an eos as a text"),
        ({"sequences": ["a b", "ab"], "bos": "<s>"}, "of one character beside ' '"),
        ({"vocab": "a"}, "got 'b' in sequence 1"),
        ({"sequences": ["aa"]}, "at least two tokens"),
        ({"context_length": 0}, "at least 1"),
        ({"context_length": 2, "beginnings": False}, "longer than the context length 2, got 2 tokens in number 1"),
        ({"beginnings": 7}, "true or false"),
    ],
)
def test_bad_sequences(options: dict, message: str) -> None:
    with pytest.raises(InputError, match=message) as error:
        Data.from_sequences(**{"sequences": ["ab", "ba"], "context_length": 1, **options})
    assert "\n" not in str(error.value)


def test_what_is_said_of_sequences_is_about_each_of_them() -> None:
    data = Data.from_sequences(["abab", "ba", "aab"], context_length=2, bos=".")
    chain = ngram(data, smoothing="none")
    assert data.entropy in data_entropy(data)
    assert chain.cross_entropy(data).value == pytest.approx(data.entropy)
    assert chain.startup is not None
    assert np.exp(chain.startup[0][data.vocab.index(".")]) == pytest.approx([2 / 3, 1 / 3, 0])
    with pytest.raises(InputError, match="rows for contexts of 1"):
        dataclasses.replace(chain, startup=None).cross_entropy(data)
    found = markov_order(data, 1)
    assert found.n_tokens == len(data.tokens) - 3
    weighted = Data.from_sequences(["abab", "ba"], context_length=2, weights=[0.1, 0.7])
    certified = data_entropy(weighted)
    assert certified.low <= weighted.entropy <= certified.high
    assert certified.high - certified.low < 1e-12


def test_walks_of_documents_begin_at_their_bos_and_end_at_their_eos() -> None:
    data = Data.from_sequences(["ab", "b"], context_length=3, bos="<", eos=">")
    run = train(data, steps=150, lr=0.01)
    assert set(run.sample_sequences(30)) == {"ab", "b"}
    assert set(run.sample_sequences(5, start="a")) == {"ab"}
    assert data.first_context == [data.vocab.index("<")]
    assert run.model.sample("<a", 50, until=">") == "<ab>"
    with pytest.raises(InputError, match="a bos and an eos"):
        train(steps=1).sample_sequences(1)
    endless = dataclasses.replace(run, model=Model.init(run.model.config, run.model.vocab, seed=0))
    with pytest.raises(InputError, match="a sequence to end"):
        endless.sample_sequences(1, decode=lambda rows: np.log(np.array([[0.5, 0.5, 1e-300, 1e-300]])))


def test_a_page_refuses_sequences() -> None:
    from finitegpt.page import page

    run = train(Data.from_sequences(["ab", "b"], context_length=2, bos="."), steps=1, n_layer=1)
    with pytest.raises(InputError, match="got one of other sequences"):
        page(run)
