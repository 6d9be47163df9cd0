"""What a checkpoint says of itself beside its tensors: compared with them, and with what can be computed here."""

from collections.abc import Collection, Mapping
from typing import Any, TypeVar

from finitegpt.arguments import shown, whole
from finitegpt.config import GPTConfig
from finitegpt.errors import InputError

Value = TypeVar("Value")


def asked(name: str, value: Value | None, project: str, instead: str) -> Value:
    """What a checkpoint does not tell and a caller has to; InputError where nobody does."""
    if value is None:
        raise InputError(f"expected {name}, which {project} does not tell, got none; try {instead}")
    return value


def heads(said: Mapping[str, Any], n_head: int | None, project: str) -> int:
    """The number of heads, which no tensor tells: from the settings, or the caller's."""
    found = said.get("n_head")
    if found is None:
        return whole("n_head", asked("n_head", n_head, project, "n_head=4"), 1, instead=4)
    found = whole("n_head", found, 1, instead=4)
    if n_head is not None and whole("n_head", n_head, 1, instead=4) != found:
        raise InputError(f"expected n_head {found} as the checkpoint says, got {n_head}; try without n_head")
    return found


def require_known(names: Collection[Any], known: Collection[str], where: str, instead: str) -> None:
    """InputError for a setting that nothing here would look at."""
    strange = sorted(shown(name) for name in names if name not in known)
    if strange:
        raise InputError(f"expected settings that are known in {where}, got {strange[0]}; try {instead}")


def require_equal(said: Mapping[str, Any], tensors: Mapping[str, Any], where: str) -> None:
    """InputError where settings say something else than the tensors do; what they do not mention is no matter."""
    for name, value in tensors.items():
        if name in said and not same(said[name], value):
            raise InputError(
                f"expected {name} {value} in {where}, as its tensors have it, got {shown(said[name])}; "
                "try settings and tensors of one model"
            )


def same(one: Any, other: Any) -> bool:
    """Equality of plain values; arrays and other things equal nothing."""
    return isinstance(one, bool | int | float | str | dict | None) and one == other


def sizes(config: GPTConfig) -> dict[str, int]:
    """A shape by nanoGPT's names."""
    return {
        "block_size": config.context_length,
        "vocab_size": config.vocab_size,
        "n_layer": config.n_layer,
        "n_head": config.n_head,
        "n_embd": config.n_embd,
    }


def require_options(config: GPTConfig, project: str, **options: Any) -> None:
    """InputError where a model has an option that a project's layout cannot express, naming it."""
    for name, wanted in options.items():
        allowed = wanted if isinstance(wanted, tuple) else (wanted,)
        got = getattr(config, name)
        if got not in allowed:
            only = " or ".join(repr(one) for one in allowed)
            raise InputError(
                f"expected {name} {only}, which is all that {project} has, got {got!r}; try another format"
            )
