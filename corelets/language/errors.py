"""What goes wrong while corelets are wired, told with the file and line of the user's code."""

from __future__ import annotations

import sys
from dataclasses import dataclass

from tnemu.errors import TnemuError


class CoreletError(TnemuError, ValueError):
    """A corelet, its pins or its cores are asked for something that no board can be loaded with."""


@dataclass(frozen=True)
class Location:
    """A line of the user's code: prints as ``file:line``."""

    file: str
    line: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


def caller() -> Location:
    """The innermost line on the stack that is not in this package."""
    frame = sys._getframe(1)
    while frame.f_back is not None and _ours(frame.f_globals.get("__name__", "")):
        frame = frame.f_back
    return Location(frame.f_code.co_filename, frame.f_lineno)


def _ours(module: str) -> bool:
    return module == "corelets" or module.startswith("corelets.")


class CoreletWarning(UserWarning):
    """A corelet can be built and most likely does not mean what it says."""


class UnusedCorelet(CoreletWarning):
    """A corelet was built but is neither a part of another nor turned into a network."""


class UnaskedMerge(CoreletWarning):
    """Several sources drive one pin, and nobody wrote that they merge."""


class RepeatedConnection(CoreletWarning):
    """A pin drives another one twice, with the same time."""


class UndrivenPins(CoreletWarning):
    """Some pins of an input of a part are driven by nothing."""


class UnwiredNeurons(CoreletWarning):
    """Neurons lead nowhere, or a merge does."""


class SilentNeurons(CoreletWarning):
    """Neurons can never fire."""


class WeightlessSource(CoreletWarning):
    """A source or axon has weight 0 at every neuron that it reaches."""


class SharedNoise(CoreletWarning):
    """Two cores draw the same noise."""
