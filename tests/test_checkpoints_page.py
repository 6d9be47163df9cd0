"""The page for those who have a GPT: its code runs as it stands, and it names every conversion."""

import re
from pathlib import Path

import numpy as np
import torch
from transformers import GPT2Config, GPT2LMHeadModel

from finitegpt import Chain, checkpoints
from projects import GPT, PROJECTS, Shape, microgpt_weights

PAGE = (Path(__file__).parents[1] / "docs" / "checkpoints.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
SHAPE, NAMES = Shape(3, 2, 2, 2, 8), Shape(3, 3, 1, 2, 8)


def test_the_python_on_the_page_runs(here: Path) -> None:
    for project, shape, name in (
        ("nanogpt", SHAPE, "out-shakespeare-char/ckpt.pt"),
        ("build-nanogpt", SHAPE, "log/weights.pt"),
        ("makemore", NAMES, "out/model.pt"),
        ("mingpt", SHAPE, "chargpt/model.pt"),
    ):
        tensors = GPT(shape, PROJECTS[project]).state_dict()
        Path(name).parent.mkdir()
        torch.save({"model": tensors, "model_args": shape._asdict()} if project == "nanogpt" else tensors, name)
    shape = {"vocab_size": 2, "n_positions": 3, "n_embd": 8, "n_layer": 1, "n_head": 2}
    GPT2LMHeadModel(GPT2Config(**shape, bos_token_id=None, eos_token_id=None)).save_pretrained("my-gpt2")
    names = {"state_dict": microgpt_weights(NAMES), "log_probs": lambda contexts: np.zeros((len(contexts), 2))}
    for block in BLOCKS:
        names.pop("chain", None)
        exec(block, names)
        assert isinstance(names["chain"], Chain)
    assert len(BLOCKS) == 6


def test_every_conversion_is_on_the_page() -> None:
    assert set(re.findall(r"\b(?:from|to)_\w+(?=`|\()", PAGE)) >= set(checkpoints.__all__)
    assert set(re.findall(r"^from finitegpt\.checkpoints import (.*)$", PAGE, re.MULTILINE)) == {
        *("from_nanogpt", "from_build_nanogpt", "from_makemore, from_mingpt", "from_hugging_face", "from_microgpt"),
    }
