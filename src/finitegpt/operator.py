"""What an analysis needs of a chain: a step forward, a step backward, and where the arrows go.

Whatever gives these can be analysed as a chain is: a `Chain`, a chain times an automaton, a chain on disk.
"""

from collections.abc import Callable
from functools import wraps
from typing import Any, Protocol, TypeVar

from numpy.typing import ArrayLike

from finitegpt.arguments import shown
from finitegpt.errors import InputError
from finitegpt.graph import Floats, Graph, Ids

Function = TypeVar("Function", bound=Callable[..., Any])


class Operator(Protocol):
    """A Markov chain on states 0 .. n_states - 1, never as a matrix."""

    @property
    def n_states(self) -> int:
        """How many states there are."""
        ...

    @property
    def width(self) -> int:
        """The most arrows that a state has: how many terms `pull` adds up."""
        ...

    @property
    def rounding(self) -> float:
        """The relative error of each probability, as `push`, `pull` and `graph` use it."""
        ...

    @property
    def is_complete(self) -> bool:
        """Whether all states are known to be one class without a look at the graph."""
        ...

    @property
    def graph(self) -> Graph:
        """All arrows; TooLargeError where they do not fit in memory."""
        ...

    def push(self, distribution: ArrayLike, out: Floats | None = None) -> Floats:
        """A distribution (n_states,) one step later."""
        ...

    def pull(self, function: ArrayLike, out: Floats | None = None) -> Floats:
        """The expectation (n_states,) of a function of the next state."""
        ...

    def overlap(self, members: Ids | None = None) -> tuple[int, float]:
        """k and a lower bound of the probability that two copies, started anywhere, can be made to meet in k steps.

        With `members`, the ids of a recurrent class, copies that start in it. A bound of 0 says nothing.
        """
        ...


def of_operator(function: Function) -> Function:
    """A function whose first argument is an operator, with InputError for anything else."""
    return with_first(function, lambda value: hasattr(value, "n_states") and hasattr(value, "pull"))


def with_first(function: Function, is_one: Callable[[Any], bool]) -> Function:
    """A function with InputError where its first argument is not what it is to be: a chain of some kind."""

    name = function.__code__.co_varnames[0]

    @wraps(function)
    def checked(*arguments: Any, **named: Any) -> Any:
        first = arguments[0] if arguments else named.get(name)
        if not is_one(first):
            raise InputError(f"expected a chain, got {shown(first)}; try the chain of a run")
        return function(*arguments, **named)

    return checked  # type: ignore[return-value]
