"""engine.wasm, which the page runs: the same numbers as the native engine."""

from pathlib import Path

import numpy as np
import pytest
import wasmtime

import finitegpt
from finitegpt import GPTConfig, Run
from finitegpt.config import ACTIVATIONS
from finitegpt.engine import Engine


class Wasm:
    """The kernels by name; arrays are copied in and out of a region behind the module's own memory."""

    def __init__(self) -> None:
        store = wasmtime.Store()
        module = wasmtime.Module.from_file(store.engine, str(Path(finitegpt.__file__).parent / "_engine/engine.wasm"))
        assert module.imports == []
        self.store, self.exports = store, wasmtime.Instance(store, module, []).exports(store)
        self.end = self.exports["memory"].size(store) * 65536

    def call(self, name: str, *arguments: int | float) -> int | float:
        return self.exports[name](self.store, *arguments)

    def room(self, size: int) -> int:
        memory = self.exports["memory"]
        place, self.end = self.end, self.end + (size + 63) // 64 * 64
        missing = self.end - memory.size(self.store) * 65536
        if missing > 0:
            memory.grow(self.store, -(-missing // 65536))
        return place

    def put(self, array: np.ndarray) -> int:
        place = self.room(array.nbytes)
        self.exports["memory"].write(self.store, array.tobytes(), place)
        return place

    def get(self, place: int, n: int, dtype: type) -> np.ndarray:
        size = n * np.dtype(dtype).itemsize
        return np.frombuffer(self.exports["memory"].read(self.store, place, place + size), dtype)


def wasm_config(wasm: Wasm, config: GPTConfig) -> int:
    fields = ("vocab_size", "context_length", "n_layer", "n_head", "n_embd", "bias", "tied")
    kinds = [ACTIVATIONS.index(config.activation), 0 if config.norm == "layernorm" else 2 - config.norm_weight]
    values = [getattr(config, name) for name in fields] + kinds + [config.embedding_norm, config.final_norm]
    return wasm.put(np.array(values, np.int32))


def test_the_notebook_in_webassembly(notebook: Run) -> None:
    wasm, config, data = Wasm(), notebook.model.config, notebook.data
    c, n = wasm_config(wasm, config), config.n_params
    assert wasm.call("fg_n_params", c) == n
    weights, moments = wasm.room(4 * n), wasm.put(np.zeros(2 * n, np.float32))
    workspace = wasm.room(int(wasm.call("fg_workspace", c, data.n_windows)))
    wasm.call("fg_init", c, 1337, weights, wasm.room(4 * 625))
    np.testing.assert_array_equal(wasm.get(weights, n, np.float32), Engine().init(config, 1337))
    tokens, starts = wasm.put(data.tokens), wasm.put(np.arange(data.n_windows))
    # struct fg_windows, with pointers of 32 bits: five of them, padding, batch, fresh, every_position
    windows = wasm.put(np.array([tokens, 0, starts, 0, 0, 0, data.n_windows, 0, 0, 0], np.int32))
    rates = wasm.put(np.full(50, 1e-3))  # struct fg_optimizer: a pointer, padding, four doubles, a flag
    numbers = np.array([0.9, 0.999, 0.1, 0]).view(np.int32)
    optimizer = wasm.put(np.array([rates, 0, *numbers, 0, 0], np.int32))
    losses, out = wasm.room(8 * 50), wasm.room(4 * 16)
    wasm.call("fg_train", c, windows, optimizer, 0, 50, weights, moments, moments + 4 * n, losses, 0, workspace)
    np.testing.assert_allclose(wasm.get(losses, 50, np.float64), notebook.losses, atol=1e-5)
    wasm.call("fg_evaluate", c, weights, 0, 3, 0, 8, out, workspace)
    np.testing.assert_allclose(np.exp(wasm.get(out, 16, np.float32)).reshape(8, 2), notebook.chain.probs, atol=1e-5)


@pytest.mark.parametrize("shape", [(3, 5, 2, 2, 6, True), (7, 2, 1, 1, 5, False)])
def test_every_state_in_webassembly(shape: tuple[int, int, int, int, int, bool]) -> None:
    names = ("vocab_size", "context_length", "n_layer", "n_head", "n_embd", "bias")
    config = GPTConfig(**dict(zip(names, shape, strict=True)))  # type: ignore[arg-type]
    wasm, n = Wasm(), config.vocab_size**config.context_length
    c, weights = wasm_config(wasm, config), 3 * Engine().init(config, 5)
    place, out = wasm.put(weights), wasm.room(4 * n * config.vocab_size)
    workspace = wasm.room(int(wasm.call("fg_workspace", c, 1)))
    wasm.call("fg_evaluate", c, place, 0, config.context_length, 0, n, out, workspace)
    rows = wasm.get(out, n * config.vocab_size, np.float32).reshape(n, -1)
    np.testing.assert_allclose(rows, Engine().evaluate(config, weights, 0, n), atol=1e-5)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("V", [2, 3, 20])
def test_chains_in_webassembly(dtype: type, V: int) -> None:
    wasm, engine, n = Wasm(), Engine(), V * V
    rng = np.random.default_rng(V)
    log_probs, pi = np.log(rng.dirichlet(np.ones(V), n)).astype(dtype), rng.dirichlet(np.ones(n))
    sizes, rows = np.array([V, n // V], np.int64), wasm.put(log_probs)
    wide = int(dtype == np.float64)
    chain = wasm.put(np.concatenate([sizes.view(np.int32), np.array([rows, wide], np.int32)]))  # struct fg_chain
    place, out = wasm.put(pi), wasm.room(8 * n)
    wasm.call("fg_push", chain, place, 0, V, out)
    np.testing.assert_allclose(wasm.get(out, n, np.float64), engine.push(log_probs, pi, 0, V).reshape(-1), rtol=1e-14)
    wasm.call("fg_pull", chain, place, 0, n, out)
    np.testing.assert_allclose(wasm.get(out, n, np.float64), engine.pull(log_probs, pi, 0, n), rtol=1e-14)
    wasm.call("fg_entropy", chain, 0, n, out)
    np.testing.assert_allclose(wasm.get(out, n, np.float64), engine.entropy(log_probs, 0, n), rtol=1e-14)
    assert wasm.call("fg_check", chain, 0, n) == pytest.approx(engine.deviation(log_probs, 0, n), abs=1e-15)
