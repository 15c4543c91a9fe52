"""Kinds of neurons: what a neuron does, by name, with the parameters of the chip that make it so.

A kind is made of a few numbers and says how many neurons when it is indexed::

    Threshold(at=3)                  a kind
    Threshold(at=3)[8]               eight such neurons, or [8, 8]
    Threshold(at=3)[8](+x, -y)       driven by x with weight 1 and by y with weight -1

Every parameter of the chip can be given by keyword and replaces what the kind would have chosen:
``Threshold(at=3, TM=4)`` has noise. Parameters may be arrays, one value for each neuron.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from corelets.language.errors import CoreletError, caller
from corelets.language.group import Template
from tnemu.errors import did_you_mean, shown
from tnemu.hardware.exact import exact
from tnemu.hardware.neuron import FIELDS, NEURON_DTYPE, neuron, reset_potential

Ints = npt.NDArray[np.int64]

_SYNAPSE = ("s", "b")
_NUMBERS = tuple(name for name in FIELDS if name not in _SYNAPSE)


class Kind:
    """Base of all kinds: the chip's parameters by name, each a number or an array.

    ``scale`` multiplies the weights of sources. ``plain`` kinds take sources of weight 1 only.
    Raises CoreletError for parameters that there are not, or that are out of range.
    """

    scale: int = 1
    plain: ClassVar[bool] = False

    def __init__(
        self, shown_as: Mapping[str, Any], chip: Mapping[str, Any], given: Mapping[str, Any]
    ):
        self._shown = {**shown_as, **given}
        for name in given:
            if name in _SYNAPSE:
                raise CoreletError(
                    f"{self.at()}: {name} of the chip's synapses follows from what drives the "
                    "neurons: write weights there, as in (+x, -2 * y), and x.chance(p) for stochastic "
                    "ones; core() takes records with s and b as they are"
                )
            if name not in _NUMBERS:
                known = ", ".join(_NUMBERS)
                hint = did_you_mean(name, [*_NUMBERS, *shown_as]) or f"the chip has {known}"
                raise CoreletError(f"{self.at()}: no parameter {name!r}; {hint}")
        self.chip: dict[str, Ints] = {
            name: self.whole(name, value, FIELDS[name].low, FIELDS[name].high)
            for name, value in {**chip, **given}.items()
        }
        if "sigma_VR" in given and (self.chip["sigma_VR"] == 0).any():
            raise CoreletError(f"{self.at()}: sigma_VR = 0 is not a sign; use -1 or +1")

    def __class_getitem__(cls, count: Any) -> Any:
        raise CoreletError(
            f"{cls.at()}: {cls.__name__} is a class; say which neurons and then how many, as in "
            f"{cls.__name__}(...)[{shown(count)}]"
        )

    def __getitem__(self, shape: Any) -> Template:
        """So many of these neurons, a number or a tuple of sizes; call it with what drives them."""
        return Template(self, shape)

    def __call__(self, *sources: Any) -> Any:
        """Refused: it must be said how many first."""
        raise CoreletError(
            f"at {caller()}: {self!r} is a kind of neuron; say how many, as in {self!r}[8](+x)"
        )

    @classmethod
    def at(cls) -> str:
        """What an error calls it."""
        return f"{cls.__name__} at {caller()}"

    @classmethod
    def whole(cls, name: str, value: Any, low: int, high: int, then: str = "") -> Ints:
        """``value`` as an array of whole numbers in ``low..high``, or a CoreletError."""
        return exact(
            value,
            np.int64,
            f"{cls.at()}: {name}",
            CoreletError,
            low=low,
            high=high,
            then=then or "choose a value in that range",
        )

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}({', '.join(f'{k}={shown(v)}' for k, v in self._shown.items())})"
        )

    def records(self, shape: tuple[int, ...], what: str) -> npt.NDArray[np.void]:
        """A record for each neuron, without weights."""
        count = int(np.prod(shape))
        records = np.full(count, _BLANK, NEURON_DTYPE)
        for name, values in self.chip.items():
            if values.shape not in ((), (1,), shape):
                raise CoreletError(
                    f"{what}: {name} has shape {values.shape}, the neurons have {shape}; give one "
                    "value, or one for each neuron"
                )
            records[name] = np.broadcast_to(values, shape).ravel()
        return records

    def complete(self, group: Any) -> None:
        """Wire what neurons of this kind have besides themselves; most have nothing."""

    def record(self, s: npt.ArrayLike = (1,)) -> np.void:
        """One record of this kind with the weights ``s`` of the axon types, for ``core()``."""
        record = self.records((1,), repr(self))[0].copy()
        record["s"] = neuron(s=np.asarray(s) * self.scale)["s"]
        return record


_BLANK = neuron(beta=0, kappa=1)


def highest_left(records: npt.NDArray[np.void], plus: Ints) -> npt.NDArray[np.float64]:
    """The highest potential that a neuron can be left with, inf where there is no bound.

    ``plus``: the most that its sources can add in a tick.
    """
    alpha = records["alpha"].astype(np.float64)
    noise = (1 << records["TM"].astype(np.int64)) - 1
    reset = reset_potential(records).astype(np.float64)
    below = alpha + noise - 1  # it did not fire
    rise = plus + _leak_up(records)
    fired = np.where(records["gamma"] == 0, reset, np.where(rise <= alpha, below, np.inf))
    fired = np.where(records["gamma"] == 2, np.inf, fired)
    bounced = np.where((records["kappa"] == 0) & (records["gamma"] == 0), -reset, -np.inf)
    return np.maximum.reduce([below, fired, bounced, records["V0"].astype(np.float64)])


def never_fires(records: npt.NDArray[np.void], plus: Ints) -> npt.NDArray[np.bool_]:
    """True where no input, however long, makes the potential reach the threshold.

    A potential that cannot rise stays at most at what it begins with or is reset to.
    """
    reset = reset_potential(records).astype(np.int64)
    top = np.maximum(records["V0"].astype(np.int64), 0)
    top = np.maximum(top, -records["beta"].astype(np.int64))
    bounce = (records["kappa"] == 0) & (records["gamma"] == 0)
    top = np.maximum(top, np.where(bounce, -reset, top))
    rise = plus + _leak_up(records)
    return np.asarray((rise <= 0) & (top + rise < records["alpha"]))


def _leak_up(records: npt.NDArray[np.void]) -> Ints:
    """What the leak adds to a potential above 0."""
    leak = records["leak"].astype(np.int64)
    return np.where(records["c"] != 0, np.sign(leak), leak)
