"""The compiled engine: arrays in, arrays out. `engine/engine.h` says what each kernel does.

Every call checks the shapes it is given, lets go of the interpreter lock while it computes, and has no state of its
own; calls may run in as many threads as wanted.
"""

import ctypes
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from finitegpt import library, states
from finitegpt.config import ACTIVATIONS, GPTConfig
from finitegpt.errors import InputError
from finitegpt.limits import require_memory

Float32 = NDArray[np.float32]
Float64 = NDArray[np.float64]
Floats = NDArray[np.float32 | np.float64]


@dataclass(frozen=True, slots=True)
class Windows:
    """Which windows of `tokens` (n,) each training step sees, and how much each counts.

    The loss is the mean over all tokens that are predicted, each of which counts by its mask times its window's weight.
    """

    tokens: NDArray[np.int32]
    starts: NDArray[np.int64]
    """Where windows begin: (batch,) for the same windows in every step, (steps, batch) for others in each."""
    lengths: NDArray[np.int32] | None = None
    """How long each is, from 1 to L, in the shape of `starts`; None for L each."""
    weights: Float32 | None = None
    """Weight of each window in the loss (batch,); None for 1 each."""
    mask: Float32 | None = None
    """How much each token counts where it is to be predicted (n,); None for 1 each."""
    every_position: bool = False
    """Whether the loss is that of every position of a window, or of its last one."""

    @property
    def batch(self) -> int:
        """Windows a step."""
        return self.starts.shape[-1]


@dataclass(frozen=True, slots=True)
class Switches:
    """What of each layer is left on, or put in its place."""

    scale: Float32
    """Factors (n_layer, n_head + 1) of the heads and, last, of the MLP of each layer."""
    shift: Float32 | None = None
    """What is then added (n_layer, 2, L, C) to what the heads read, and to what the MLP adds, at each position."""


@dataclass(frozen=True, slots=True)
class Optimizer:
    """AdamW (Loshchilov and Hutter 2019)."""

    weight_decay: float = 0.1
    betas: tuple[float, float] = (0.9, 0.999)
    clip: float | None = None
    """The largest norm of the gradient, to which larger ones are scaled down; None for any."""
    matrices: bool = False
    """Whether matrices alone decay."""


