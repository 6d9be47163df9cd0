"""The settings of transformers' `GPT2Config`: which say what is computed, and which do not."""

from collections.abc import Mapping
from typing import Any

from finitegpt.arguments import shown
from finitegpt.checkpoints.settings import asked, heads, require_equal, require_known, same, sizes
from finitegpt.config import GPTConfig
from finitegpt.errors import InputError

_ACTIVATIONS = {
    **dict.fromkeys(("gelu", "gelu_python"), "gelu"),
    **dict.fromkeys(("gelu_new", "gelu_pytorch_tanh", "gelu_python_tanh", "gelu_fast", "gelu_accurate"), "gelu_tanh"),
    "relu": "relu",
}
"""What transformers calls ours: all of one row are the same function."""
WRITTEN = {"gelu": "gelu", "gelu_tanh": "gelu_new", "relu": "relu"}

_ONLY: dict[str, tuple[Any, ...]] = {
    "model_type": ("gpt2",),
    "layer_norm_epsilon": (1e-5,),
    "scale_attn_weights": (True,),
    "scale_attn_by_inverse_layer_idx": (False,),
    "add_cross_attention": (False,),
    "is_encoder_decoder": (False,),
    "pruned_heads": ({}, None),
}
"""With another value the model would be another function than ours."""

_SIZES = {
    "vocab_size": "vocab_size",
    "n_positions": "block_size",
    "max_position_embeddings": "block_size",
    "n_embd": "n_embd",
    "hidden_size": "n_embd",
    "n_layer": "n_layer",
    "num_hidden_layers": "n_layer",
    "n_head": "n_head",
    "num_attention_heads": "n_head",
}
"""By either of its names, and by nanoGPT's."""

_WITHOUT_EFFECT = (
    # dropout and initial weights, which matter in training
    "resid_pdrop embd_pdrop attn_pdrop initializer_range gradient_checkpointing",
    # precision, in which ours is float32, and how the same is computed
    "reorder_and_upcast_attn dtype torch_dtype use_bfloat16 use_cache torchscript _attn_implementation",
    "_attn_implementation_internal _attn_implementation_autoset chunk_size_feed_forward tf_legacy_loss",
    # heads that a language model has not
    "summary_type summary_use_proj summary_activation summary_proj_to_labels summary_first_dropout id2label label2id",
    "num_labels problem_type finetuning_task task_specific_params",
    # what is returned, and where it is from
    "return_dict output_hidden_states output_attentions _name_or_path _commit_hash architectures transformers_version",
    "n_ctx is_decoder cross_attention_hidden_size tie_encoder_decoder tokenizer_class prefix",
    # how texts are generated: decoding is a step of its own here
    "bos_token_id eos_token_id pad_token_id sep_token_id decoder_start_token_id max_length min_length do_sample",
    "early_stopping num_beams num_beam_groups diversity_penalty temperature top_k top_p typical_p repetition_penalty",
    "length_penalty no_repeat_ngram_size encoder_no_repeat_ngram_size bad_words_ids num_return_sequences output_scores",
    "return_dict_in_generate forced_bos_token_id forced_eos_token_id remove_invalid_values suppress_tokens",
    "exponential_decay_length_penalty begin_suppress_tokens",
)
_KNOWN = {*_ONLY, *_SIZES, "n_inner", "activation_function", "tie_word_embeddings", *" ".join(_WITHOUT_EFFECT).split()}


def settings_of(config: Any) -> dict[str, Any]:
    """A GPT2Config, or what config.json holds, as a dictionary; InputError names a setting that is not ours."""
    is_object = callable(getattr(config, "to_dict", None)) and not isinstance(config, type)
    found = config.to_dict() if is_object else config
    if not isinstance(found, Mapping):
        raise InputError(f"expected a GPT2Config, got {shown(config)}; try model.config")
    require_known(found, _KNOWN, "a GPT2Config", "a config without it if it changes nothing, else chain_of")
    for name, allowed in _ONLY.items():
        if name in found and not any(same(found[name], one) for one in allowed):
            raise InputError(
                f"expected {name} {allowed[0]!r}, which is all we have, got {shown(found[name])}; try chain_of"
            )
    return dict(found)


def n_head(settings: Mapping[str, Any]) -> int:
    """The number of heads, by either of its names."""
    return heads({"n_head": settings.get("n_head", settings.get("num_attention_heads"))}, None, "the config")


def activation(settings: Mapping[str, Any]) -> str:
    """The activation, by our name."""
    found = asked(
        "activation_function", settings.get("activation_function"), "the config", "'gelu_new', which is GPT-2's"
    )
    if not isinstance(found, str) or found not in _ACTIVATIONS:
        raise InputError(
            f"expected an activation_function of {', '.join(_ACTIVATIONS)}, got {shown(found)}; try chain_of"
        )
    return _ACTIVATIONS[found]


def tied(settings: Mapping[str, Any]) -> bool:
    """Whether the head is the embedding, as it is where nothing is said."""
    found = settings.get("tie_word_embeddings", True)
    if not isinstance(found, bool):
        raise InputError(f"expected tie_word_embeddings to be true or false, got {shown(found)}; try True")
    return found


def require_shape(settings: Mapping[str, Any], config: GPTConfig) -> None:
    """InputError where the settings say another shape than the tensors have."""
    found = sizes(config)
    require_equal(settings, {theirs: found[ours] for theirs, ours in _SIZES.items()}, "the config")
    if settings.get("n_inner") is not None:
        require_equal(settings, {"n_inner": 4 * config.n_embd}, "the config")
