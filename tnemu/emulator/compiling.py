"""Whether the engine has to be compiled, for those who wait for it; imports no compiler.

Compiled code is kept on disk, so an installation compiles once. Who shows something to a person
registers with :func:`on_compile`; an engine that compiles calls :func:`begins`.
"""

from __future__ import annotations

from collections.abc import Callable

NOTICE = "compiling the engine, once for this installation: about 30 s"
"""For a person who waits. Measured on a 2-core virtual machine: 23 s of processor time."""

NO_COMPILER = (
    "NUMBA_DISABLE_JIT is set, which turns the compiler off that the engine 'compiled' consists of; unset "
    "it, or use the engine 'reference', which compiles nothing and is slow"
)
"""What is wrong, and what to do, where numba is told not to compile."""

_listeners: list[Callable[[], object]] = []


def on_compile(tell: Callable[[], object]) -> None:
    """``tell()`` is called when compilation begins in this process, once."""
    _listeners.append(tell)


def begins() -> None:
    """Tell everybody who registered, and forget them."""
    while _listeners:
        _listeners.pop()()
