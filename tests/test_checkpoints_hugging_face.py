"""Conversions held against transformers itself: GPT2LMHeadModel, in memory and in folders."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from transformers import GPT2Config, GPT2DoubleHeadsModel, GPT2LMHeadModel, GPT2Model

from finitegpt import FileError, GPTConfig, InputError, Model
from finitegpt.checkpoints import from_hugging_face, to_hugging_face
from projects import SHAPES, Shape, contexts, disturb, log_probs
from strategies import SEEDS, configs

SHAPE = SHAPES[0]
NAMES = {
    "gelu": "gelu",
    "gelu_python": "gelu",
    "gelu_new": "gelu_tanh",
    "gelu_pytorch_tanh": "gelu_tanh",
    "gelu_fast": "gelu_tanh",
    "gelu_accurate": "gelu_tanh",
    "relu": "relu",
}


def config(shape: Shape = SHAPE, **more: Any) -> GPT2Config:
    return GPT2Config(
        vocab_size=shape.vocab_size,
        n_positions=shape.block_size,
        n_embd=shape.n_embd,
        n_layer=shape.n_layer,
        n_head=shape.n_head,
        **{"bos_token_id": None, "eos_token_id": None, **more},
    )


def gpt2(shape: Shape = SHAPE, **more: Any) -> GPT2LMHeadModel:
    model = GPT2LMHeadModel(config(shape, **more)).eval()
    disturb(model, 0)
    return model


def assert_same(model: Model, theirs: GPT2LMHeadModel, shape: Shape = SHAPE) -> None:
    for tokens in contexts(shape):
        expected = log_probs(lambda rows: theirs(rows).logits, tokens)
        np.testing.assert_allclose(model.log_probs(tokens), expected, atol=1e-5)


@pytest.mark.parametrize("tied", [True, False])
@pytest.mark.parametrize("name", NAMES)
def test_a_model_computes_what_transformers_does(name: str, tied: bool) -> None:
    theirs = gpt2(activation_function=name, tie_word_embeddings=tied)
    model = from_hugging_face(theirs, "abc")
    assert_same(model, theirs)
    assert (model.config.activation, model.config.tied) == (NAMES[name], tied)
    np.testing.assert_array_equal(
        from_hugging_face(theirs.state_dict(), "abc", config=theirs.config).weights, model.weights
    )
    arguments, tensors = to_hugging_face(model)
    back = GPT2LMHeadModel(GPT2Config(**arguments)).eval()
    back.load_state_dict(tensors)
    assert_same(model, back)
    assert all(torch.equal(tensor, theirs.state_dict()[key]) for key, tensor in tensors.items())


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_shapes(shape: Shape) -> None:
    theirs = gpt2(shape)
    assert_same(from_hugging_face(theirs, "abcdefg"[: shape.vocab_size]), theirs, shape)


@given(ours=configs(), seed=SEEDS)
@settings(max_examples=40)
def test_any_model_is_written_so_that_it_computes_the_same_or_refused_by_an_option_that_it_has(
    ours: GPTConfig, seed: int
) -> None:
    model = Model.init(ours, "abcdefg"[: ours.vocab_size], seed=seed)
    model.weights[:] += np.random.default_rng(seed).normal(0, 0.2, len(model.weights)).astype(np.float32)
    wanted = {"norm": "layernorm", "embedding_norm": False, "final_norm": True}
    strange = [name for name, value in wanted.items() if getattr(ours, name) != value]
    if strange:
        with pytest.raises(InputError, match="|".join(f"expected {name} " for name in strange)):
            to_hugging_face(model)
        return
    arguments, tensors = to_hugging_face(model)
    theirs = GPT2LMHeadModel(GPT2Config(**arguments)).eval()
    theirs.load_state_dict(tensors)
    shape = Shape(ours.context_length, ours.vocab_size, ours.n_layer, ours.n_head, ours.n_embd)
    assert_same(model, theirs, shape)
    again = from_hugging_face(tensors, model.vocab, config=arguments)
    assert (again.config.tied, again.config.activation) == (ours.tied, ours.activation)
    assert_same(again, theirs, shape)


@pytest.mark.parametrize("tied", [True, False])
def test_a_folder_of_save_pretrained(tied: bool, tmp_path: Path) -> None:
    theirs = gpt2(tie_word_embeddings=tied)
    theirs.save_pretrained(tmp_path)
    model = from_hugging_face(tmp_path, "abc")
    np.testing.assert_array_equal(model.weights, from_hugging_face(theirs, "abc").weights)
    assert_same(model, GPT2LMHeadModel.from_pretrained(tmp_path).eval())
    (tmp_path / "model.safetensors").unlink()
    torch.save(theirs.state_dict(), tmp_path / "pytorch_model.bin")
    np.testing.assert_array_equal(from_hugging_face(str(tmp_path), "abc").weights, model.weights)


@pytest.mark.parametrize("kind", [torch.bfloat16, torch.float16, torch.float64])
def test_other_precisions_are_rounded_to_float32(kind: torch.dtype, tmp_path: Path) -> None:
    theirs = gpt2().to(kind)
    theirs.save_pretrained(tmp_path)
    assert_same(from_hugging_face(tmp_path, "abc"), theirs.float())


def as_openai_keeps_it(theirs: GPT2LMHeadModel) -> dict[str, torch.Tensor]:
    """Without the first part of names and without the head, with the masks of older versions."""
    named = theirs.transformer.state_dict()
    for i in range(SHAPE.n_layer):
        named[f"h.{i}.attn.bias"] = torch.ones(1, 1, SHAPE.block_size, SHAPE.block_size, dtype=torch.uint8).tril()
        named[f"h.{i}.attn.masked_bias"] = torch.tensor(-1e4)
    return named


def test_names_and_masks_of_the_first_versions() -> None:
    theirs = gpt2()
    named = as_openai_keeps_it(theirs)
    model = from_hugging_face(named, "abc", config=theirs.config)
    np.testing.assert_array_equal(model.weights, from_hugging_face(theirs, "abc").weights)
    with pytest.raises(InputError, match=r"got no 'lm_head\.weight'"):
        from_hugging_face(named, "abc", config={**theirs.config.to_dict(), "tie_word_embeddings": False})
    named["h.1.attn.masked_bias"] = torch.tensor(-1.0)
    with pytest.raises(InputError, match=r"h\.1\.attn\.masked_bias' as the number -10000"):
        from_hugging_face(named, "abc", config=theirs.config)


def test_reordered_attention_is_the_same_function() -> None:
    theirs = gpt2(reorder_and_upcast_attn=True, attn_implementation="eager", attn_pdrop=0.5)
    assert_same(from_hugging_face(theirs, "abc"), theirs)


CHANGED: dict[str, Any] = {
    "layer_norm_epsilon": 1e-6,
    "scale_attn_weights": False,
    "scale_attn_by_inverse_layer_idx": True,
    "add_cross_attention": True,
    "activation_function": "silu",
}


@pytest.mark.parametrize("name", CHANGED)
def test_a_setting_that_makes_another_function_is_refused(name: str) -> None:
    theirs = gpt2(**{name: CHANGED[name]})
    with pytest.raises(InputError, match=rf"expected (an )?{name} .*got {CHANGED[name]!r}; try chain_of"):
        from_hugging_face(theirs, "abc")


def test_a_width_inside_that_is_not_four_times_as_large_is_refused() -> None:
    assert_same(from_hugging_face(gpt2(n_inner=32), "abc"), gpt2(n_inner=32))
    with pytest.raises(InputError, match=r"c_fc\.weight' of shape \(32, 8\), got \(16, 8\)"):
        from_hugging_face(gpt2(n_inner=16), "abc")


SETTINGS: dict[str, tuple[dict[str, Any], str]] = {
    "another architecture": ({"model_type": "llama"}, "expected model_type 'gpt2', .* got 'llama'"),
    "heads that were cut off": ({"pruned_heads": {"0": [1]}}, "expected pruned_heads {}, .* got {'0': "),
    "quantization": ({"quantization_config": {"bits": 4}}, "in a GPT2Config, got 'quantization_config'"),
    "code of its own": ({"auto_map": {"AutoModel": "x.Y"}}, "in a GPT2Config, got 'auto_map'"),
    "an encoder": ({"is_encoder_decoder": True}, "expected is_encoder_decoder False"),
    "other layers": ({"n_layer": 3}, "expected n_layer 2 in the config, as its tensors have it, got 3"),
    "another context": ({"n_positions": 7}, "expected n_positions 5 in the config"),
    "another context by its other name": ({"max_position_embeddings": 7}, "expected max_position_embeddings 5"),
    "another vocabulary": ({"vocab_size": 50257}, "expected vocab_size 3 in the config"),
    "another width inside": ({"n_inner": 16}, "expected n_inner 32 in the config"),
    "heads that do not fit": ({"n_head": 3}, "n_head to divide n_embd"),
    "heads that nobody tells": ({"n_head": None}, "expected n_head, which the config does not tell"),
    "heads by two names": ({"num_attention_heads": 4}, "expected num_attention_heads 2 in the config"),
    "a GELU that nobody tells": ({"activation_function": None}, "activation_function, which the config does not tell"),
    "a tie that is neither": ({"tie_word_embeddings": "yes"}, "tie_word_embeddings to be true or false, got 'yes'"),
}


@pytest.mark.parametrize("what", SETTINGS)
def test_a_config_is_refused_for(what: str) -> None:
    changes, message = SETTINGS[what]
    theirs = gpt2()
    with pytest.raises(InputError, match=message):
        from_hugging_face(theirs.state_dict(), "abc", config={**theirs.config.to_dict(), **changes})


def test_a_state_dict_alone_does_not_tell_enough() -> None:
    with pytest.raises(InputError, match="expected config, which a state_dict does not tell"):
        from_hugging_face(gpt2().state_dict(), "abc")
    with pytest.raises(InputError, match="config for a state_dict alone"):
        from_hugging_face(gpt2(), "abc", config=config())
    with pytest.raises(InputError, match="expected a GPT2Config, got 3"):
        from_hugging_face(gpt2().state_dict(), "abc", config=3)


def test_a_head_that_is_said_to_be_tied_and_is_not_is_refused() -> None:
    named = gpt2(tie_word_embeddings=False).state_dict()
    with pytest.raises(InputError, match=r"'lm_head\.weight' to be the token embedding"):
        from_hugging_face(named, "abc", config=config())


def test_other_models_are_refused() -> None:
    with pytest.raises(InputError, match="expected a GPT2LMHeadModel, got GPT2Model, which has no head"):
        from_hugging_face(GPT2Model(config()), "abc")
    with pytest.raises(InputError, match=r"'multiple_choice_head\.summary\.\w+' too"):
        from_hugging_face(GPT2DoubleHeadsModel(config()), "abc")


def linear_as_nanogpt_has_it(named: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {name: t.T if ".c_" in name and name.endswith("weight") else t for name, t in named.items()}


def test_layers_stored_the_other_way_round_are_refused() -> None:
    with pytest.raises(InputError, match=r"c_attn\.weight' of shape \(24, 8\), got \(8, 24\)"):
        from_hugging_face(linear_as_nanogpt_has_it(gpt2().state_dict()), "abc", config=config())


def broken(change: Callable[[Path], Any], tmp_path: Path) -> Path:
    gpt2().save_pretrained(tmp_path)
    change(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda folder: (folder / "config.json").unlink(), r"expected a folder with config\.json.*from_pretrained"),
        (lambda folder: (folder / "config.json").write_text("{"), "expected JSON in"),
        (lambda folder: (folder / "config.json").write_text("[]"), "expected a GPT2Config, got"),
        (lambda folder: (folder / "model.safetensors").unlink(), r"expected model\.safetensors or pytorch_model\.bin"),
        (lambda folder: (folder / "model.safetensors").write_bytes(b"x" * 20), "as a safetensors file, got something"),
    ],
)
def test_a_folder_is_refused_where_a_file_is_missing_or_broken(change: Callable, message: str, tmp_path: Path) -> None:
    with pytest.raises((FileError, InputError), match=message):
        from_hugging_face(broken(change, tmp_path), "abc")


def test_a_name_of_the_hub_is_no_folder(here: Path) -> None:
    with pytest.raises(FileError, match=r"got none at 'gpt2'; try GPT2LMHeadModel\.from_pretrained"):
        from_hugging_face("gpt2", "abc")


def test_config_json_tells_what_transformers_reads_from_it(tmp_path: Path) -> None:
    theirs = gpt2(activation_function="relu")
    theirs.save_pretrained(tmp_path)
    said = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps({**said, "activation_function": "gelu"}))
    assert_same(from_hugging_face(tmp_path, "abc"), GPT2LMHeadModel.from_pretrained(tmp_path).eval())
