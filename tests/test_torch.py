"""Conversions to and from other checkpoints."""

import numpy as np
import pytest
import torch
from hypothesis import given

from finitegpt import GPTConfig, InputError, Model, Run, states
from finitegpt.torch import GPT, from_model, from_nanogpt, to_hugging_face, to_model
from strategies import SEEDS, configs


@given(config=configs(), seed=SEEDS)
def test_there_and_back(config: GPTConfig, seed: int) -> None:
    model = Model.init(config, "abcdefg"[: config.vocab_size], seed=seed)
    np.testing.assert_array_equal(to_model(from_model(model), model.vocab).weights, model.weights)


def test_a_conversion_leaves_the_random_state_alone(notebook: Run) -> None:
    torch.manual_seed(0)
    from_model(notebook.model)
    after = torch.rand(1)
    torch.manual_seed(0)
    assert torch.equal(after, torch.rand(1))


@pytest.mark.parametrize("bias", [False, True])
def test_nanogpt_checkpoints(bias: bool) -> None:
    config = GPTConfig(vocab_size=5, context_length=6, n_layer=2, n_head=2, n_embd=8, bias=bias)
    torch.manual_seed(3)
    gpt = GPT(config)
    named = {f"_orig_mod.{name}": tensor for name, tensor in gpt.state_dict().items()}
    for i in range(2):
        named[f"_orig_mod.transformer.h.{i}.attn.bias"] = torch.ones(1, 1, 6, 6).tril()
    if not bias:  # nanoGPT then has no bias in layer norms either
        named = {name: t for name, t in named.items() if not (".ln_" in name and name.endswith(".bias"))}
    model = from_nanogpt({"model": named, "model_args": {"n_head": 2}}, "abcde")
    assert model.config == config
    contexts = np.random.default_rng(0).integers(0, 5, (20, 6))
    with torch.no_grad():
        expected = gpt(torch.from_numpy(contexts)).log_softmax(-1).numpy()
    np.testing.assert_allclose(model.log_probs(contexts), expected, atol=1e-5)
    np.testing.assert_array_equal(from_nanogpt(named, "abcde", n_head=2).weights, model.weights)


def test_checkpoints_that_do_not_fit(notebook: Run) -> None:
    named = dict(notebook.model.named)
    with pytest.raises(InputError, match="n_head"):
        from_nanogpt(named, "01")
    with pytest.raises(InputError, match="state_dict"):
        from_nanogpt({"weights": 1}, "01", n_head=4)
    with pytest.raises(InputError, match=r"'transformer\.ln_f\.weight'"):
        from_nanogpt({k: v for k, v in named.items() if k != "transformer.ln_f.weight"}, "01", n_head=4)
    with pytest.raises(InputError, match="of shape"):
        from_nanogpt({**named, "transformer.ln_f.weight": np.ones(3, np.float32)}, "01", n_head=4)
    with pytest.raises(InputError, match="an unknown 'extra'"):
        from_nanogpt({**named, "extra": np.ones(3, np.float32)}, "01", n_head=4)


@pytest.mark.parametrize("bias", [False, True])
def test_hugging_face_tensors_compute_the_same_by_its_own_formula(bias: bool) -> None:
    """GPT-2 as its paper has it, on the exported tensors: linear layers stored (in, out), always with a bias."""
    config = GPTConfig(vocab_size=3, context_length=4, n_layer=2, n_head=2, n_embd=8, bias=bias)
    model = Model.init(config, "abc", seed=1)
    model.weights[:] *= 3
    arguments, t = to_hugging_face(model)
    F = torch.nn.functional
    tokens = torch.from_numpy(states.contexts(np.arange(81), 3, 4))
    x = t["transformer.wte.weight"][tokens] + t["transformer.wpe.weight"]

    def linear(name: str, x: torch.Tensor) -> torch.Tensor:
        return x @ t[f"{name}.weight"] + t[f"{name}.bias"]

    def norm(name: str, x: torch.Tensor) -> torch.Tensor:
        return F.layer_norm(x, (8,), t[f"{name}.weight"], t[f"{name}.bias"], arguments["layer_norm_epsilon"])

    for i in range(arguments["n_layer"]):
        h = f"transformer.h.{i}"
        q, k, v = (
            part.view(81, 4, 2, 4).transpose(1, 2)
            for part in linear(f"{h}.attn.c_attn", norm(f"{h}.ln_1", x)).split(8, -1)
        )
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + linear(f"{h}.attn.c_proj", y.transpose(1, 2).reshape(81, 4, 8))
        x = x + linear(f"{h}.mlp.c_proj", F.gelu(linear(f"{h}.mlp.c_fc", norm(f"{h}.ln_2", x))))
    logits = (norm("transformer.ln_f", x) @ t["lm_head.weight"].T)[:, -1]
    np.testing.assert_allclose(logits.log_softmax(-1).numpy(), model.chain().log_probs, atol=1e-5)


def test_hugging_face_itself(notebook: Run) -> None:
    transformers = pytest.importorskip("transformers")
    arguments, tensors = to_hugging_face(notebook.model)
    gpt2 = transformers.GPT2LMHeadModel(transformers.GPT2Config(**arguments)).eval()
    missing, unexpected = gpt2.load_state_dict(tensors, strict=False)
    assert unexpected == []
    assert all(name.endswith((".attn.bias", ".attn.masked_bias")) for name in missing)
    with torch.no_grad():
        logits = gpt2(torch.from_numpy(states.contexts(np.arange(8), 2, 3))).logits[:, -1]
    np.testing.assert_allclose(logits.softmax(-1).numpy(), notebook.chain.probs, atol=1e-5)
