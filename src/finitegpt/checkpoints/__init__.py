"""Other people's GPTs, in and out, a file a project: their weights, and the settings that say what these compute.

- nanogpt, build_nanogpt; mingpt, and makemore, whose layout is the same; microgpt
- hugging_face: GPT-2 in `transformers`, with gpt2_config, which of its settings matter
- settings: what a checkpoint says of itself beside its tensors; layout: the names that all but microgpt share
- tensors: arrays of any library, checked one by one; files: checkpoints on disk, of which weights alone are loaded

A reader computes what the project computes, or refuses: a tensor or setting that it does not use, by its name; what a
checkpoint cannot tell, such as the number of heads, is asked for. All is computed in float32, to which weights of
another precision are rounded. Dropout does nothing when a model is not trained, and is no setting here.
"""

from finitegpt.checkpoints.build_nanogpt import from_build_nanogpt, to_build_nanogpt
from finitegpt.checkpoints.hugging_face import from_hugging_face, to_hugging_face
from finitegpt.checkpoints.microgpt import from_microgpt, to_microgpt
from finitegpt.checkpoints.mingpt import from_makemore, from_mingpt, to_makemore, to_mingpt
from finitegpt.checkpoints.nanogpt import from_nanogpt, to_nanogpt

__all__ = [
    "from_build_nanogpt",
    "from_hugging_face",
    "from_makemore",
    "from_microgpt",
    "from_mingpt",
    "from_nanogpt",
    "to_build_nanogpt",
    "to_hugging_face",
    "to_makemore",
    "to_microgpt",
    "to_mingpt",
    "to_nanogpt",
]
