"""Training many seeds in JAX, for where it is installed: one compiled function of all steps, mapped over seeds."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np

from finitegpt import Model
from finitegpt.data import NOTEBOOK_SEQUENCE

Params = dict[str, jax.Array]


def seeds_by_jax(models: list[Model], steps: int = 50) -> Callable[[], object]:
    """A function that trains all models, already compiled."""
    config = models[0].config
    tokens = np.array([int(sign) for sign in NOTEBOOK_SEQUENCE])
    X = np.stack([tokens[i : i + 3] for i in range(len(tokens) - 3)])
    Y = tokens[3:]
    params = {name: jnp.stack([model.named[name] for model in models]) for name in models[0].named}
    mask = np.tril(np.ones((3, 3), bool))

    def norm(p: Params, name: str, x: jax.Array) -> jax.Array:
        centred = x - x.mean(-1, keepdims=True)
        scale = jax.lax.rsqrt((centred**2).mean(-1, keepdims=True) + 1e-5)
        return centred * scale * p[f"{name}.weight"] + p[f"{name}.bias"]

    def loss(p: Params) -> jax.Array:
        wte = p["transformer.wte.weight"]
        x = wte[X] + p["transformer.wpe.weight"]  # (B, T, C)
        B, T, C = x.shape
        for i in range(config.n_layer):
            h = f"transformer.h.{i}"
            qkv = norm(p, f"{h}.ln_1", x) @ p[f"{h}.attn.c_attn.weight"].T
            q, k, v = jnp.moveaxis(qkv.reshape(B, T, 3, config.n_head, -1), 2, 0).transpose(0, 1, 3, 2, 4)
            scores = jnp.where(mask, q @ k.swapaxes(-1, -2) / np.sqrt(C // config.n_head), -jnp.inf)
            y = (jax.nn.softmax(scores) @ v).transpose(0, 2, 1, 3).reshape(B, T, C)
            x = x + y @ p[f"{h}.attn.c_proj.weight"].T
            wide = jax.nn.gelu(norm(p, f"{h}.ln_2", x) @ p[f"{h}.mlp.c_fc.weight"].T, approximate=False)
            x = x + wide @ p[f"{h}.mlp.c_proj.weight"].T
        logits = norm(p, "transformer.ln_f", x[:, -1]) @ wte.T
        return -jnp.take_along_axis(jax.nn.log_softmax(logits), Y[:, None], 1).mean()

    def train(p: Params) -> tuple[Params, jax.Array]:
        zero = {name: jnp.zeros_like(value) for name, value in p.items()}

        def step(state: tuple[Params, Params, Params], t: jax.Array) -> tuple[tuple[Params, Params, Params], jax.Array]:
            p, m, v = state
            value, g = jax.value_and_grad(loss)(p)
            m = {name: 0.9 * m[name] + 0.1 * g[name] for name in p}
            v = {name: 0.999 * v[name] + 0.001 * g[name] ** 2 for name in p}
            rate = 1e-3 / (1 - 0.9**t)
            p = {
                name: (1 - 1e-4) * p[name] - rate * m[name] / (jnp.sqrt(v[name] / (1 - 0.999**t)) + 1e-8) for name in p
            }
            return (p, m, v), value

        (p, _, _), losses = jax.lax.scan(step, (p, zero, zero), jnp.arange(1.0, steps + 1))
        return p, losses

    compiled = jax.jit(jax.vmap(train)).lower(params).compile()
    return lambda: jax.block_until_ready(compiled(params))
