"""Rasters: the spikes of a row of pins over time, as models and simulations take and give them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from corelets.language.body import body_of
from corelets.language.errors import CoreletError
from corelets.language.interfaces import by_attribute, by_port
from corelets.language.ports import Input, Output, Port
from tnemu.errors import did_you_mean, shown
from tnemu.hardware.exact import exact

Raster = npt.NDArray[np.bool_]
"""bool [T, *shape]: True where pin k spikes in tick t; shape is that of the port, (width,) if flat."""

Rasters = Mapping[str, npt.ArrayLike]
"""A raster for each port, by its name; all of the same T."""


def taken(ports: Iterable[Port], rasters: Mapping[str, Any], what: str) -> dict[str, Raster]:
    """The raster of each of ``ports`` among ``rasters``, bool [T, *shape], for ``what``.

    A raster may be None where all is silent, [T, width] for a port of any shape and [T] for one of one pin. Raises
    CoreletError if one is missing or of no port, has another shape or other ticks than the rest, or
    holds anything but 0 and 1.
    """
    by_name = {port.name: port for port in ports}
    given = by_port(rasters, by_name)
    for name in given:
        if name not in by_name:
            known = ", ".join(map(repr, by_name)) or "none"
            raise CoreletError(
                f"{what} has no input {shown(name)}; it has {known}"
                + (f"; {hint}" if (hint := did_you_mean(name, by_name)) else "")
            )
    found: dict[str, Raster] = {}
    silent = [name for name in by_name if name in given and given[name] is None]
    for name, port in by_name.items():
        if name in silent:
            continue
        if name not in given:
            raise CoreletError(
                f"{what} needs a raster for {port.describe()}, it was given {shown(list(given))}; give "
                "each input a raster by its name"
            )
        found[name] = one(port, given[name])
    lengths = {name: len(raster) for name, raster in found.items()}
    if len(set(lengths.values())) > 1:
        texts = ", ".join(f"{name!r} {ticks}" for name, ticks in lengths.items())
        raise CoreletError(f"{what}: the rasters have unequal ticks ({texts}); give all the same")
    ticks = next(iter(lengths.values()), 0)
    if silent and not ticks:
        raise CoreletError(f"{what}: no input has a raster, so it has no ticks; give one")
    for name in silent:
        found[name] = np.zeros((ticks, *by_name[name].shape), np.bool_)
    return found


def one(port: Port, raster: Any) -> Raster:
    """``raster`` as the raster of ``port``, bool [T, *shape], or a CoreletError."""
    array = exact(raster, np.bool_, f"raster of {port.describe()}", CoreletError)
    shapes: list[tuple[int, ...]] = [port.shape, (port.width,)]
    if port.width == 1:
        shapes.append(())
    if not array.ndim or not len(array) or array.shape[1:] not in shapes:
        sizes = ", ".join(map(str, port.shape))
        raise CoreletError(
            f"raster of {port.describe()} has shape {array.shape}, expected (ticks, {sizes}) "
            "with at least one tick"
        )
    return array.reshape(len(array), *port.shape)


def answers(
    corelet: Any, rasters: Mapping[str, Any], ticks: int | None = None, *, chances: bool = False
) -> dict[str, npt.NDArray[Any]]:
    """What the model of ``corelet`` answers to ``rasters``: bool [T, *shape] by output port.

    A model without inputs is asked for ``ticks`` rows. With ``chances`` it may answer probabilities,
    which come as float64. Raises CoreletError for rasters and answers of another shape.
    """
    body = body_of(corelet)
    ports = body.ports.values()
    inputs = taken(
        [p for p in ports if isinstance(p, Input)], rasters, f"the model of {body.describe()}"
    )
    alone = {} if inputs else {"ticks": ticks}
    ticks = len(next(iter(inputs.values()))) if inputs else ticks
    outputs = {p.name: p for p in ports if isinstance(p, Output)}
    answer = type(corelet).model(corelet, **by_attribute(inputs), **alone)
    if not isinstance(answer, Mapping):
        names = list(by_attribute(outputs))
        if len(names) != 1:
            raise CoreletError(
                f"the model of {body.describe()} answers {shown(answer)} for the outputs {shown(names)}; "
                "return a dict with a raster for each"
            )
        answer = {names[0]: answer}
    given = by_port(answer, outputs)
    if set(given) != set(outputs):
        raise CoreletError(
            f"the model of {body.describe()} answers for {shown(sorted(given))}, its outputs are "
            f"{shown(sorted(outputs))}; return a raster for each"
        )
    found = {
        name: _chances(port, given[name])
        if chances and _is_real(given[name])
        else one(port, given[name])
        for name, port in outputs.items()
    }
    for name, raster in found.items():
        if ticks is not None and len(raster) != ticks:
            raise CoreletError(
                f"the model of {body.describe()} answers {len(raster)} ticks of {name!r} to {ticks}; "
                "return as many rows as came in"
            )
    return found


def _is_real(answer: Any) -> bool:
    return isinstance(answer, np.ndarray) and answer.dtype.kind == "f"


def _chances(port: Port, answer: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    if (
        answer.shape[1:] not in (port.shape, (port.width,))
        or not ((answer >= 0) & (answer <= 1)).all()
    ):
        raise CoreletError(
            f"the model's probabilities of {port.describe()} are {shown(answer)}; give floats in 0..1 of "
            f"shape (ticks, {', '.join(map(str, port.shape))})"
        )
    return answer.reshape(len(answer), *port.shape).astype(np.float64)


def later(raster: Raster, ticks: int) -> Raster:
    """result[t] = raster[t - ticks], without spikes for t < ticks; as many ticks as before."""
    moved = np.zeros_like(raster)
    moved[ticks:] = raster[: max(0, len(raster) - ticks)]
    return moved
