"""Other people's GPTs compute the same here as there, in both directions, or are refused by name."""

import pickle
import random
import subprocess
import sys
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings

from finitegpt import FileError, GPTConfig, InputError, Model, checkpoints
from finitegpt.checkpoints import (
    from_build_nanogpt,
    from_makemore,
    from_microgpt,
    from_mingpt,
    from_nanogpt,
    to_build_nanogpt,
    to_makemore,
    to_microgpt,
    to_mingpt,
    to_nanogpt,
)
from projects import (
    GPT,
    PROJECTS,
    SHAPES,
    Shape,
    contexts,
    exact,
    log_probs,
    microgpt_log_probs,
    microgpt_weights,
)
from strategies import SEEDS, configs

SYMBOLS = "abcdefg"


def vocab(shape: Shape) -> str:
    return SYMBOLS[: shape.vocab_size]


def read(project: str, state_dict: Any, shape: Shape) -> Model:
    """As somebody would who knows what it is."""
    if project.startswith("nanogpt"):
        activation = "gelu" if PROJECTS[project].gelu is exact else "gelu_tanh"
        return from_nanogpt(state_dict, vocab(shape), n_head=shape.n_head, activation=activation)
    reader = {"build-nanogpt": from_build_nanogpt, "mingpt": from_mingpt, "makemore": from_makemore}[project]
    return reader(state_dict, vocab(shape), n_head=shape.n_head)


def assert_same(model: Model, module: Callable, shape: Shape) -> None:
    for tokens in contexts(shape):
        np.testing.assert_allclose(model.log_probs(tokens), log_probs(module, tokens), atol=1e-5)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("project", PROJECTS)
def test_a_state_dict_computes_what_its_project_does(project: str, shape: Shape) -> None:
    gpt = GPT(shape, PROJECTS[project])
    model = read(project, gpt.state_dict(), shape)
    assert_same(model, gpt, shape)
    assert (model.config.tied, model.config.bias) == (PROJECTS[project].tied, PROJECTS[project].bias)


WRITERS: dict[str, Callable[[Model], Any]] = {
    "nanogpt": to_nanogpt,
    "nanogpt without biases": to_nanogpt,
    "build-nanogpt": to_build_nanogpt,
    "mingpt": to_mingpt,
    "makemore": to_makemore,
}


def parts(written: Any) -> tuple[dict[str, int], dict[str, torch.Tensor]]:
    """Settings and tensors, in whichever way a project keeps them together."""
    if isinstance(written, tuple):
        return written
    return written.get("model_args") or written["config"], written["model"]


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("project", WRITERS)
def test_what_is_written_is_what_was_read(project: str, shape: Shape) -> None:
    gpt = GPT(shape, PROJECTS[project])
    said, tensors = parts(WRITERS[project](read(project, gpt.state_dict(), shape)))
    assert said == {**said, **shape._asdict()}
    there = gpt.state_dict()
    assert set(tensors) == set(there)
    assert all(torch.equal(tensors[name], there[name]) for name in there)


@pytest.mark.parametrize("project", [name for name in WRITERS if name != "nanogpt without biases"])
@given(config=configs(), seed=SEEDS)
@settings(max_examples=60)
def test_any_model_is_written_so_that_it_computes_the_same_or_refused_by_an_option_that_it_has(
    project: str, config: GPTConfig, seed: int
) -> None:
    model = Model.init(config, SYMBOLS[: config.vocab_size], seed=seed)
    model.weights[:] += np.random.default_rng(seed).normal(0, 0.2, len(model.weights)).astype(np.float32)
    kind = PROJECTS[project]
    ours = {"activation": "gelu" if kind.gelu is exact else "gelu_tanh", "norm": "layernorm", "final_norm": True}
    ours |= {"embedding_norm": False} | ({"tied": True} if kind.tied else {})
    strange = [name for name, value in ours.items() if getattr(config, name) != value]
    if strange:
        with pytest.raises(InputError, match="|".join(f"expected {name} " for name in strange)):
            WRITERS[project](model)
        return
    said, tensors = parts(WRITERS[project](model))
    shape = Shape(*(said[name] for name in Shape._fields))
    gpt = GPT(shape, PROJECTS["nanogpt without biases"] if said.get("bias") is False else kind)
    gpt.load_state_dict(tensors)
    assert_same(model, gpt, shape)


