"""Images that are legal and as unkind as can be; as a script, what becomes of them on guarded memory.

python hostile.py NAME SEED    runs that image on the compiled engine, guarded, against the reference;
                               one of LARGE against the compiled engine without a calendar
"""

from __future__ import annotations

import dataclasses
import faulthandler
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[2]))

from random_boards import SWITCHES, random_kinds

from tnemu.emulator.emulator import Emulator
from tnemu.emulator.engines.compiled.kernels import arrays
from tnemu.emulator.lanes import LaneEmulator
from tnemu.hardware import BoardImage, InputConnector, OutputConnector, load_board, neuron
from tnemu.hardware.image import TAP_DTYPE
from tnemu.hardware.neuron import NEURON_DTYPE

TICKS = 18
"""More than the 16 rows of the scheduler."""
ALWAYS = {"alpha": 0, "leak": 1, "gamma": 0}
"""A neuron that fires in every tick."""


@dataclasses.dataclass(frozen=True)
class Hostile:
    """An image, and input spikes (core, axon, tick) for it."""

    image: BoardImage
    spikes: np.ndarray


def board(units: int, chips: tuple[int, int], cores: tuple[int, int], seed: int = 0) -> Any:
    switches = {f"chip.{key}": value for key, value in SWITCHES[seed % len(SWITCHES)].items()}
    return load_board("tiny").override(
        {"units": units, "chips_x": chips[0], "chips_y": chips[1]}
        | {"chip.cores_x": cores[0], "chip.cores_y": cores[1]}
        | switches
    )


def words(dx: Any, dy: Any, axon: Any, delay: Any) -> np.ndarray:
    """Packet words, also of the hop -256 that ``packet.encode`` has no word for."""
    parts = [np.asarray(part, np.int64) for part in (dx, dy, axon, delay)]
    word = (parts[0] & 511) << 23 | (parts[1] & 511) << 14 | parts[2] << 6 | parts[3] << 2
    return word.astype(np.uint32)


def made(
    rng: np.random.Generator,
    spec: Any,
    places: np.ndarray,
    ends: np.ndarray,
    *,
    axons: Any = None,
    delays: Any = None,
    kinds: np.ndarray | None = None,
    outputs: tuple[OutputConnector, ...] = (),
    spikes: int = 2000,
) -> Hostile:
    """Cores at ``places`` whose neurons send to ``ends`` [n, 256, 2] (x, y), on a board ``spec``."""
    n = len(places)
    way = ends - places[:, None, 1:] if n else np.zeros((0, 256, 2), np.int64)
    axons = rng.integers(0, 256, (n, 256)) if axons is None else np.broadcast_to(axons, (n, 256))
    delays = rng.choice([1, 15], (n, 256)) if delays is None else np.broadcast_to(delays, (n, 256))
    table = [neuron(**ALWAYS)] if kinds is None else list(kinds)
    types = rng.integers(1, len(table) + 1, (n, 256)).astype(np.uint16)
    taps = np.zeros(min(n, 1) * 600, TAP_DTYPE)
    if n:
        for field, low, high in (("pin", 0, 3), ("core", 0, n), ("axon", 0, 256), ("delay", 1, 16)):
            taps[field] = rng.integers(low, high, len(taps))
    image = BoardImage(
        board=spec,
        positions=places.astype(np.int32),
        core_ids=rng.integers(-(1 << 62), 1 << 62, n),
        seeds=rng.choice(np.array([1, 0x80000000, 0xFFFFFFFF], np.uint32), n),
        axon_types=rng.integers(0, 4, (n, 256)).astype(np.uint8),
        crossbar=rng.choice(np.array([0, 0xFFFFFFFFFFFFFFFF, 1], np.uint64), (n, 256, 4)),
        neuron_types=np.array([neuron(), *table], NEURON_DTYPE),
        types=types,
        targets=words(way[..., 0], way[..., 1], axons, delays),
        inputs=(InputConnector("in", 3, taps),),
        outputs=outputs,
    )
    count = spikes if n else 0
    queued = np.stack([rng.integers(0, max(n, 1), count), rng.choice([0, 255], count)], 1)
    ticks = rng.choice([0, 1, TICKS - 1, TICKS, TICKS + 40], count)
    return Hostile(image, np.column_stack([queued, ticks]))


def scattered(rng: np.random.Generator, spec: Any, n: int, unit: int | None = None) -> np.ndarray:
    """Places of n cores; of one unit, or of all."""
    every = spec.alive_positions()
    every = every[every[:, 0] == unit] if unit is not None else every
    return every[rng.permutation(len(every))[:n]]


def to_one(rng: np.random.Generator) -> Hostile:
    """All neurons of all cores fire in every tick at one axon of one core."""
    spec = board(1, (4, 4), (5, 5))
    places = scattered(rng, spec, 330)
    ends = np.broadcast_to(places[0, 1:], (len(places), 256, 2))
    return made(rng, spec, places, ends, axons=255, delays=int(rng.integers(1, 16)))


