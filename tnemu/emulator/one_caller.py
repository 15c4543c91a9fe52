"""One call at a time: the second caller is refused by name, whichever thread or signal it comes from."""

from __future__ import annotations

from collections.abc import Callable
from contextvars import Context
from functools import wraps
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar

from tnemu.emulator.errors import EmulatorError

P = ParamSpec("P")
T = TypeVar("T")


class OneCaller:
    """Lets one call in; refuses another one that comes before the first has ended.

    Built on a context of ``contextvars``, which can be entered once at a time: Python itself marks it
    entered and left, in one step each. A lock would stay locked for ever where an interrupt comes
    between its acquire and the ``try`` behind it, or within ``finally`` before its release; and one
    that waits would never end where a signal handler calls what it has just interrupted.
    """

    def __init__(self, owner: str) -> None:
        self._owner = owner
        self._context = Context()
        self._running = "another call"

    def call(self, name: str, work: Callable[[], T]) -> T:
        """work(), or an EmulatorError that names what is running."""
        entered = False

        def enter() -> T:
            nonlocal entered
            entered = True
            self._running = name
            return work()

        try:
            return self._context.run(enter)
        except RuntimeError:
            if entered:
                raise
            raise EmulatorError(
                f"{name} cannot begin: {self._running} of this {self._owner} has not ended, in another "
                f"thread or under a signal handler; give every thread its own {self._owner}"
            ) from None


class Owned(Protocol):
    """Whatever has a OneCaller."""

    _caller: OneCaller


S = TypeVar("S", bound=Owned)


def alone(method: Callable[Concatenate[S, P], T]) -> Callable[Concatenate[S, P], T]:
    """A method that runs alone among all methods so marked of its object."""

    @wraps(method)
    def guarded(self: S, *arguments: P.args, **named: P.kwargs) -> T:
        def work() -> T:
            return method(self, *arguments, **named)

        return self._caller.call(method.__name__, work)

    result: Any = guarded
    return result
