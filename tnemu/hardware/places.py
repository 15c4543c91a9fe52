"""Which neurons the pins of something named are: what probes are set on."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Places:
    """Pin ``pin[k]`` (counted through ``shape``) is neuron ``neuron[k]`` of core ``core[k]``.

    A pin that several neurons drive comes several times and spikes if any of them does, one that
    none drives is not there. ``potentials``: it is not the spikes that are meant, but V.
    """

    name: str
    shape: tuple[int, ...]
    pin: Ints
    core: Ints
    neuron: Ints
    potentials: bool = False

    @property
    def width(self) -> int:
        """Number of pins."""
        return int(np.prod(self.shape))

    def moved(self, core: Ints, neuron: Ints) -> Places:
        """The same pins where their neurons are now."""
        return replace(self, core=core, neuron=neuron)