def to_last(rng: np.random.Generator) -> Hostile:
    """All to the last axon of the last core, whose bit is the last of every array."""
    hostile = to_one(rng)
    image = hostile.image
    ends = np.broadcast_to(image.positions[-1, 1:], (image.core_count, 256, 2))
    return made(rng, image.board, image.positions, ends, axons=255)


def flood(rng: np.random.Generator) -> Hostile:
    """All neurons fire in every tick, from anywhere to anywhere, with the shortest and longest delay."""
    spec = board(1, (5, 1), (4, 9))
    places = scattered(rng, spec, int(rng.integers(1, 180)))
    ends = places[rng.integers(0, len(places), (len(places), 256))][..., 1:]
    return made(rng, spec, places, ends)


def off_board(rng: np.random.Generator) -> Hostile:
    """Every neuron fires in every tick and leaves the board, by every exit there is."""
    spec = board(1, (2, 2), (4, 5))
    width, height = spec.width, spec.height
    ring = [(0, x, y) for x in range(-1, width + 1) for y in range(-1, height + 1)
            if not (0 <= x < width and 0 <= y < height)]  # fmt: skip
    ring = [ring[k] for k in rng.permutation(len(ring))]
    half = len(ring) // 2
    outputs = (
        OutputConnector("a", 256 * half, -(1 << 31), tuple(ring[:half])),
        OutputConnector("b", 256 * (len(ring) - half), (1 << 31) - 1, tuple(ring[half:])),
    )
    places = scattered(rng, spec, 80)
    ends = np.array(ring)[rng.integers(0, len(ring), (len(places), 256))][..., 1:]
    return made(rng, spec, places, ends, outputs=outputs)


def borders(rng: np.random.Generator) -> Hostile:
    """Chips of one core: every hop crosses a border."""
    spec = board(1, (16, 16), (1, 1))
    places = scattered(rng, spec, 256)
    ends = places[rng.integers(0, len(places), (len(places), 256))][..., 1:]
    return made(rng, spec, places, ends)


def farthest(rng: np.random.Generator) -> Hostile:
    """Few cores in the corners of a unit of 256 x 256, with the longest ways, -256 hops among them."""
    name = ("ns16e", "ns16e-4")[int(rng.integers(2))]
    spec = load_board(name)
    corners = [(u, x, y) for u in range(spec.units) for x in (0, 255) for y in (0, 255)]
    places = np.array(corners)
    exits = tuple((u, -1, y) for u in range(spec.units) for y in (-1, 0, 255, 256))
    outputs = (OutputConnector("west", 256 * len(exits), -32, exits),)
    ends = np.array([(0, 0), (0, 255), (255, 0), (255, 255), (-1, 0), (-1, 255)])
    chosen = ends[rng.integers(0, len(ends), (len(places), 256))]
    return made(rng, spec, places, chosen, outputs=outputs)


def rails(rng: np.random.Generator) -> Hostile:
    """Every parameter at its limits, noise included."""
    spec = board(2, (2, 2), (3, 3), seed=int(rng.integers(len(SWITCHES))))
    places = np.array(sorted(scattered(rng, spec, 12, unit=1).tolist()))
    ends = places[rng.integers(0, len(places), (len(places), 256))][..., 1:]
    return made(rng, spec, places, ends, kinds=random_kinds(rng, 40, noise=True), spikes=300)


def most_types(rng: np.random.Generator) -> Hostile:
    """A table of 65,536 neuron types; every core has a row of its own, the last type among them."""
    spec = board(1, (2, 1), (4, 4))
    places = scattered(rng, spec, 32)
    ends = places[rng.integers(0, len(places), (len(places), 256))][..., 1:]
    kinds = np.resize(random_kinds(rng, 99, noise=False), (1 << 16) - 1)
    hostile = made(rng, spec, places, ends, kinds=kinds)
    types = hostile.image.types.copy()
    types[:, -1] = (1 << 16) - 1
    return dataclasses.replace(hostile, image=dataclasses.replace(hostile.image, types=types))


def nothing(rng: np.random.Generator) -> Hostile:
    """No cores at all."""
    spec = board(1, (1, 1), (1, 1))
    return made(rng, spec, np.zeros((0, 3), np.int32), np.zeros((0, 256, 2)))


def alone(rng: np.random.Generator) -> Hostile:
    """One core that floods itself."""
    spec = board(1, (1, 1), (1, 1))
    places = np.zeros((1, 3), np.int32)
    return made(rng, spec, places, np.zeros((1, 256, 2), np.int64))