@pytest.mark.parametrize("name", ["to_nanogpt", "to_build_nanogpt", "to_mingpt", "to_makemore", "to_hugging_face"])
def test_a_normed_embedding_is_written_for_microgpt_alone(name: str) -> None:
    activation = "gelu" if name in ("to_nanogpt", "to_hugging_face") else "gelu_tanh"
    config = GPTConfig(vocab_size=2, context_length=2, n_layer=1, activation=activation, embedding_norm=True)
    with pytest.raises(InputError, match="expected embedding_norm False"):
        getattr(checkpoints, name)(Model.init(config, "ab", seed=0))


def test_norms_without_biases_are_written_without_and_those_that_have_some_with() -> None:
    config = GPTConfig(vocab_size=3, context_length=5, n_layer=2, n_head=2, n_embd=8)
    model = Model.init(config, "abc", seed=0)
    assert to_nanogpt(model)["model_args"]["bias"] is False
    model.named["transformer.h.1.ln_2.bias"][3] = 1e-30
    assert to_nanogpt(model)["model_args"]["bias"] is True


SHAPE = SHAPES[0]


def checkpoint(project: str = "nanogpt") -> dict[str, Any]:
    """As nanoGPT's train.py saves it."""
    arguments = {**SHAPE._asdict(), "bias": PROJECTS[project].bias, "dropout": 0.2}
    named = {f"_orig_mod.{name}": tensor for name, tensor in GPT(SHAPE, PROJECTS[project]).state_dict().items()}
    return {"model": named, "model_args": arguments, "iter_num": 3, "best_val_loss": torch.tensor(1.0), "config": {}}


def test_a_checkpoint_tells_its_heads_and_may_be_in_a_file(tmp_path: Path) -> None:
    torch.save({**checkpoint(), "optimizer": {"state": {0: torch.ones(2)}}}, tmp_path / "ckpt.pt")
    model = from_nanogpt(tmp_path / "ckpt.pt", "abc", activation="gelu")
    assert_same(model, GPT(SHAPE, PROJECTS["nanogpt"]), SHAPE)
    for other in (str(tmp_path / "ckpt.pt"), checkpoint()):
        np.testing.assert_array_equal(from_nanogpt(other, "abc", activation="gelu").weights, model.weights)
    again = from_nanogpt(to_nanogpt(model), "abc", activation="gelu")
    assert again.config == model.config
    np.testing.assert_array_equal(again.weights, model.weights)


def test_a_config_of_build_nanogpt_is_an_object_or_its_fields() -> None:
    named = GPT(SHAPE, PROJECTS["build-nanogpt"]).state_dict()
    for config in (SimpleNamespace(**SHAPE._asdict()), SHAPE._asdict()):
        model = from_build_nanogpt({"model": named, "config": config, "step": 7, "val_loss": 1.5}, "abc")
        assert model.config.n_head == SHAPE.n_head


def test_files_of_safetensors_need_no_pytorch(tmp_path: Path) -> None:
    from safetensors.torch import save_file

    gpt = GPT(SHAPE, PROJECTS["mingpt"])
    for kind in (torch.float32, torch.bfloat16, torch.float16, torch.float64):
        named = {name: tensor.to(kind).contiguous() for name, tensor in gpt.state_dict().items()}
        save_file(named, tmp_path / "model.safetensors")
        model = from_mingpt(tmp_path / "model.safetensors", "abc", n_head=2)
        np.testing.assert_array_equal(model.weights, from_mingpt(named, "abc", n_head=2).weights)
        np.testing.assert_array_equal(
            model.named["lm_head.weight"], named["lm_head.weight"].to(torch.float32).detach().numpy()
        )


