"""The engine against PyTorch: the same weights for the same seed, the same gradients, the same training."""

import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import finitegpt
from finitegpt import GPTConfig, Model, TrainConfig, states, weights
from finitegpt.engine import Engine, Optimizer, Windows
from finitegpt.torch import GPT, from_model
from strategies import SEEDS, Case, cases, configs, long_cases

torch.set_num_threads(1)


def drawn(config: GPTConfig, seed: int) -> GPT:
    torch.manual_seed(seed)
    return GPT(config)


def module(config: GPTConfig, flat: np.ndarray, dtype: torch.dtype = torch.float32) -> GPT:
    vocab = tuple(map(str, range(config.vocab_size)))
    return from_model(Model(config=config, vocab=vocab, weights=flat)).to(dtype)


def flat(gpt: GPT) -> np.ndarray:
    return np.concatenate([p.detach().float().numpy().reshape(-1) for p in gpt.parameters()])


def loss_of(gpt: GPT, windows: Windows) -> torch.Tensor:
    """The mean over all tokens that are predicted."""
    tokens = torch.from_numpy(windows.tokens.astype(np.int64))
    if windows.lengths is None and windows.weights is None and windows.mask is None:
        L = gpt.config.context_length
        X = torch.stack([tokens[start : start + L] for start in windows.starts.tolist()])
        Y = torch.stack([tokens[start + 1 : start + 1 + L] for start in windows.starts.tolist()])
        logits = gpt(X, every_position=True)  # (B, L, V)
        if not windows.every_position:
            logits, Y = logits[:, -1], Y[:, -1]
        return torch.nn.functional.cross_entropy(logits.reshape(-1, gpt.config.vocab_size), Y.reshape(-1))
    lengths = windows.lengths if windows.lengths is not None else np.full(windows.batch, gpt.config.context_length)
    weights = windows.weights if windows.weights is not None else np.ones(windows.batch)
    dtype = next(gpt.parameters()).dtype
    mask = torch.ones(len(tokens), dtype=dtype)
    if windows.mask is not None:
        mask = torch.from_numpy(windows.mask).to(dtype)
    losses, counts = [], []
    for start, length, weight in zip(windows.starts.tolist(), lengths.tolist(), weights.tolist(), strict=True):
        logits = gpt(tokens[None, start : start + length], every_position=True)[0]  # (length, V)
        each = torch.nn.functional.cross_entropy(logits, tokens[start + 1 : start + 1 + length], reduction="none")
        count = weight * mask[start + 1 : start + 1 + length]
        first = 0 if windows.every_position else length - 1
        losses.append((count * each)[first:].sum())
        counts.append(count[first:].sum())
    return sum(losses) / sum(counts)


def optimiser(gpt: GPT) -> torch.optim.AdamW:
    return torch.optim.AdamW(gpt.parameters(), lr=1e-3, weight_decay=0.1)


def train(gpt: GPT, windows: Windows, steps: int) -> list[float]:
    adamw, losses = optimiser(gpt), []
    for _ in range(steps):
        loss = loss_of(gpt, windows)
        adamw.zero_grad()
        loss.backward()
        adamw.step()
        losses.append(loss.item())
    return losses


def chain(gpt: GPT) -> np.ndarray:
    V, L = gpt.config.vocab_size, gpt.config.context_length
    return log_probs(gpt, states.contexts(np.arange(V**L), V, L))


def log_probs(gpt: GPT, contexts: np.ndarray) -> np.ndarray:
    with torch.no_grad():
        return gpt(torch.from_numpy(contexts)).log_softmax(-1).numpy()


needs_avx2 = pytest.mark.skipif(
    "AVX" not in torch.backends.cpu.get_cpu_capability(),
    reason="PyTorch draws with other roundings on processors without AVX2",
)


@needs_avx2
@given(config=configs(least_width=1), seed=SEEDS)
def test_initial_weights_are_pytorchs_bit_for_bit(engine: Engine, config: GPTConfig, seed: int) -> None:
    np.testing.assert_array_equal(engine.init(config, seed), flat(drawn(config, seed)))


@needs_avx2
@pytest.mark.parametrize("shape", [(2, 1, 1, 1, 1), (3, 2, 1, 5, 5), (65, 24, 2, 3, 48), (2, 7, 1, 1, 2)])
@pytest.mark.parametrize("bias", [False, True])
def test_initial_weights_with_small_and_odd_tensors(
    engine: Engine, shape: tuple[int, int, int, int, int], bias: bool
) -> None:
    names = ("vocab_size", "context_length", "n_layer", "n_head", "n_embd")
    config = GPTConfig(**dict(zip(names, shape, strict=True)), bias=bias)
    np.testing.assert_array_equal(engine.init(config, 7), flat(drawn(config, 7)))


