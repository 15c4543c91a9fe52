"""Counters against a recount from the recorded spikes, by other means than either engine's."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from random_boards import Case, cases

from tnemu.emulator.engines import registry
from tnemu.emulator.state import Counters
from tnemu.hardware import packet

ENGINES = list(registry())


def walk(case: Case, core: int, dx: int, dy: int) -> tuple[int, int]:
    """Walk a packet core by core, x leg first: (hops, chip borders passed)."""
    chip = case.image.board.chip
    _, x, y = case.image.positions[core].tolist()
    hops = borders = 0
    for leg, size in (
        ((1 if dx > 0 else -1, 0), chip.cores_x),
        ((0, 1 if dy > 0 else -1), chip.cores_y),
    ):
        for _ in range(abs(dx) if leg[0] else abs(dy)):
            before = (x if leg[0] else y) // size
            x, y = x + leg[0], y + leg[1]
            borders += (x if leg[0] else y) // size != before
            hops += 1
    return hops, borders


def recount(case: Case, spikes: list[tuple[int, int, int]]) -> Counters:
    """What the counters must be after these spikes and the case's inputs."""
    image = case.image
    index = {tuple(place): i for i, place in enumerate(image.positions.tolist())}
    dx, dy, axon, delay = (part.tolist() for part in packet.decode(image.targets))
    arrivals: Counter[tuple[int, int, int]] = Counter()
    hops = crossings = outputs = 0
    for tick, core, j in spikes:
        if not delay[core][j]:
            continue
        h, c = walk(case, core, dx[core][j], dy[core][j])
        hops, crossings = hops + h, crossings + c
        unit, x, y = image.positions[core].tolist()
        end = index.get((unit, x + dx[core][j], y + dy[core][j]))
        if end is None:
            outputs += 1
        else:
            arrivals[tick + delay[core][j], end, axon[core][j]] += 1
    inputs = 0
    for tick, core, row in zip(case.ticks, case.cores, case.axons, strict=True):
        if tick < case.length:
            inputs += 1
            arrivals[int(tick), int(core), int(row)] += 1
    bits = np.unpackbits(image.crossbar.view(np.uint8), axis=2, bitorder="little")
    synapses = (bits * (image.types != 0)[:, None]).sum(axis=2)
    return Counters(
        ticks=case.length,
        spikes=len(spikes),
        synaptic_operations=sum(int(synapses[c, a]) for t, c, a in arrivals if t < case.length),
        input_spikes=inputs,
        output_spikes=outputs,
        merged=sum(arrivals.values()) - len(arrivals),
        hops=hops,
        chip_crossings=crossings,
    )


@pytest.mark.parametrize("engine", ENGINES)
@settings(max_examples=25, suppress_health_check=list(HealthCheck))
@given(case=cases())
def test_counters_equal_a_recount_of_the_spikes(engine, case):
    emulator = case.load(engine)
    emulator.run(case.length, record_spikes=True)
    assert emulator.counters == recount(case, emulator.last_spikes.records.tolist())
