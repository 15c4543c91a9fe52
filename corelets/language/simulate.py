"""A corelet alone on the smallest board: rasters in, rasters out, aligned with its model.

    result[t] = what leaves the board in tick  t + wave(pin)

where wave(pin) is the tick in which the wave of source tick 0 leaves by that pin, so that row t of an
answer belongs to row t of the inputs, as in :meth:`corelets.Corelet.model`.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from corelets.language.body import body_of
from corelets.language.errors import CoreletError
from corelets.language.interfaces import by_attribute
from corelets.language.names import name_of
from corelets.language.pins import Pins, Potential
from corelets.language.ports import Input
from corelets.language.raster import Raster, taken
from tnemu.errors import did_you_mean, shown, whole

if TYPE_CHECKING:
    from tnemu.emulator.probes import Probe
    from tnemu.mapping.fit import Plan

SMALLEST_FIRST = ("tiny", "ns1e", "ns16e")
"""Boards that a simulation tries."""
MOST_TICKS = 1 << 24

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False, repr=False)
class Simulation:
    """What a corelet did: ``result.z`` or ``result["z"]`` is the raster of output z, bool [T, *shape].

    ``result[p]`` is what a probe p recorded, in the same rows: spikes as bool, potentials as int32.
    ``latency`` says by output how many ticks later than its row each pin spiked, int64 [*shape].
    ``plan`` is the corelet on its board.
    """

    plan: Plan
    outputs: Mapping[str, Raster]
    latency: Mapping[str, Ints]
    probes: Mapping[str, npt.NDArray[Any]] = field(default_factory=dict)

    def __getitem__(self, name: Any) -> Any:
        key = name if isinstance(name, str) else _probe_name(name)
        known = {**by_attribute(self.outputs), **self.outputs, **self.probes}
        if key not in known:
            hint = did_you_mean(key, known) or "probe it: simulate(..., probe=[...])"
            raise CoreletError(
                f"the simulation has no {shown(key)}; it has {shown(list(known))}; {hint}"
            )
        return known[key]

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        try:
            return self[name]
        except CoreletError as error:
            raise AttributeError(str(error)) from None

    def __repr__(self) -> str:
        shapes = [f"{name} {list(r.shape)}" for name, r in {**self.outputs, **self.probes}.items()]
        return f"<Simulation: {', '.join(shapes) or 'no outputs'}>"


class Bench:
    """A corelet on the smallest board that holds it, to be run as often as one likes."""

    def __init__(self, corelet: Any, board: Any = None) -> None:
        self._body = body_of(corelet)
        self.plan: Plan = _fitted(corelet, board)
        self._latency = {}
        for name, ticks in self.plan.size.pin_waves.items():
            shape = self._body.ports[name].shape
            self._latency[name] = np.maximum(ticks, 0).reshape(shape)

    @property
    def inputs(self) -> list[Input]:
        """The input ports."""
        return [port for port in self._body.ports.values() if isinstance(port, Input)]

    def run(
        self,
        rasters: Mapping[str, Any],
        *,
        ticks: int | None = None,
        probe: Iterable[Any] = (),
        engine: str | None = None,
        noise_seed: int | None = None,
    ) -> Simulation:
        """One run from tick 0 on; see :meth:`corelets.Corelet.simulate`."""
        from tnemu.emulator.emulator import Emulator
        from tnemu.emulator.engines import DEFAULT

        what = f"simulate() of {self._body.describe()}"
        given = taken(self.inputs, rasters, what)
        rows = self._rows(given, ticks, what)
        probed = [probe] if isinstance(probe, str | Pins | Potential) else list(probe)
        late = [int(latency.max(initial=0)) for latency in self._latency.values()]
        with Emulator(self.plan, engine=engine or DEFAULT, noise_seed=noise_seed) as chip:
            probes = [chip.probe(one) for one in probed]
            waves = [self._waves(one) for one in probes]
            late += [int(wave.max(initial=0)) for wave in waves]
            for name, raster in given.items():
                chip.inject_pins(name, raster.reshape(len(raster), -1), 0)
            spikes = chip.run(rows + max(late, default=0))
        outputs = {}
        for name, latency in self._latency.items():
            wave = latency.ravel()
            found = np.zeros((rows, len(wave)), np.bool_)
            records = spikes.of(name)
            row = records["tick"] - wave[records["pin"]]
            inside = (row >= 0) & (row < rows)
            found[row[inside], records["pin"][inside]] = True
            outputs[name] = found.reshape(rows, *latency.shape)
        recorded = {
            one.places.name: _aligned(one.values, wave, rows)
            for one, wave in zip(probes, waves, strict=True)
        }
        return Simulation(self.plan, outputs, self._latency, recorded)

    def _rows(self, given: Mapping[str, Raster], ticks: int | None, what: str) -> int:
        if ticks is None and not given:
            raise CoreletError(f"{what}: it has no input that says how long; give ticks=100")
        rows = len(next(iter(given.values()))) if given else 0
        if ticks is None:
            return rows
        then = f"the rasters have {rows:,}" if rows else "choose one in that range"
        return whole(
            f"{what}: ticks", ticks, max(rows, 1), MOST_TICKS, error=CoreletError, then=then
        )

    def _waves(self, probe: Probe) -> Ints:
        """The wave tick of every pin of a probe."""
        places = probe.places
        waves = np.full(places.width, np.iinfo(np.int64).max)
        np.minimum.at(waves, places.pin, self.plan.size.neuron_waves[places.core, places.neuron])
        return np.where(waves == np.iinfo(np.int64).max, 0, waves)


def _aligned(values: npt.NDArray[Any], waves: Ints, rows: int) -> npt.NDArray[Any]:
    """Row t of every pin is that of tick t + its wave."""
    flat = values.reshape(len(values), -1)
    ticks = np.arange(rows)[:, None] + waves
    return np.take_along_axis(flat, ticks, axis=0).reshape(rows, *values.shape[1:])


def _probe_name(probe: Any) -> str:
    if isinstance(probe, Potential):
        return f"{name_of(probe.pins)}.potential"
    return name_of(probe) if isinstance(probe, Pins) else str(shown(probe))


def _fitted(corelet: Any, board: Any) -> Plan:
    """The plan of ``corelet`` on ``board``, or on the smallest that holds it."""
    from tnemu.hardware.board import load_board
    from tnemu.mapping.errors import FitError
    from tnemu.mapping.fit import fit
    from tnemu.mapping.size import size_of

    network = type(corelet).build(corelet)
    if board is not None:
        return fit(network, board)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # fit() says them once more
        cores = size_of(network).cores
    boards = [load_board(name) for name in SMALLEST_FIRST]
    large = [spec for spec in boards if spec.core_count >= cores] or boards[-1:]
    for spec in large[:-1]:
        try:
            return fit(network, spec)
        except FitError:  # too few exits, or a packet does not reach
            continue
    return fit(network, large[-1])