@given(seed=SEEDS, skip=st.integers(0, 1500), high=st.integers(1, 10**6))
def test_mini_batches_are_those_of_torch_randint(engine: Engine, seed: int, skip: int, high: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    expected = torch.randint(high, (skip + 20,), generator=generator)[skip:]
    state = engine.generator(seed)
    engine.randint(state, skip, 7)
    np.testing.assert_array_equal(engine.randint(state, 20, high), expected.numpy())


@given(
    config=configs(most_states=4096),
    seed=SEEDS,
    scale=st.floats(1, 10),
    share=st.tuples(st.floats(0, 1), st.floats(0, 1)),
)
@settings(max_examples=200)
def test_every_next_token_distribution(
    engine: Engine, config: GPTConfig, seed: int, scale: float, share: tuple[float, float]
) -> None:
    """Ranges that begin and end anywhere, of models that are far from their initial state."""
    flat_weights = engine.init(config, seed) * np.float32(scale)
    n = config.vocab_size**config.context_length
    first = int(min(share) * (n - 1))
    last = max(first + 1, int(max(share) * n))
    rows = engine.evaluate(config, flat_weights, first, last - first)
    contexts = states.contexts(np.arange(first, last), config.vocab_size, config.context_length)
    single, double = (
        log_probs(module(config, flat_weights, dtype), contexts) for dtype in (torch.float32, torch.float64)
    )
    # A layer norm of two or three features can have next to no variance: there PyTorch's own error is the measure.
    np.testing.assert_allclose(rows, double, atol=1e-5 + 10 * float(np.abs(single - double).max()))


@given(seed=SEEDS, V=st.integers(8, 60), length=st.integers(1, 9), count=st.integers(1, 300))
def test_contexts_with_nothing_in_common(engine: Engine, seed: int, V: int, length: int, count: int) -> None:
    """Ancestors that lie anywhere, and blocks of mixed depth."""
    config = GPTConfig(vocab_size=V, context_length=9, n_layer=2, n_head=2, n_embd=6)
    flat_weights = engine.init(config, seed) * np.float32(2)
    contexts = np.random.default_rng(seed).integers(0, V, (count, length))
    expected = log_probs(module(config, flat_weights, torch.float64), contexts)
    rows = engine.predict(config, flat_weights, contexts.astype(np.int32))
    np.testing.assert_allclose(rows, expected, atol=1e-5)


@given(case=long_cases())
@settings(max_examples=60)
def test_every_gradient_of_long_windows(engine: Engine, case: Case) -> None:
    require_gradient(engine, case)


@given(case=cases())
@settings(max_examples=200)
def test_every_gradient(engine: Engine, case: Case) -> None:
    require_gradient(engine, case)


def require_gradient(engine: Engine, case: Case) -> None:
    """The loss and its gradient are those of PyTorch in double precision, but for rounding."""
    initial = engine.init(case.config, case.seed)
    loss, gradient = engine.gradient(case.config, case.windows, initial)
    assert engine.loss(case.config, case.windows, initial) == pytest.approx(loss, rel=1e-6)
    single, double = (module(case.config, initial, dtype) for dtype in (torch.float32, torch.float64))
    for gpt in (single, double):
        loss_of(gpt, case.windows).backward()
    assert loss == pytest.approx(loss_of(double, case.windows).item(), rel=1e-6)
    mine = weights.views(case.config, gradient)
    for (name, exact), theirs in zip(double.named_parameters(), single.parameters(), strict=True):
        assert exact.grad is not None
        assert theirs.grad is not None
        error = np.linalg.norm(mine[name] - exact.grad.numpy())
        # Where terms cancel, no float32 code gets 1e-5 of what remains: PyTorch's own error is the measure.
        room = 10 * float((theirs.grad - exact.grad).norm()) + 6e-8
        assert error <= 1e-5 * float(exact.grad.norm()) + room, name


@given(case=cases())
@settings(max_examples=200)
def test_chain_after_fifty_steps(case: Case) -> None:
    engine = Engine()
    initial = engine.init(case.config, case.seed)
    single, double = (module(case.config, initial, dtype) for dtype in (torch.float32, torch.float64))
    for gpt in (single, double):
        train(gpt, case.windows, 50)
    # AdamW turns rounding errors of tiny gradients into whole steps: about one config in eight is chaotic, and there
    # PyTorch in single precision is itself up to .9 away from PyTorch in double.
    assume(np.abs(np.exp(chain(single)) - np.exp(chain(double))).max() < 3e-5)
    mine, moments = initial.copy(), np.zeros((2, case.config.n_params), np.float32)
    engine.train(
        case.config,
        case.windows,
        rates=np.full(50, 1e-3),
        optimizer=Optimizer(),
        first=0,
        weights=mine,
        moments=moments,
    )
    n = case.config.vocab_size**case.config.context_length
    probs = np.exp(engine.evaluate(case.config, mine, 0, n))
    assert np.abs(probs - np.exp(chain(single))).max() < 1e-3


@given(case=cases(most_states=64), done=st.integers(0, 12))
def test_each_step_from_pytorchs_own_state(engine: Engine, case: Case, done: int) -> None:
    """Also where a whole training is chaotic, one step from the same weights and moments is not."""
    gpt = module(case.config, engine.init(case.config, case.seed))
    adamw = optimiser(gpt)
    for _ in range(done + 1):
        before = flat(gpt)
        moments = np.zeros((2, case.config.n_params), np.float32)
        if adamw.state:
            for row, key in enumerate(("exp_avg", "exp_avg_sq")):
                moments[row] = np.concatenate([adamw.state[p][key].numpy().reshape(-1) for p in gpt.parameters()])
        adamw.zero_grad()
        loss = loss_of(gpt, case.windows)
        loss.backward()
        adamw.step()
    losses = engine.train(
        case.config,
        case.windows,
        rates=np.full(1, 1e-3),
        optimizer=Optimizer(),
        first=done,
        weights=before,
        moments=moments,
    )
    assert losses[0] == pytest.approx(loss.item(), rel=2e-6)
    for row, key in enumerate(("exp_avg", "exp_avg_sq")):
        expected = np.concatenate([adamw.state[p][key].numpy().reshape(-1) for p in gpt.parameters()])
        np.testing.assert_allclose(moments[row], expected, atol=1e-5 * np.abs(expected).max(), rtol=1e-4)
    n = case.config.vocab_size**case.config.context_length
    mine = engine.evaluate(case.config, before, 0, n)
    assert np.abs(np.exp(mine) - np.exp(chain(gpt))).max() < 1e-4


def test_the_notebook_in_pytorch_and_in_the_engine(notebook) -> None:
    gpt = drawn(notebook.model.config, 1337)
    data = notebook.data
    losses = train(gpt, Windows(data.tokens, np.arange(data.n_windows)), 50)
    np.testing.assert_allclose(notebook.losses, losses, atol=1e-5)
    np.testing.assert_allclose(notebook.chain.probs, np.exp(chain(gpt)), atol=1e-4)


def groups(gpt: GPT, decay: float, matrices: bool) -> list[dict]:
    """Parameter groups as nanoGPT makes them: what has two axes decays, the rest does not."""
    if not matrices:
        return [{"params": list(gpt.parameters()), "weight_decay": decay}]
    large = [p for p in gpt.parameters() if p.dim() >= 2]
    small = [p for p in gpt.parameters() if p.dim() < 2]
    return [{"params": large, "weight_decay": decay}, {"params": small, "weight_decay": 0.0}]


def moments_of(gpt: GPT, adamw: torch.optim.AdamW) -> np.ndarray:
    kept = [
        np.concatenate([adamw.state[p][key].numpy().reshape(-1) for p in gpt.parameters()])
        for key in ("exp_avg", "exp_avg_sq")
    ]
    return np.stack(kept)


@given(
    case=cases(most_states=64),
    done=st.integers(0, 6),
    betas=st.tuples(st.floats(0, 0.99), st.floats(0.5, 0.999)),
    decay=st.floats(0, 20),
    matrices=st.booleans(),
    clip=st.one_of(st.none(), st.floats(1e-3, 2)),
    schedule=st.sampled_from([("linear", 0, 0.0), ("cosine", 3, 1e-4), ("constant", 9, 0.0)]),
)
@settings(max_examples=60)
def test_each_step_of_every_kind_from_pytorchs_own_state(
    case: Case, done: int, betas: tuple, decay: float, matrices: bool, clip: float | None, schedule: tuple
) -> None:
    config = TrainConfig(
        steps=8,
        weight_decay=decay,
        betas=betas,
        decay_matrices=matrices,
        clip=clip,
        decay=schedule[0],
        warmup=schedule[1],
        min_lr=schedule[2],
    )
    engine = Engine()
    gpt = module(case.config, engine.init(case.config, case.seed))
    adamw = torch.optim.AdamW(groups(gpt, decay, matrices), lr=1e-3, betas=betas)
    before, moments, loss, norm = flat(gpt), np.zeros((2, case.config.n_params), np.float32), torch.zeros(()), 0.0
    for rate in config.rates(0, done + 1):
        before = flat(gpt)
        if adamw.state:
            moments = moments_of(gpt, adamw)
        loss = loss_of(gpt, case.windows)
        adamw.zero_grad()
        loss.backward()
        norm = float(torch.nn.utils.clip_grad_norm_(gpt.parameters(), clip or float("inf")))
        for group in adamw.param_groups:
            group["lr"] = rate
        adamw.step()
    assume(norm > 1e-6)  # below, what is scaled is rounding
    mine = before.copy()
    losses = engine.train(
        case.config,
        case.windows,
        rates=config.rates(done, 1),
        optimizer=Optimizer(config.weight_decay, config.betas, config.clip, config.decay_matrices),
        first=done,
        weights=mine,
        moments=moments,
    )
    assert losses[0] == pytest.approx(loss.item(), rel=2e-6)
    for got, expected in zip(moments, moments_of(gpt, adamw), strict=True):
        np.testing.assert_allclose(got, expected, atol=1e-5 * np.abs(expected).max() + 1e-12, rtol=1e-3)
    # A tiny gradient may be stepped along either way by its rounding; where it is not tiny, steps are the same.
    clear = moments[1] > 1e-9 * max(1e-3, float(moments[1].max()))
    np.testing.assert_allclose(mine[clear], flat(gpt)[clear], atol=2e-5, rtol=1e-5)


def nanogpt_rate(it: int, lr: float, warmup: int, steps: int, low: float) -> float:
    """As nanoGPT computes it."""
    if it < warmup:
        return lr * (it + 1) / (warmup + 1)
    if it > steps:
        return low
    ratio = (it - warmup) / (steps - warmup)
    return low + 0.5 * (1.0 + np.cos(np.pi * ratio)) * (lr - low)


@given(
    steps=st.integers(1, 50),
    share=st.floats(0, 0.9),
    lr=st.floats(1e-5, 1),
    low=st.floats(0, 1),
    first=st.integers(0, 9),
)
def test_rates_are_nanogpts_and_microgpts(steps: int, share: float, lr: float, low: float, first: int) -> None:
    warmup, count = int(share * steps), steps + 3
    cosine = TrainConfig(steps=steps, lr=lr, warmup=warmup, decay="cosine", min_lr=low * lr)
    expected = [nanogpt_rate(it, lr, warmup, steps, low * lr) for it in range(first, first + count)]
    np.testing.assert_allclose(cosine.rates(first, count), expected, rtol=1e-12, atol=1e-15)
    linear = TrainConfig(steps=steps, lr=lr, decay="linear").rates(0, steps)
    np.testing.assert_allclose(linear, [lr * (1 - it / steps) for it in range(steps)], rtol=1e-12)
    constant = TrainConfig(steps=steps, lr=lr, warmup=warmup).rates(0, count)
    np.testing.assert_allclose(constant[warmup:], lr)


@needs_avx2
@pytest.mark.parametrize("loss", ["last", "all"])
def test_a_seeded_script_sees_the_same_batches(loss: str) -> None:
    """What people write: one seed, the model, and then its batches, from the one global generator."""
    text = "to be or not to be, that is the question: whether 'tis nobler in the mind to suffer" * 4
    data = finitegpt.Data.from_text(text, context_length=8)
    config = GPTConfig(vocab_size=len(data.vocab), context_length=8, n_layer=2, n_embd=32)
    tokens = torch.from_numpy(data.tokens.astype(np.int64))
    torch.manual_seed(1337)
    gpt = GPT(config)
    adamw, losses = torch.optim.AdamW(groups(gpt, 0.1, True), lr=1e-3, betas=(0.9, 0.95)), []
    for step in range(20):
        ix = torch.randint(len(tokens) - 8, (12,))
        X = torch.stack([tokens[i : i + 8] for i in ix.tolist()])
        Y = torch.stack([tokens[i + 1 : i + 9] for i in ix.tolist()])
        logits = gpt(X, every_position=True)
        if loss == "last":
            logits, Y = logits[:, -1:], Y[:, -1:]
        value = torch.nn.functional.cross_entropy(logits.reshape(-1, config.vocab_size), Y.reshape(-1))
        for group in adamw.param_groups:
            group["lr"] = nanogpt_rate(step, 1e-3, 5, 20, 1e-4)
        adamw.zero_grad()
        value.backward()
        torch.nn.utils.clip_grad_norm_(gpt.parameters(), 1.0)
        adamw.step()
        losses.append(value.item())
    how = {"batch_size": 12, "loss": loss, "steps": 20, "betas": (0.9, 0.95), "decay_matrices": True, "clip": 1.0}
    how |= {"warmup": 5, "decay": "cosine", "min_lr": 1e-4}
    run = finitegpt.train(data, config, TrainConfig(**how))
    np.testing.assert_allclose(run.losses, losses, atol=1e-4)
    other = finitegpt.train(data, config, TrainConfig(**how, batch_seed=1337))
    assert np.abs(other.losses - run.losses).max() > 1e-2