def large(rng: np.random.Generator) -> Hostile:
    """8,320 cores, two pages of a calendar and a bit, all of whose neurons fire, most at one axon."""
    spec = load_board("ns16e")
    places = scattered(rng, spec, 8320)
    ends = places[rng.integers(0, len(places), (len(places), 256))][..., 1:]
    ends[rng.random((len(places), 256)) < 0.7] = places[int(rng.integers(len(places))), 1:]
    axons = np.where(rng.random((len(places), 256)) < 0.7, 255, rng.integers(0, 256, (1, 256)))
    return made(rng, spec, places, ends, axons=axons)


def large_and_silent(rng: np.random.Generator) -> Hostile:
    """As many, on four units; nothing fires but what an input reaches, and leaves the board."""
    spec = load_board("ns16e-4")
    places = scattered(rng, spec, 8200)
    exits = tuple((u, x, -1) for u in range(spec.units) for x in range(spec.width))
    ends = np.stack(np.broadcast_arrays(places[:, 1, None], np.full((1, 256), -1)), axis=-1)
    outputs = (OutputConnector("south", 256 * len(exits), -32, exits),)
    kinds = np.array([neuron(s=[255, 255, 255, -255], alpha=1)])
    return made(rng, spec, places, ends, outputs=outputs, kinds=kinds, spikes=20_000)


IMAGES: dict[str, Callable[[np.random.Generator], Hostile]] = {
    each.__name__: each
    for each in (
        to_one, to_last, flood, off_board, borders, farthest, rails, most_types, nothing, alone,
    )
}  # fmt: skip
LARGE = {each.__name__: each for each in (large, large_and_silent)}
CALENDARS = (None, 1, 3, 1 << 16)
"""Room of a calendar's lists; None: the board is too small for one."""


def seen(hostile: Hostile, record: bool = True, **options: Any) -> list[Any]:
    """All that can be seen of a run in three pieces, with spikes on their way between them."""
    cores, axons, ticks = hostile.spikes.T
    found: list[Any] = []
    with Emulator(hostile.image, **options) as emulator:
        emulator.inject(cores, axons, ticks)
        if hostile.image.core_count:
            emulator.inject_pins("in", [0, 1, 2, 0], 0)
        for count in (1, TICKS - 3, 2):
            outputs = emulator.run(count, record_spikes=record, spike_limit=1 << 40).records
            fired = emulator.last_spikes.records.tobytes() if emulator.last_spikes else b""
            found += [outputs.tobytes(), fired, emulator.counters]
            found += [emulator.in_flight, emulator.potentials.tobytes()]
    return found


def lanes_seen(hostile: Hostile, lanes: int, compiled: bool) -> list[list[Any]]:
    """What every lane did, each with pins of its own; on the lanes, or board by board."""
    rng, image = np.random.default_rng(lanes), hostile.image
    pins = rng.random((lanes, image.inputs[0].width)) < 0.6
    if compiled:
        with LaneEmulator(image, lanes) as emulator:
            emulator.inject_pins("in", pins)
            found = emulator.run(TICKS)
            left = emulator.potentials
        return [[found.of(k).records.tobytes(), left[k].tobytes()] for k in range(lanes)]
    each = []
    for lane in range(lanes):
        with Emulator(image, engine="reference") as alone:
            alone.inject_pins("in", pins[lane], 0)
            each.append([alone.run(TICKS).records.tobytes(), alone.potentials.tobytes()])
    return each


def set_calendar(room: int | None) -> None:
    arrays.CALENDAR_CORES = 1 << 40 if room is None else 1
    arrays.PAGE_ROOM = room or 1


def check(name: str, seed: int) -> str:
    """Both ways of guarding, all calendars, one and two threads, and lanes: all as the reference."""
    from guards import guards

    hostile = IMAGES[name](np.random.default_rng(seed))
    expected = seen(hostile, engine="reference")
    each = lanes_seen(hostile, 3, compiled=False)
    for at_end in (True, False):
        with guards(at_end):
            for room in CALENDARS:
                set_calendar(room)
                for threads in (1, 2):
                    assert seen(hostile, threads=threads) == expected, (room, threads, at_end)
            assert lanes_seen(hostile, 3, compiled=True) == each, at_end
    return str(expected[-3])


def check_large(name: str, seed: int) -> str:
    """Calendars as they are and with hardly any room, one to three threads: all as without one."""
    from guards import guards

    hostile = LARGE[name](np.random.default_rng(seed))
    set_calendar(None)
    expected = seen(hostile, record=False, threads=1)
    for at_end in (True, False):
        with guards(at_end):
            for room, threads in ((1 << 16, 1), (1 << 16, 2), (100, 2), (1, 3)):
                set_calendar(room)
                found = seen(hostile, record=False, threads=threads)
                assert found == expected, (room, threads, at_end)
    return str(expected[-3])


if __name__ == "__main__":
    faulthandler.enable()
    asked, number = sys.argv[1], int(sys.argv[2])
    print(asked, number, check_large(asked, number) if asked in LARGE else check(asked, number))
