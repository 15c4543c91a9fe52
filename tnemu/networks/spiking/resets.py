"""What becomes of a potential V when its neuron fires at the threshold 1.

    subtract   V <- V - 1     what was above the threshold is kept: rates are exact in the long run
    zero       V <- 0         it is lost

Source: Hahn 2020, section 3.1 (after Rueckauer et al., 2017).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.floating[Any]]
Reset = Callable[[Array, npt.NDArray[np.bool_]], None]
"""(potentials, which fired): changes the potentials in place."""


def subtract(potentials: Array, fired: npt.NDArray[np.bool_]) -> None:
    """V - 1 where a neuron fired."""
    potentials -= fired


def zero(potentials: Array, fired: npt.NDArray[np.bool_]) -> None:
    """0 where a neuron fired."""
    potentials[fired] = 0


RESETS: dict[str, Reset] = {"subtract": subtract, "zero": zero}
