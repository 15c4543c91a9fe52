"""Weights on quantising neurons: which neuron gives how many spikes for which axon.

A neuron that is charged with n <= T spikes at once emits them one a tick in the next T ticks, so the
charges of all its axons together must not pass T. It goes to one axon of the next stage, so all its
weights have one sign::

    none   every weight has ceil(|w| / T) neurons of its own
    1.1    a weight fills what is left in neurons of its sign, in their order, then takes new ones
    1.2    the same, weights nearest to a central one first

A core has four axon types, and a neuron one weight for each: of two axons of one type a neuron can
take two charges only if they are equal. With ``types`` the packing keeps that rule; without, it is
the packing of the papers, and 1.1 and 1.2 reach the least number, ceil(sum of |w| / T) of each sign.

Source: Pedroni et al., IEEE TNNLS 2016, section IV (the strategies; how a weight that needs several
neurons is shared is not said there: this reading splits it at any place).
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from corelets.language.errors import CoreletError
from tnemu.errors import one_of, shown, whole
from tnemu.hardware.exact import exact
from tnemu.hardware.neuron import AXON_TYPES

STRATEGIES = ("none", "1.1", "1.2")
MOST_WINDOW = 255
"""Spikes of the longest accumulation: a synapse's weight has 8 bits."""
MOST_WEIGHT = (1 << 19) - 1


@dataclass(frozen=True)
class Packing:
    """A strategy's ``name``; ``central`` is the magnitude that 1.2 begins with (None: the mean).

    :meth:`of` reads "none", "1.1", "1.2" or "1.2:CENTRAL". Raises CoreletError for anything else.
    """

    name: str = "1.1"
    central: int | None = None

    def __post_init__(self) -> None:
        one_of("packing strategy", self.name, STRATEGIES, error=CoreletError)
        if self.central is not None:
            whole("central weight", self.central, 0, MOST_WEIGHT, error=CoreletError)

    @classmethod
    def of(cls, text: str) -> Packing:
        """The strategy that ``text`` names."""
        name, colon, central = str(text).partition(":")
        if not colon:
            return cls(name)
        if name != "1.2" or not (central.isascii() and central.isdigit()):
            raise CoreletError(
                f"packing strategy {shown(text)}: a central weight is a whole number after 1.2, "
                "such as 1.2:5; correct it"
            )
        return cls(name, int(central))

    def __str__(self) -> str:
        return self.name if self.central is None else f"{self.name}:{self.central}"


@dataclass
class Quantiser:
    """One neuron: ``sign`` of its weights, and its ``charges``, axon -> spikes (all > 0)."""

    sign: int
    charges: dict[int, int] = field(default_factory=dict)
    values: dict[int, int] = field(default_factory=dict)
    """Weight of each axon type in use."""
    total: int = 0

    def take(self, axon: int, kind: int, wanted: int, window: int) -> int:
        """Take up to ``wanted`` spikes for ``axon`` of type ``kind``; returns how many."""
        most = min(wanted, window - self.total)
        value = self.values.get(kind, most)
        if most <= 0 or value > most:
            return 0
        self.charges[axon] = self.values[kind] = value
        self.total += value
        return value


def pack(
    weights: npt.ArrayLike,
    window: int,
    strategy: Packing | str = "1.1",
    types: npt.ArrayLike | None = None,
) -> list[Quantiser]:
    """Neurons for ``weights``, one whole number for each axon; 0 takes nothing.

    window: T, 1..255 ticks. types: of each axon, 0..3, or None where the four types are not to count.
    The charges of an axon sum up to |weight|, over neurons of its sign. Raises CoreletError for a
    window or a weight out of range and for types of another shape.
    """
    w = exact(
        weights, np.int64, "weights", CoreletError, low=-MOST_WEIGHT, high=MOST_WEIGHT
    ).ravel()
    window = whole("window", window, 1, MOST_WINDOW, error=CoreletError)
    how = strategy if isinstance(strategy, Packing) else Packing.of(strategy)
    kinds = np.arange(len(w))  # a type for every axon: the rule of four never bites
    if types is not None:
        kinds = exact(types, np.int64, "axon types", CoreletError, low=0, high=AXON_TYPES - 1)
        if kinds.shape != w.shape:
            raise CoreletError(
                f"axon types have shape {kinds.shape} for {len(w)} weights; give one for each"
            )
    neurons: list[Quantiser] = []
    room: dict[int, list[Quantiser]] = {-1: [], 1: []}
    for axon in _order(w, how).tolist():
        sign, rest = (1 if w[axon] > 0 else -1), abs(int(w[axon]))
        for neuron in room[sign] if how.name != "none" else ():
            rest -= neuron.take(axon, int(kinds[axon]), rest, window)
            if not rest:
                break
        while rest:
            neurons.append(Quantiser(sign))
            room[sign].append(neurons[-1])
            rest -= neurons[-1].take(axon, int(kinds[axon]), rest, window)
        room[sign] = [neuron for neuron in room[sign] if neuron.total < window]
    return neurons


def _order(w: npt.NDArray[np.int64], how: Packing) -> npt.NDArray[np.intp]:
    """Axons with a weight, in the order in which they are packed."""
    axons = np.flatnonzero(w)
    if how.name != "1.2" or not len(axons):
        return axons
    size = np.abs(w[axons])
    central = round(float(size.mean())) if how.central is None else how.central
    return axons[np.argsort(np.abs(size - central), kind="stable")]


def fewest(weights: npt.ArrayLike, window: int) -> int:
    """The least number of neurons that any packing needs: ceil(sum of |w| / T) of each sign."""
    w = np.asarray(weights)
    return sum(-(-int(w[w * sign > 0].sum() * sign) // window) for sign in (-1, 1))
