"""The PyTorch module and the engine's model, one from the other."""

import numpy as np
import pytest
import torch
from hypothesis import given

from finitegpt import GPTConfig, InputError, Model, Run, checkpoints
from finitegpt.torch import from_model, from_nanogpt, to_hugging_face, to_model
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


def test_weights_that_are_no_numbers_and_heads_untied_by_hand_are_refused(notebook: Run) -> None:
    module = from_model(notebook.model)
    module.lm_head = torch.nn.Linear(16, 2, bias=False)
    with pytest.raises(InputError, match="output layer to be the token embedding"):
        to_model(module, "01")
    module = from_model(notebook.model)
    torch.nn.init.constant_(module.transformer["wpe"].weight, torch.nan)
    with pytest.raises(InputError, match=r"finite weights in 'transformer\.wpe\.weight'"):
        to_model(module, "01")
    with pytest.raises(InputError, match="expected module as GPT"):
        to_model(notebook.model, "01")  # type: ignore[arg-type]


def test_two_conversions_of_checkpoints_are_here_too(notebook: Run) -> None:
    assert (from_nanogpt, to_hugging_face) == (checkpoints.from_nanogpt, checkpoints.to_hugging_face)
    named = from_model(notebook.model).state_dict()
    again = from_nanogpt(named, "01", n_head=4, activation="gelu")
    np.testing.assert_array_equal(again.weights, notebook.model.weights)