class Engine:
    """One build of the engine, by name or as the path of a library; by default the fastest that this processor runs.

    >>> Engine().init(GPTConfig(vocab_size=2, context_length=3), seed=1337).shape
    (12656,)
    """

    def __init__(self, build: str | Path | None = None) -> None:
        self.build = build or library.builds()[0]
        self._library = library.load(self.build)

    def init(self, config: GPTConfig, seed: int) -> Float32:
        """The weights (n_params,) that PyTorch draws on a CPU for this model after `torch.manual_seed(seed)`."""
        return self.begin(config, seed)[0]

    def begin(self, config: GPTConfig, seed: int) -> tuple[Float32, NDArray[np.uint32]]:
        """These weights, and the state (625,) in which drawing them leaves PyTorch's generator, for `randint`."""
        require_memory(16 * config.n_params, "the weights, their gradient and AdamW's moments", "a smaller model")
        if not 0 <= seed < 2**32:
            raise InputError(f"expected a seed from 0 to 2**32 - 1, got {seed}; try 1337")
        weights = np.empty(config.n_params, np.float32)
        generator = np.empty(625, np.uint32)
        self._library.fg_init(_config(config), seed, weights, generator)
        return weights, generator

    def generator(self, seed: int) -> NDArray[np.uint32]:
        """The state (625,) of PyTorch's CPU generator after `torch.manual_seed(seed)`, for `randint`."""
        state = np.empty(625, np.uint32)
        self._library.fg_seed(seed, state)
        return state

    def randint(self, generator: NDArray[np.uint32], count: int, high: int) -> NDArray[np.int64]:
        """The next `count` integers (count,) below `high`, as `torch.randint` draws them; moves the generator on."""
        _check("generator", generator, (625,), np.uint32, written=True)
        if not 0 < high < 2**32:
            raise InputError(f"expected a bound from 1 to 2**32 - 1, got {high}; try a shorter sequence")
        require_memory(8 * count, "the numbers of all windows", "fewer of them")
        out = np.empty(count, np.int64)
        self._library.fg_randint(generator, count, high, out)
        return out

    def gradient(self, config: GPTConfig, windows: Windows, weights: Float32) -> tuple[float, Float32]:
        """The loss in nats over one step's windows, and its gradient (n_params,)."""
        _check_windows(config, windows, 1)
        _check("weights", weights, (config.n_params,))
        parts, space = self.parts(config, windows.batch), self.workspace(config, windows.batch)
        gradients = np.empty((parts, config.n_params), np.float32)
        loss = sum(self.part(config, windows, 0, k, weights, gradients[k], space) for k in range(parts))
        return loss, gradients.sum(0)

    def parts(self, config: GPTConfig, batch: int) -> int:
        """Into how many parts the windows of a step are cut, whose gradients may be computed at the same time."""
        return self._library.fg_parts(_config(config), batch)

    def part(
        self,
        config: GPTConfig,
        windows: Windows,
        row: int,
        part: int,
        weights: Float32,
        gradient: Float32,
        workspace: NDArray[np.uint8],
    ) -> float:
        """What one part of a row of windows, which are not checked, adds to the loss; its `gradient` (n_params,)."""
        return self._library.fg_gradient(_config(config), _windows(windows), row, part, weights, gradient, workspace)

    def square(self, config: GPTConfig, gradients: Float32, first: int, count: int) -> float:
        """The sum of squares of `count` numbers from `first` on of the sum of gradients (parts, n_params)."""
        return self._library.fg_square(_config(config), len(gradients), gradients, first, count)

    def update(
        self,
        config: GPTConfig,
        optimizer: Optimizer,
        rate: float,
        step: int,
        scale: float,
        gradients: Float32,
        first: int,
        count: int,
        *,
        weights: Float32,
        moments: Float32,
    ) -> None:
        """AdamW's step number `step` from 0 on, for `count` numbers from `first` on, by gradients (parts, n_params).

        The gradient is their sum times `scale`. Updates `weights` (n_params,) and `moments` (2, n_params).
        """
        self._library.fg_update(
            _config(config),
            _optimizer(optimizer, np.empty(0)),
            rate,
            step,
            scale,
            len(gradients),
            gradients,
            first,
            count,
            weights,
            moments[0],
            moments[1],
        )

    def require_windows(self, config: GPTConfig, windows: Windows, steps: int) -> None:
        """InputError unless these are windows of this model, for as many steps."""
        _check_windows(config, windows, steps)

    def loss(self, config: GPTConfig, windows: Windows, weights: Float32) -> float:
        """The loss in nats over one step's windows."""
        _check_windows(config, windows, 1)
        _check("weights", weights, (config.n_params,))
        return self._library.fg_loss(_config(config), _windows(windows), weights, self.workspace(config, windows.batch))

    def train(
        self,
        config: GPTConfig,
        windows: Windows,
        *,
        rates: Float64,
        optimizer: Optimizer,
        first: int,
        weights: Float32,
        moments: Float32,
        chains: Float32 | None = None,
        workspace: NDArray[np.uint8] | None = None,
    ) -> NDArray[np.float64]:
        """Takes a step of each of the learning `rates` (steps,), the first being step number `first` from 0 on.

        Returns the loss before each, in nats (steps,).
        Updates `weights` (n_params,) and `moments` (2, n_params) in place, and writes the chain after each step to
        `chains` (steps, V**L, V) if given.
        """
        steps = len(rates)
        _check_windows(config, windows, steps)
        _check("rates", rates, (steps,), np.float64)
        _check("moments", moments, (2, config.n_params), written=True)
        _check("weights", weights, (config.n_params,), written=True)
        if chains is not None:
            V = config.vocab_size
            _check("chains", chains, (steps, states.n_states(V, config.context_length), V), written=True)
        losses = np.empty(steps)
        self._library.fg_train(
            _config(config),
            _windows(windows),
            _optimizer(optimizer, rates),
            first,
            steps,
            weights,
            moments[0],
            moments[1],
            losses,
            chains,
            self.workspace(config, windows.batch) if workspace is None else workspace,
        )
        return losses

    def evaluate(
        self,
        config: GPTConfig,
        weights: Float32,
        first: int,
        count: int,
        *,
        length: int | None = None,
        switches: Switches | None = None,
        out: Float32 | None = None,
    ) -> Float32:
        """Next-token log-probabilities in nats (count, V) of the contexts with ids `first` .. `first + count - 1`.

        `length` is their length, by default the context length. `out` receives the result if given.
        """
        length = config.context_length if length is None else length
        self._check_model(config, weights, length, switches)
        total = states.n_states(config.vocab_size, length)
        _check_range(first, count, min(total, states.LARGEST_ID), "states")
        if out is None:
            require_memory(4 * count * config.vocab_size, "the chain", "a smaller range of states")
            out = np.empty((count, config.vocab_size), np.float32)
        _check("out", out, (count, config.vocab_size), written=True)
        self._library.fg_evaluate(
            _config(config),
            weights,
            _switches(switches),
            length,
            first,
            count,
            out,
            self.workspace(config, 1),
        )
        return out

    def predict(
        self, config: GPTConfig, weights: Float32, contexts: NDArray[np.int32], *, switches: Switches | None = None
    ) -> Float32:
        """Next-token log-probabilities in nats (n, V) of any contexts (n, length) of tokens."""
        contexts = np.ascontiguousarray(contexts, np.int32)
        count, length = contexts.shape
        self._check_model(config, weights, length, switches)
        _check_tokens(config, contexts)
        out = np.empty((count, config.vocab_size), np.float32)
        self._library.fg_predict(
            _config(config),
            weights,
            _switches(switches),
            length,
            contexts,
            count,
            out,
            self.workspace(config, 1),
        )
        return out

    def inspect(
        self, config: GPTConfig, weights: Float32, contexts: NDArray[np.int32], *, switches: Switches | None = None
    ) -> tuple[Float32, Float32, Float32, Float32]:
        """Inside the model for contexts (n, k): four arrays.

        Attention (n, n_layer, n_head, k, k); what the heads read (n, n_layer, k, C), before it is projected; the
        residual stream (n, 2 n_layer + 1, k, C) after the embedding and after every attention and every MLP; and
        logits (n, V).
        """
        contexts = np.ascontiguousarray(contexts, np.int32)
        count, length = contexts.shape
        self._check_model(config, weights, length, switches)
        _check_tokens(config, contexts)
        layers, C = config.n_layer, config.n_embd
        shapes = [
            (count, layers, config.n_head, length, length),
            (count, layers, length, C),
            (count, 2 * layers + 1, length, C),
            (count, config.vocab_size),
        ]
        require_memory(4 * sum(math.prod(shape) for shape in shapes), "the inside of the model", "fewer contexts")
        attention, heads, residual, logits = (np.empty(shape, np.float32) for shape in shapes)
        self._library.fg_inspect(
            _config(config),
            weights,
            _switches(switches),
            length,
            contexts,
            count,
            attention,
            heads,
            residual,
            logits,
            self.workspace(config, 1),
        )
        return attention, heads, residual, logits

    def push(
        self, log_probs: Floats, distribution: Float64, first: int, count: int, out: Float64 | None = None
    ) -> Float64:
        """A distribution (V**L,) one step later, at the successors (count, V) of `count` suffixes from `first` on.

        A suffix is what two states that share their successors have in common: all but the oldest token.
        `log_probs` (V**L, V) may be float32 or float64.
        """
        n, V = log_probs.shape
        _check("distribution", distribution, (n,), np.float64)
        _check_range(first, count, n // V, "suffixes")
        out = np.empty((count, V)) if out is None else out
        _check("out", out, (count, V), np.float64, written=True)
        self._library.fg_push(_chain(log_probs), distribution, first, count, out)
        return out

    def pull(self, log_probs: Floats, function: Float64, first: int, count: int, out: Float64 | None = None) -> Float64:
        """The expectation (count,) of a function (V**L,) of the next state, for `count` states from `first` on."""
        n, _ = log_probs.shape
        _check("function", function, (n,), np.float64)
        _check_range(first, count, n, "states")
        out = np.empty(count) if out is None else out
        _check("out", out, (count,), np.float64, written=True)
        self._library.fg_pull(_chain(log_probs), function, first, count, out)
        return out

    def entropy(self, log_probs: Floats, first: int, count: int, out: Float64 | None = None) -> Float64:
        """Entropy in nats (count,) of `count` rows of log-probabilities (n, V) from `first` on."""
        _check_range(first, count, len(log_probs), "rows")
        out = np.empty(count) if out is None else out
        _check("out", out, (count,), np.float64, written=True)
        self._library.fg_entropy(_chain(log_probs), first, count, out)
        return out

    def deviation(self, log_probs: Floats, first: int, count: int) -> float:
        """How far from one probabilities of a row (n, V) sum, at most; infinite where they are NaN or far above one."""
        _check_range(first, count, len(log_probs), "rows")
        return self._library.fg_check(_chain(log_probs), first, count)

    def rounding(self, log_probs: Floats) -> float:
        """The largest relative error of a probability that a kernel computes of a row (n, V); see `Chain.rounding`."""
        return self._library.fg_rounding(_chain(log_probs))

    def overlap(self, log_probs: Floats, members: NDArray[np.uint8] | None = None) -> float:
        """How probable it is at least that copies of a chain (n, V), or of one that stays in `members` (n,), meet."""
        n, V = log_probs.shape
        if members is not None:
            _check("members", members, (n,), np.uint8)
        require_memory(16 * n, "the bound by coupling", "a shorter context")
        return self._library.fg_overlap(_chain(log_probs), members, np.empty(2 * n + V))

    def arrows(self, log_probs: Floats) -> tuple[NDArray[np.int64], NDArray[np.int32], Float64]:
        """Of a chain (n, V), where the arrows of each state begin (n + 1,), where each goes, and its probability."""
        n, V = log_probs.shape
        require_memory(12 * n * V + 8 * n, "the arrows of a chain", "a shorter context")
        first, to, probs = np.empty(n + 1, np.int64), np.empty(n * V, np.int32), np.empty(n * V)
        many = self._library.fg_arrows(_chain(log_probs), first, to, probs, np.empty(V))
        return first, to[:many], probs[:many]

    def mixing(
        self, log_probs: Floats, law: Float64, error: float, rounding: float, epsilon: float, most: float = 1e9
    ) -> tuple[float, float]:
        """Between what the mixing time of a chain (n, V) of at most 64 states lies, by its law (n,) within `error`.

        `rounding` is by how much its probabilities may differ from what is meant, `most` how many products are made.
        """
        n = len(log_probs)
        _check("law", law, (n,), np.float64)
        size, out = self._library.fg_mixing_space(n), np.empty(3)
        require_memory(size, "the powers of a chain", "a shorter context")
        space = np.empty(size, np.uint8)
        self._library.fg_mixing(_chain(log_probs), law, error, rounding, epsilon, most, out, space)
        return float(out[1]), float(out[2])

    def change(self, before: Float64, after: Float64) -> float:
        """The largest |after - before| / before of two distributions (n,)."""
        _check("before", before, before.shape[:1], np.float64)
        _check("after", after, before.shape, np.float64)
        return self._library.fg_change(len(before), before, after)

    def workspace(self, config: GPTConfig, batch: int) -> NDArray[np.uint8]:
        """Scratch memory for any one call on windows of at most `batch` a step."""
        size = self._library.fg_workspace(_config(config), batch)
        require_memory(size, "the engine's workspace", "a smaller model or batch")
        return np.empty(size, np.uint8)

    def _check_model(self, config: GPTConfig, weights: Float32, length: int, switches: Switches | None) -> None:
        _check("weights", weights, (config.n_params,))
        if not 1 <= length <= config.context_length:
            raise InputError(f"expected contexts of 1 to {config.context_length} tokens, got {length}; try another")
        if switches is not None:
            _check("switches", switches.scale, (config.n_layer, config.n_head + 1))
            if switches.shift is not None:
                _check("shift", switches.shift, (config.n_layer, 2, config.context_length, config.n_embd))


def _config(config: GPTConfig) -> Any:
    return ctypes.byref(
        library.Config(
            config.vocab_size,
            config.context_length,
            config.n_layer,
            config.n_head,
            config.n_embd,
            config.bias,
            config.tied,
            ACTIVATIONS.index(config.activation),
            0 if config.norm == "layernorm" else 1 if config.norm_weight else 2,
            config.embedding_norm,
            config.final_norm,
        )
    )


def _switches(switches: Switches | None) -> Any:
    if switches is None:
        return None
    shift = None if switches.shift is None else switches.shift.ctypes.data
    return ctypes.byref(library.Switches(switches.scale.ctypes.data, shift))


def _optimizer(optimizer: Optimizer, rates: Float64) -> Any:
    return ctypes.byref(
        library.Optimizer(
            rates.ctypes.data,
            *optimizer.betas,
            optimizer.weight_decay,
            optimizer.clip or 0,
            optimizer.matrices,
        )
    )


def _chain(log_probs: Floats) -> Any:
    n, V = log_probs.shape
    if n % V or log_probs.dtype not in (np.float32, np.float64) or not log_probs.flags.c_contiguous:
        raise InputError(
            f"expected contiguous float32 or float64 log-probabilities (V**L, V), got {log_probs.dtype} of shape "
            f"{log_probs.shape}; try numpy.ascontiguousarray"
        )
    return ctypes.byref(library.Chain(V, n // V, log_probs.ctypes.data, log_probs.dtype == np.float64))


def _windows(windows: Windows) -> Any:
    return ctypes.byref(
        library.Windows(
            windows.tokens.ctypes.data,
            _place(windows.mask),
            windows.starts.ctypes.data,
            _place(windows.lengths),
            _place(windows.weights),
            windows.batch,
            windows.starts.ndim == 2,
            windows.every_position,
        )
    )


def _place(array: NDArray[Any] | None) -> int | None:
    return None if array is None else array.ctypes.data


def _check(
    name: str, array: NDArray[Any], shape: tuple[int, ...], dtype: type = np.float32, *, written: bool = False
) -> None:
    if written and not array.flags.writeable:
        raise InputError(f"expected {name} that can be written to, got a read-only array; try a copy")
    if array.shape != shape or array.dtype != dtype or not array.flags.c_contiguous:
        raise InputError(
            f"expected {name} to be a contiguous {np.dtype(dtype).name} array of shape {shape}, got {array.dtype} of "
            f"shape {array.shape}; try numpy.ascontiguousarray"
        )


def _check_range(first: int, count: int, total: int, what: str) -> None:
    if not (first >= 0 and count >= 0 and first + count <= total):
        raise InputError(f"expected {what} within 0 to {total - 1}, got {first} to {first + count - 1}; try fewer")


def _check_tokens(config: GPTConfig, tokens: NDArray[np.int32]) -> None:
    if tokens.size and not 0 <= int(tokens.min()) <= int(tokens.max()) < config.vocab_size:
        raise InputError(
            f"expected tokens from 0 to {config.vocab_size - 1}, got {tokens.min()} to {tokens.max()}; try others"
        )


def _check_windows(config: GPTConfig, windows: Windows, steps: int) -> None:
    _check("tokens", windows.tokens, windows.tokens.shape[:1], np.int32)
    shape = (windows.batch,) if windows.starts.ndim == 1 else (steps, windows.batch)
    _check("starts", windows.starts, shape, np.int64)
    if windows.weights is not None:
        _check("weights of windows", windows.weights, (windows.batch,))
    if windows.mask is not None:
        _check("mask", windows.mask, windows.tokens.shape)
    _check_tokens(config, windows.tokens)
    L = config.context_length
    if windows.lengths is not None:
        _check("lengths", windows.lengths, shape, np.int32)
        if windows.lengths.size and not 1 <= windows.lengths.min() <= windows.lengths.max() <= L:
            raise InputError(f"expected windows of 1 to {L} tokens, got others; try a longer context")
    ends = windows.starts + (L if windows.lengths is None else windows.lengths)
    if windows.starts.size == 0 or windows.starts.min() < 0 or ends.max() >= len(windows.tokens):
        last = len(windows.tokens) - L - 1
        raise InputError(f"expected windows that begin at 0 to {last}, got others or none; try a longer sequence")