@pytest.mark.parametrize("boolean", [False, True])
def test_masks_of_any_type_are_masks(boolean: bool) -> None:
    named = GPT(SHAPE, PROJECTS["mingpt"]).state_dict()
    kind = torch.bool if boolean else torch.uint8
    named = {name: t.to(kind) if name.endswith(".attn.bias") else t for name, t in named.items()}
    assert from_mingpt(named, "abc", n_head=2).config.n_layer == 2


# What is refused.


def changed(project: str = "nanogpt", **changes: Any) -> dict[str, Any]:
    """A state_dict with tensors of other values, or without them for None; names have _ for their dots."""
    named = dict(GPT(SHAPE, PROJECTS[project]).state_dict())
    for short, value in changes.items():
        name = next((name for name in named if name.replace(".", "_").endswith(short)), short)
        named[name] = value(named[name]) if callable(value) else value
    return {name: value for name, value in named.items() if value is not None}


def nan(tensor: torch.Tensor) -> torch.Tensor:
    return torch.full_like(tensor, torch.nan)


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "a tensor that nothing here uses": (changed(rotary=torch.ones(3)), "'rotary' too"),
    "a head that is missing": (changed(lm_head_weight=None), r"'lm_head\.weight' too, which"),
    "a norm that is missing": (changed(ln_f_weight=None), r"no 'transformer\.ln_f\.weight'"),
    "one bias of a norm": (changed("nanogpt without biases", **{"transformer.ln_f.bias": torch.ones(8)}), r"no 'trans"),
    "no embedding": (changed(wte_weight=None), r"without 'transformer\.wte\.weight'"),
    "embeddings that are no matrix": (changed(wpe_weight=torch.ones(3)), r"'transformer\.wpe\.weight' as a matrix"),
    "another shape": (
        changed(h_1_mlp_c_fc_weight=torch.ones(8, 32)),
        r"c_fc\.weight' of shape \(32, 8\), got \(8, 32\)",
    ),
    "a head of another size": (changed(lm_head_weight=torch.ones(4, 8)), r"'lm_head\.weight' of shape \(3, 8\)"),
    "a layer that is left out": (
        {name.replace("h.1.", "h.2."): tensor for name, tensor in changed().items()},
        r"no 'transformer\.h\.1\.",
    ),
    "NaN": (changed(h_0_ln_1_weight=nan), r"finite weights in 'transformer\.h\.0\.ln_1\.weight'"),
    "numbers beyond float32": (changed(ln_f_bias=torch.full((8,), 1e39, dtype=torch.float64)), "finite weights"),
    "whole numbers": (changed(h_0_attn_c_attn_weight=lambda t: t.to(torch.int8)), "floating point, got int8"),
    "complex numbers": (changed(ln_f_bias=lambda t: t.to(torch.complex64)), "'transformer.ln_f.bias' as a tensor"),
    "a sparse tensor": (changed(ln_f_bias=lambda t: t.to_sparse()), "'transformer.ln_f.bias' as a dense tensor"),
    "a text": (changed(ln_f_bias="x"), "'transformer.ln_f.bias' as a tensor of numbers, got 'x'"),
    "a tensor under two names": (changed(**{"_orig_mod.lm_head.weight": torch.ones(3, 8)}), "'lm_head.weight' twice"),
    "no state_dict": ({"weights": 1}, "expected a state_dict"),
    "nothing at all": ({}, "expected a state_dict"),
    "no layers": ({n: t for n, t in changed().items() if ".h." not in n}, "n_layer to be at least 1"),
    "attention to what follows": (
        changed("nanogpt of April 2023", h_1_attn_bias=lambda t: torch.ones_like(t)),
        r"h\.1\.attn\.bias' as a causal mask",
    ),
    "a mask of another size": (
        changed("nanogpt of April 2023", h_0_attn_bias=lambda t: t[..., :4, :4]),
        r"h\.0\.attn\.bias' as a causal mask of shape \(1, 1, 5, 5\)",
    ),
}


