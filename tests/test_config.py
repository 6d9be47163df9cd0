import pytest
from hypothesis import given

from finitegpt import FiniteGPTError, GPTConfig, InputError, TrainConfig
from finitegpt.engine import Engine
from strategies import configs


def test_the_notebooks_size() -> None:
    assert GPTConfig(vocab_size=2, context_length=3).n_params == 12_656


@given(config=configs())
def test_parameters_are_counted_as_the_engine_lays_them_out(engine: Engine, config: GPTConfig) -> None:
    assert len(engine.init(config, 0)) == config.n_params
    assert GPTConfig.from_dict(config.to_dict()) == config


@pytest.mark.parametrize(
    "change",
    [
        {"vocab_size": 1},
        {"vocab_size": 2.0},
        {"context_length": 0},
        {"n_layer": True},
        {"n_head": 3},
        {"n_embd": 0},
        {"n_layer": 10**9},
        {"context_length": 2**13, "n_embd": 2**13, "n_head": 1},
        {"bias": 1},
    ],
)
def test_bad_shapes(change: dict) -> None:
    with pytest.raises(FiniteGPTError, match=r"expected .*, got .*; try "):
        GPTConfig(**{"vocab_size": 2, "context_length": 3, **change})


@pytest.mark.parametrize(
    "change",
    [
        {"steps": -1},
        {"lr": 0},
        {"lr": float("nan")},
        {"lr": "fast"},
        {"weight_decay": -0.1},
        {"seed": 2**32},
        {"seed": -1},
        {"batch_size": 0},
        {"loss": "first"},
    ],
)
def test_bad_training(change: dict) -> None:
    with pytest.raises(InputError, match=r"expected .*, got .*; try "):
        TrainConfig(**change)


@pytest.mark.parametrize("values", [{}, {"steps": 1}, {**TrainConfig().to_dict(), "momentum": 1}, None, 3])
def test_other_fields_than_ours(values: object) -> None:
    with pytest.raises(InputError):
        TrainConfig.from_dict(values)
