"""Rasters: the spikes of a row of pins over time, as models take and give them."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from corelets.language.errors import CoreletError
from corelets.language.pins import Input
from tnemu.errors import shown
from tnemu.hardware.exact import exact

Raster = npt.NDArray[np.bool_]
"""bool [T, width]: True where pin k spikes in tick t."""

Rasters = Mapping[str, npt.ArrayLike]
"""A raster for each port, by its name; all of the same T."""


def taken(port: Input, rasters: Rasters) -> Raster:
    """The raster of ``port`` among ``rasters``, bool [T, port.width].

    Raises CoreletError if it is missing, has another shape or other ticks than the rest, or holds
    anything but 0 and 1.
    """
    if not isinstance(rasters, Mapping):
        raise CoreletError(
            f"the model takes a raster for each input by name, such as {{{port.name!r}: raster}}, "
            f"not {shown(rasters)}"
        )
    if port.name not in rasters:
        raise CoreletError(
            f"the model needs a raster for {port.describe()}, it was given "
            f"{shown(list(rasters))}; give each input a raster by its name"
        )
    raster = exact(rasters[port.name], np.bool_, f"raster of {port.describe()}", CoreletError)
    if raster.ndim != 2 or not len(raster) or raster.shape[1] != port.width:
        raise CoreletError(
            f"raster of {port.describe()} has shape {raster.shape}, expected (ticks, {port.width}) "
            "with at least one tick"
        )
    for name, other in rasters.items():
        if np.shape(other)[:1] != raster.shape[:1]:
            raise CoreletError(
                f"raster of {port.describe()} has {len(raster)} ticks, that of {shown(name)} has "
                f"shape {np.shape(other)}; give all the same ticks"
            )
    return raster


def later(raster: Raster, ticks: int) -> Raster:
    """result[t] = raster[t - ticks], without spikes for t < ticks; as many ticks as before."""
    moved = np.zeros_like(raster)
    moved[ticks:] = raster[: max(0, len(raster) - ticks)]
    return moved