@pytest.mark.parametrize("what", REFUSED)
def test_a_state_dict_is_refused_for(what: str) -> None:
    named, message = REFUSED[what]
    with pytest.raises(InputError, match=message) as caught:
        from_nanogpt(named, "abc", n_head=2, activation="gelu")
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 300


def with_arguments(**changes: Any) -> dict[str, Any]:
    found = checkpoint()
    found["model_args"].update(changes)
    return found


SETTINGS: dict[str, tuple[dict[str, Any], dict[str, Any], str]] = {
    "heads that nobody tells": (
        changed(),
        {"activation": "gelu"},
        "expected n_head, which a nanoGPT checkpoint does not",
    ),
    "a GELU that nobody tells": (checkpoint(), {}, "expected activation, which a nanoGPT checkpoint does not tell"),
    "an activation that is not ours": (checkpoint(), {"activation": "silu"}, "expected a activation of gelu"),
    "heads that do not fit": (changed(), {"activation": "gelu", "n_head": 3}, "n_head to divide n_embd"),
    "heads that are no number": (with_arguments(n_head="2"), {"activation": "gelu"}, "n_head to be a whole number"),
    "heads said twice": (checkpoint(), {"activation": "gelu", "n_head": 4}, "n_head 2 as the checkpoint says, got 4"),
    "layers that are not there": (with_arguments(n_layer=3), {"activation": "gelu"}, "n_layer 2 in model_args, as"),
    "a context cut short": (with_arguments(block_size=4), {"activation": "gelu"}, "block_size 5 in model_args, as"),
    "biases that are not there": (with_arguments(bias=False), {"activation": "gelu"}, "bias True in model_args, as"),
    "a setting that is not known": (with_arguments(rope=True), {"activation": "gelu"}, "in model_args, got 'rope'"),
    "other weights beside": ({**checkpoint(), "ema": changed()}, {"activation": "gelu"}, "checkpoint, got 'ema'"),
}


@pytest.mark.parametrize("what", SETTINGS)
def test_a_checkpoint_is_refused_for(what: str) -> None:
    found, given_, message = SETTINGS[what]
    with pytest.raises(InputError, match=message) as caught:
        from_nanogpt(found, "abc", **given_)
    assert "\n" not in str(caught.value)


def test_the_vocabulary_has_a_symbol_for_every_token() -> None:
    with pytest.raises(InputError, match="expected 3 symbols, got a vocabulary of 4"):
        from_nanogpt(checkpoint(), "abcd", activation="gelu")


@pytest.mark.parametrize("reader", [from_mingpt, from_makemore, from_build_nanogpt])
def test_heads_are_asked_for(reader: Callable[..., Model]) -> None:
    with pytest.raises(InputError, match=r"expected n_head, which a .* does not tell, got none"):
        reader(changed("mingpt"), "abc")


@pytest.mark.parametrize("reader", [from_mingpt, from_makemore])
def test_a_dropped_head_is_missed_where_heads_are_never_tied(reader: Callable[..., Model]) -> None:
    with pytest.raises(InputError, match=r"got no 'lm_head\.weight'"):
        reader(changed("mingpt", lm_head_weight=None), "abc", n_head=2)


def test_settings_of_build_nanogpt_are_held_against_its_tensors() -> None:
    named = changed("build-nanogpt")
    for config, message in (
        ({**SHAPE._asdict(), "n_layer": 5}, "n_layer 2 in config"),
        ({**SHAPE._asdict(), "dropout": 0.1}, "in config, got 'dropout'"),
        (3, "expected config as build-nanogpt's GPTConfig, got 3"),
    ):
        with pytest.raises(InputError, match=message):
            from_build_nanogpt({"model": named, "config": config}, "abc")


