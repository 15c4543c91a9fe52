"""How a network is run as a spiking one: every choice by name."""

from __future__ import annotations

from dataclasses import dataclass

from tnemu.errors import one_of, real, whole
from tnemu.networks.errors import NetworkError
from tnemu.networks.spiking.decodings import DECODINGS
from tnemu.networks.spiking.encodings import ENCODINGS
from tnemu.networks.spiking.orders import ORDERS
from tnemu.networks.spiking.resets import RESETS

MOST_TICKS = 1_000_000


@dataclass(frozen=True)
class Recipe:
    """What the modules of this package offer, one of each. Raises NetworkError for another name or a
    number out of its range.
    """

    ticks: int
    """Of one decision, 1..1,000,000."""
    encoding: str = "constant"
    decoding: str = "potentials"
    reset: str = "subtract"
    order: str = "thesis"
    start: float = 0.0
    """Potential that the hidden neurons begin with; half the threshold, 0.5, rounds instead of cutting."""

    def __post_init__(self) -> None:
        whole("ticks", self.ticks, 1, MOST_TICKS, error=NetworkError)
        one_of("encoding", self.encoding, ENCODINGS, error=NetworkError)
        one_of("decoding", self.decoding, DECODINGS, error=NetworkError)
        one_of("reset", self.reset, RESETS, error=NetworkError)
        one_of("order", self.order, ORDERS, error=NetworkError)
        real("start", self.start, 0.0, 1.0, error=NetworkError)

    @property
    def counts(self) -> bool:
        """Whether the output layer fires, and its spikes are counted."""
        return self.decoding != "potentials"
