"""From firings to spikes with their senders, as IBM's run time records them.

neuron j of core c fires in tick t   ->   (t, c, j, destination core or connector, axon or pin, delay)
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from tnemu.formats.spike_records import SENT_DTYPE
from tnemu.hardware import packet
from tnemu.hardware.image import NOT_CONNECTED, BoardImage
from tnemu.hardware.neuron import AXONS


class Senders:
    """Where every neuron of ``image`` sends its spikes.

    A connector counts down from its number for every further 256 pins: pin p is pin p mod 256 of
    number - p div 256. Raises ImageError for an image whose packets end nowhere.
    """

    def __init__(self, image: BoardImage) -> None:
        self.image = image
        pieces = [image.destinations(cores) for cores in image.pieces()]
        self.target = np.concatenate([target for target, _ in pieces])
        """int32 [n, 256]: a core's index, -1 (nowhere) or -2 - the index of a connector."""
        self.row = np.concatenate([row for _, row in pieces])
        """int32 [n, 256]: axon, or pin of the connector."""

    def leaving(self) -> frozenset[int]:
        """Indices of the cores from which spikes leave the board."""
        return frozenset(np.flatnonzero((self.target < NOT_CONNECTED).any(axis=1)).tolist())

    def pins(self) -> int:
        """Pins from the first of connector -32 to the last that is sent to; 0 if there is none."""
        core, neuron = np.nonzero(self.target < NOT_CONNECTED)
        number, pin = self._addresses(self.target[core, neuron], self.row[core, neuron])
        return int((AXONS * (-32 - number) + pin).max(initial=-1)) + 1

    def sent(self, firings: npt.NDArray[np.void], *, leaving: bool = False) -> npt.NDArray[np.void]:
        """The spikes, SENT_DTYPE, of firings (tick, core index, neuron), of those that send.

        ``leaving``: of those alone that leave the board. In order of tick, core id and neuron.
        """
        target = self.target[firings["core"], firings["neuron"]]
        firings = firings[target < NOT_CONNECTED if leaving else target != NOT_CONNECTED]
        at = (firings["core"], firings["neuron"])
        records = np.empty(len(firings), SENT_DTYPE)
        records["time"], records["from_neuron"] = firings["tick"], firings["neuron"]
        records["from_core"] = self.image.core_ids[firings["core"]]
        records["core"], records["axon"] = self._addresses(self.target[at], self.row[at])
        records["delay"] = packet.decode(self.image.targets[at])[3]
        keys = ("from_neuron", "from_core", "time")
        return records[np.lexsort([records[key] for key in keys])]

    def _addresses(
        self, target: npt.NDArray[np.int32], row: npt.NDArray[np.int32]
    ) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int32]]:
        """(core id or connector number, axon or pin 0..255) of targets that are somewhere."""
        outside = target < NOT_CONNECTED
        numbers = np.array([0, *(c.number for c in self.image.outputs)], np.int64)
        number = numbers[np.where(outside, -1 - target, 0)] - row // AXONS
        ids = self.image.core_ids[np.where(outside, 0, target)]
        return np.where(outside, number, ids), row % AXONS