class Code:
    """Unpickling it would leave a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Callable, tuple]:
        return Path.touch, (self.path,)


class Config:
    """As build-nanogpt pickles one."""


def test_no_pickle_is_run(tmp_path: Path) -> None:
    trace, path = tmp_path / "it-ran", tmp_path / "ckpt.pt"
    pickle.loads(pickle.dumps(Code(trace)))
    assert trace.exists(), "this test would find nothing"
    trace.unlink()
    for protocol in (2, 4):
        for found in (Code(trace), {"model": changed(), "config": Code(trace)}):
            torch.save(found, path, pickle_protocol=protocol)
            with pytest.raises(FileError, match=r"expected weights alone in .*; try torch\.save"):
                from_nanogpt(path, "abc", n_head=2, activation="gelu")
    path.write_bytes(pickle.dumps(Code(trace)))
    with pytest.raises(FileError, match="expected weights alone in"):
        from_nanogpt(path, "abc", n_head=2, activation="gelu")
    assert not trace.exists()


def test_a_pickled_config_is_refused_with_what_to_do(tmp_path: Path) -> None:
    torch.save({"model": changed("build-nanogpt"), "config": Config()}, tmp_path / "model.pt")
    with pytest.raises(FileError, match=r"got 'test_checkpoints\.Config' too.*try torch\.save\(model\.state_dict"):
        from_build_nanogpt(tmp_path / "model.pt", "abc")


@pytest.mark.parametrize("content", [b"", b"hello", b"\x80\x02", random.Random(0).randbytes(300)])
@pytest.mark.parametrize("name", ["model.pt", "model.safetensors"])
def test_other_files_are_refused(name: str, content: bytes, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(FileError, match=r"expected .* got something else; try") as caught:
        from_mingpt(tmp_path / name, "abc", n_head=2)
    assert "\n" not in str(caught.value)


def test_files_that_are_not_there_or_cut_short_are_refused(tmp_path: Path) -> None:
    for name in ("model.pt", "model.safetensors"):
        with pytest.raises(FileError, match="got"):
            from_mingpt(tmp_path / name, "abc", n_head=2)
    torch.save(changed("mingpt"), tmp_path / "model.pt")
    whole = (tmp_path / "model.pt").read_bytes()
    for share in (0.1, 0.5, 0.99):
        (tmp_path / "cut.pt").write_bytes(whole[: int(share * len(whole))])
        with pytest.raises(FileError, match="got something else"):
            from_mingpt(tmp_path / "cut.pt", "abc", n_head=2)
    with zipfile.ZipFile(tmp_path / "other.pt", "w") as other:
        other.writestr("data.txt", "hello")
    with pytest.raises(FileError, match="got something else"):
        from_mingpt(tmp_path / "other.pt", "abc", n_head=2)


# microgpt.


def micro(shape: Shape, weights: Mapping[str, Any]) -> Model:
    return from_microgpt(weights, vocab(shape), n_head=shape.n_head, activation="relu")


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_microgpt_computes_what_plain_python_does(shape: Shape) -> None:
    weights = microgpt_weights(shape)
    model = micro(shape, weights)
    for tokens in contexts(shape):
        expected = [microgpt_log_probs(weights, shape.n_head, row) for row in tokens[:4].tolist()]
        np.testing.assert_allclose(model.log_probs(tokens[:4]), expected, atol=1e-5)
    written = to_microgpt(model)
    assert list(written) == list(weights)
    for name, rows in weights.items():
        np.testing.assert_array_equal(written[name], np.array(rows, np.float32))
    values = {name: [[SimpleNamespace(data=x) for x in row] for row in rows] for name, rows in weights.items()}
    np.testing.assert_array_equal(micro(shape, values).weights, model.weights)


def test_a_tied_model_is_written_for_microgpt_with_a_head_of_its_own() -> None:
    kind = {"activation": "relu", "norm": "rmsnorm", "norm_weight": False, "embedding_norm": True, "final_norm": False}
    config = GPTConfig(vocab_size=3, context_length=5, n_layer=2, n_head=2, n_embd=8, **kind)  # type: ignore[arg-type]
    model = Model.init(config, "abc", seed=0)
    again = from_microgpt(to_microgpt(model), "abc", n_head=2, activation="relu")
    assert not again.config.tied
    tokens = contexts(SHAPE)[-1]
    np.testing.assert_allclose(again.log_probs(tokens), model.log_probs(tokens), atol=1e-6)


def test_what_microgpt_has_not_is_refused() -> None:
    only = {"norm": "rmsnorm", "norm_weight": False, "activation": "relu", "embedding_norm": True, "final_norm": False}
    for name, other in (
        *(("norm_weight", True), ("activation", "gelu"), ("embedding_norm", False), ("final_norm", True)),
        ("bias", True),
    ):
        config = GPTConfig(vocab_size=3, context_length=2, n_layer=1, **{**only, name: other})  # type: ignore[arg-type]
        with pytest.raises(InputError, match=f"expected {name} .* microgpt has, got {other!r}"):
            to_microgpt(Model.init(config, "abc", seed=0))
    weights = microgpt_weights(SHAPE)
    for changes, message in (
        ({"layer0.mlp_fc3": [[1.0]]}, r"'layer0\.mlp_fc3' too"),
        ({"layer1.attn_wq": [[1.0]]}, r"'layer1\.attn_wq' of shape \(8, 8\)"),
        ({"lm_head": None}, "'lm_head' as a tensor"),
        ({"wte": [["a"]]}, "'wte' as rows of numbers"),
        ({"wte": [[1.0], [1.0, 2.0]]}, "'wte' as rows of numbers"),
        ({"wpe": [[float("nan")] * 8] * 5}, "finite weights in 'wpe'"),
    ):
        with pytest.raises(InputError, match=message):
            micro(SHAPE, {**weights, **changes})
    with pytest.raises(InputError, match=r"got no 'layer1\.attn_wo'"):
        micro(SHAPE, {name: rows for name, rows in weights.items() if name != "layer1.attn_wo"})
    with pytest.raises(InputError, match="expected n_head, which microgpt's state_dict does not tell"):
        from_microgpt(weights, "abc", activation="relu")
    with pytest.raises(InputError, match="expected activation, which microgpt's state_dict does not tell"):
        from_microgpt(weights, "abc", n_head=2)


def test_pytorch_is_needed_for_its_own_files_and_tensors_alone(tmp_path: Path) -> None:
    """A GPT-2 in safetensors, microgpt and arrays are read where there is no PyTorch."""
    from finitegpt import weights

    arrays = {name: tensor.numpy() for name, tensor in changed("mingpt").items()}
    weights.save(tmp_path / "model.safetensors", arrays)
    np.savez(tmp_path / "arrays.npz", **arrays)
    code = f"""
