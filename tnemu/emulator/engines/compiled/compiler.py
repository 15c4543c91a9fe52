"""numba as the engine needs it: able to compile, and heard when it does."""

from __future__ import annotations

from typing import Any

from numba import config
from numba.core import event

from tnemu.emulator import compiling
from tnemu.emulator.errors import EmulatorError


class _Listener(event.Listener):
    """numba compiles only what it does not find on disk."""

    def on_start(self, event: Any) -> None:
        compiling.begins()

    def on_end(self, event: Any) -> None:
        pass


event.register("numba:compile", _Listener())  # type: ignore[no-untyped-call]


def check_compiler() -> None:
    """Raises EmulatorError where numba was told not to compile."""
    if config.DISABLE_JIT:  # type: ignore[attr-defined]
        raise EmulatorError(compiling.NO_COMPILER)
