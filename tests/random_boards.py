"""Random boards and inputs for property tests: every parameter at its limits, every way to be wired."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from hypothesis import strategies as st

from tnemu.emulator.emulator import Emulator
from tnemu.hardware import BoardImage, OutputConnector, load_board, neuron, packet
from tnemu.hardware.neuron import FIELDS, NEURON_DTYPE

SWITCHES = [
    {"noise": noise, "potential_range": rule, "leak_zero_clamp": clamp, "no_reset_ceiling": ceiling}
    for ceiling in ("alpha+mask", "alpha+255", "none")
    for clamp in (True, False)
    for rule in ("saturate20", "rails393216")
    for noise in ("xorshift32", "counter")
]
EXITS = [(0, -1, 0), (0, -1, 1), (0, 2, 4)]
"""Exits of ``tiny``: two to the west for the connector "wide", one to the north for "north"."""


def random_kinds(rng: np.random.Generator, count: int, noise: bool) -> np.ndarray:
    """Neuron records whose every field is often a limit, zero or nearly so, and sometimes anything."""
    kinds = np.zeros(count, NEURON_DTYPE)
    for name, field in FIELDS.items():
        shape = kinds[name].shape
        near = np.array(
            [field.low, field.low + 1, -20, -3, -1, 0, 1, 3, 20, field.high - 1, field.high]
        )
        near = near[(near >= field.low) & (near <= field.high)]
        anything = rng.integers(field.low, field.high + 1, shape)
        kinds[name] = np.where(rng.random(shape) < 0.6, rng.choice(near, shape), anything)
    kinds["sigma_VR"] = rng.choice([-1, 1], count)
    # Thresholds that are never reached test little: mostly near the reset and the weights.
    for name in ("alpha", "beta"):
        low = rng.random(count) < 0.6
        kinds[name] = np.where(low, rng.integers(0, 300, count), kinds[name])
    if not noise:
        for name in ("b", "c", "TM"):
            kinds[name] = 0
    return kinds


@dataclass(frozen=True)
class Wires:
    """Every neuron's target before placement: a core index, or ``~k`` for the k-th exit of the board."""

    ends: np.ndarray
    axons: np.ndarray
    delays: np.ndarray
    sends: np.ndarray

    @classmethod
    def random(cls, rng: np.random.Generator, n: int, feedback: float) -> Wires:
        """A share ``feedback`` ends on cores, the rest leaves the board; one in twenty sends nothing."""
        shape = (n, 256)
        inside = rng.random(shape) < feedback
        return cls(
            ends=np.where(inside, rng.integers(0, n, shape), ~rng.integers(0, len(EXITS), shape)),
            axons=rng.integers(0, 256, shape),
            delays=rng.integers(1, 16, shape),
            sends=rng.random(shape) >= 0.05,
        )

    def laid(self, image: BoardImage) -> BoardImage:
        """The image with packets that reach these targets from where its cores are placed."""
        # Behind the cores, last exit first, so that ~k finds the k-th.
        places = np.array([*image.positions.tolist(), *EXITS[::-1]])
        way = places[self.ends] - image.positions[:, None]
        words = packet.encode(way[..., 1], way[..., 2], self.axons, self.delays)
        return replace(image, targets=words * self.sends)


@dataclass(frozen=True)
class Case:
    """A board image, and inputs (core, axon, tick) some of which land after its last tick."""

    image: BoardImage
    wires: Wires
    cores: np.ndarray
    axons: np.ndarray
    ticks: np.ndarray
    length: int

    def load(self, engine: str) -> Emulator:
        """The board with all its inputs queued."""
        emulator = Emulator(self.image, engine=engine)
        emulator.inject(self.cores, self.axons, self.ticks)
        return emulator


def make_case(
    seed: int, cores: int, ticks: int, inputs: int, feedback: float, noise: bool, chip: dict
) -> Case:
    """A case from its knobs; all else comes from ``seed``. Noise is costly, so its cores are sparse."""
    rng = np.random.default_rng(seed)
    kinds = random_kinds(rng, 12, noise)
    if noise:
        # Few boards would be without one of the three, or at rest, if chance were left to itself.
        for name in rng.permutation(["b", "c", "TM"])[: rng.integers(0, 3)]:
            kinds[name] = 0
        if rng.random() < 0.3:
            kinds["leak"] = 0
    if rng.random() < 0.4:  # nearly every board would have some feature that 16 bits do not serve
        for name, values in (("b", 1), ("epsilon", 1), ("gamma", 2), ("TM", 15), ("VR", 15)):
            kinds[name] %= values
    density, used = rng.choice([0.02, 0.2] if noise else [0.02, 0.5, 1.0], 2)
    image = random_image(rng, cores, kinds, used=used, density=density, **chip)
    wires = Wires.random(rng, cores, feedback)
    return Case(
        image=wires.laid(image),
        wires=wires,
        cores=rng.integers(0, cores, inputs),
        axons=rng.integers(0, 256, inputs),
        ticks=rng.integers(0, ticks + 20, inputs),
        length=ticks,
    )


def cases(max_cores: int = 4, max_ticks: int = 40) -> st.SearchStrategy[Case]:
    """Cases on ``tiny`` with twelve neuron types each, from silent to flooded."""
    return st.builds(
        make_case,
        seed=st.integers(0, 2**32 - 1),
        cores=st.integers(1, max_cores),
        ticks=st.integers(1, max_ticks),
        inputs=st.sampled_from([0, 3, 200, 2000]),
        feedback=st.sampled_from([0.0, 0.5, 1.0]),
        noise=st.booleans(),
        chip=st.sampled_from(SWITCHES),
    )


def random_image(
    rng: np.random.Generator,
    n: int,
    kinds: np.ndarray,
    *,
    used: float = 1.0,
    density: float = 0.5,
    board: str = "tiny",
    **switches: object,
) -> BoardImage:
    """``n`` cores at random places, whose neurons are of the given kinds and send nothing yet."""
    spec = load_board(board).override({f"chip.{key}": value for key, value in switches.items()})
    places = spec.alive_positions()
    bits = np.packbits(rng.random((n, 256, 256)) < density, axis=2, bitorder="little")
    types = rng.integers(1, len(kinds) + 1, (n, 256)) * (rng.random((n, 256)) < used)
    return BoardImage(
        board=spec,
        positions=places[rng.permutation(len(places))[:n]],
        core_ids=np.arange(n, dtype=np.int64),
        seeds=rng.integers(0, 2**32, n, dtype=np.uint32),
        axon_types=rng.integers(0, 4, (n, 256)).astype(np.uint8),
        crossbar=bits.view(np.uint64),
        neuron_types=np.array([neuron(), *kinds], NEURON_DTYPE),
        types=types.astype(np.uint16),
        targets=np.zeros((n, 256), np.uint32),
        outputs=(
            OutputConnector("wide", 512, -32, tuple(EXITS[:2])),
            OutputConnector("north", 256, -33, tuple(EXITS[2:])),
        ),
    )