import sys
sys.modules["torch"] = sys.modules["transformers"] = None
import numpy as np
from finitegpt import InputError
from finitegpt.checkpoints import *
model = from_mingpt({str(tmp_path / "model.safetensors")!r}, "abc", n_head=2)
assert (from_mingpt(dict(np.load({str(tmp_path / "arrays.npz")!r})), "abc", n_head=2).weights == model.weights).all()
assert from_microgpt({microgpt_weights(Shape(2, 2, 1, 1, 2))!r}, "ab", n_head=1, activation="relu").config.n_embd == 2
for call in (lambda: to_mingpt(model), lambda: from_mingpt("model.pt", "abc", n_head=2)):
    try:
        call()
    except InputError as error:
        print(error)
"""
    said = subprocess.check_output([sys.executable, "-c", code], text=True).splitlines()
    assert (
        said == ["expected the package torch for its format, got none installed; try pip install finitegpt[torch]"] * 2
    )


def test_every_project_is_written_too() -> None:
    names = {name.removeprefix("from_") for name in checkpoints.__all__ if name.startswith("from_")}
    assert {f"to_{name}" for name in names} < set(checkpoints.__all__)


def test_only_models_are_written() -> None:
    for name in checkpoints.__all__:
        if name.startswith("to_"):
            with pytest.raises(InputError, match="expected model as Model, got 3"):
                getattr(checkpoints, name)(3)
