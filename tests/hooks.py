"""Inside PyTorch's module, by hooks: what the engine's inspection and switches are compared with."""

from typing import NamedTuple

import numpy as np
import torch

from finitegpt.torch import GPT

torch.set_num_threads(1)


class Inside(NamedTuple):
    """As the fields of `finitegpt.inspection.Inspection`, of many contexts, and what each MLP adds."""

    heads: np.ndarray
    residual: np.ndarray
    mlps: np.ndarray
    log_probs: np.ndarray


Instead = dict[tuple[int, int | None], np.ndarray | float]
"""(layer, head), or (layer, None) for the MLP -> what stands in its place, at each position (k, size) or everywhere."""


def inside(module: GPT, contexts: np.ndarray, instead: Instead | None = None) -> Inside:
    """Of contexts (n, k), in the precision of the module, with something in the place of some parts."""
    heads, stream, mlps, hooks = {}, {}, {}, []
    size = module.config.n_embd // module.config.n_head
    k = contexts.shape[1]

    def given(layer: int, head: int | None, values: torch.Tensor) -> None:
        what = (instead or {}).get((layer, head))
        if what is not None:
            columns = slice(None) if head is None else slice(head * size, (head + 1) * size)
            values[..., columns] = torch.as_tensor(np.broadcast_to(what, (k, values[..., columns].shape[-1])).copy())

    def read(layer: int):
        def hook(_, arguments):
            values = arguments[0].clone()
            for head in range(module.config.n_head):
                given(layer, head, values)
            heads[layer] = values
            return (values,)

        return hook

    def added(layer: int):
        def hook(_, arguments, result):
            values = result.clone()
            given(layer, None, values)
            mlps[layer] = values
            return values

        return hook

    def keep(depth: int):
        return lambda _, arguments: stream.__setitem__(depth, arguments[0].clone())

    for layer, block in enumerate(module.transformer["h"]):  # type: ignore[arg-type]
        hooks.append(block.register_forward_pre_hook(keep(2 * layer)))
        hooks.append(block.ln_2.register_forward_pre_hook(keep(2 * layer + 1)))
        hooks.append(block.attn.c_proj.register_forward_pre_hook(read(layer)))
        hooks.append(block.mlp.register_forward_hook(added(layer)))
    hooks.append(module.transformer["ln_f"].register_forward_pre_hook(keep(2 * module.config.n_layer)))
    try:
        with torch.no_grad():
            rows = module(torch.from_numpy(np.asarray(contexts, np.int64)), every_position=True)[:, -1].log_softmax(-1)
    finally:
        for hook in hooks:
            hook.remove()
    layers = range(module.config.n_layer)
    return Inside(
        np.stack([heads[layer].numpy() for layer in layers], 1),
        np.stack([stream[depth].numpy() for depth in sorted(stream)], 1),
        np.stack([mlps[layer].numpy() for layer in layers], 1),
        rows.numpy(),
    )
