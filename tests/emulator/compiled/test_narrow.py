"""The engine keeps potentials in 16 bits while they fit, and nobody can tell."""

from __future__ import annotations

import numpy as np
import pytest

from tnemu.emulator.emulator import Emulator
from tnemu.emulator.engines.compiled.kernels import arrays
from tnemu.hardware.board import load_board
from tnemu.hardware.image import BoardImage
from tnemu.hardware.neuron import AXONS, NEURON_DTYPE, NEURONS, neuron


def one(kind: np.void) -> BoardImage:
    """One core with one neuron, of that kind, connected to all axons."""
    image = BoardImage(
        board=load_board("tiny"),
        positions=np.zeros((1, 3), np.int32),
        core_ids=np.zeros(1, np.int64),
        seeds=np.zeros(1, np.uint32),
        axon_types=np.zeros((1, AXONS), np.uint8),
        crossbar=np.zeros((1, AXONS, NEURONS // 64), np.uint64),
        neuron_types=np.array([neuron(), kind], NEURON_DTYPE),
        types=np.zeros((1, NEURONS), np.uint16),
        targets=np.zeros((1, NEURONS), np.uint32),
    )
    image.crossbar[0, :, 0] = 1
    image.types[0, 0] = 1
    return image


def wide(emulator: Emulator) -> bool:
    return bool(emulator._engine._live.wide[0])


def course(kind, axons: int, ticks: int):
    """V after every tick on both engines, and whether the compiled one went over to 32 bits."""
    found = []
    for engine in ("reference", "compiled"):
        emulator = Emulator(one(kind), engine=engine)
        v = []
        for _ in range(ticks):
            emulator.inject(0, np.arange(axons), emulator.tick)
            emulator.run(1)
            v.append(int(emulator.potentials[0, 0]))
        found.append(v)
    assert found[0] == found[1]
    return found[1], wide(emulator)


def test_a_potential_that_outgrows_16_bits_goes_on_exactly_in_32() -> None:
    never = neuron(s=[255] * 4, alpha=200_000)
    v, promoted = course(never, axons=20, ticks=12)
    assert v == [255 * 20 * (t + 1) for t in range(12)]
    assert promoted


@pytest.mark.parametrize("sign", [-1, 1])
def test_light_weights_on_all_256_axons_stay_in_16_bits(sign) -> None:
    v, promoted = course(neuron(s=[sign * 126] * 4), axons=256, ticks=1)
    assert v == [sign * 126 * 256]
    assert not promoted


@pytest.mark.parametrize(("weight", "promoted"), [(127, False), (-127, False), (128, True)])
def test_the_last_potential_of_16_bits_is_32511_or_minus_32512(weight, promoted) -> None:
    """127 x 255 = 32,385 fits, 127 x 256 = 32,512 does not, -32,512 does."""
    axons = 255 if weight == 127 else 256
    assert course(neuron(s=[weight] * 4), axons, ticks=1) == ([weight * axons], promoted)
    assert course(neuron(s=[127] * 4), axons=256, ticks=1) == ([32_512], True)


def test_heavy_weights_on_more_rows_than_16_bits_hold_are_exact() -> None:
    v, promoted = course(neuron(s=[255] * 4), axons=256, ticks=1)
    assert v == [255 * 256]
    assert promoted


def test_a_threshold_that_no_16_bit_potential_reaches_is_met_exactly_in_32() -> None:
    kind = neuron(s=[100] * 4, alpha=40_000, gamma=1)
    assert course(kind, axons=100, ticks=5) == ([10_000, 20_000, 30_000, 0, 10_000], True)


def test_a_neuron_that_resets_to_what_16_bits_do_not_hold_is_never_narrow() -> None:
    v, promoted = course(neuron(s=[1] * 4, alpha=50, VR=17), axons=1, ticks=1)
    assert v == [1]
    assert promoted


def test_a_snapshot_of_narrow_potentials_is_that_of_the_reference_engine(tmp_path) -> None:
    kind = neuron(s=[3] * 4, alpha=1_000)
    image = one(kind)
    kept = []
    for engine in ("reference", "compiled"):
        with Emulator(image, engine=engine) as emulator:
            emulator.inject(0, np.arange(7), 0)
            emulator.run(3)
            emulator.snapshot(tmp_path / engine)
        after = Emulator.restore(image, tmp_path / engine, engine="compiled")
        kept.append((int(after.potentials[0, 0]), int(emulator.potentials[0, 0])))
    assert kept == [(21, 21)] * 2


@pytest.mark.parametrize("active", [0, 1, 63, 64, 65, 127, 128, 129, 192, 256])
def test_weights_of_minus_one_zero_and_one_are_summed_exactly_on_any_number_of_rows(active) -> None:
    """In bytes, 64 rows at a time: V = sum of the weights of the active axons' types, no leak."""
    rng = np.random.default_rng(active)
    weights = [1, -1, 0, 1]
    image = one(neuron(s=weights, alpha=1_000))
    image.types[:] = 1
    image.axon_types[:] = rng.integers(0, 4, (1, AXONS))
    bits = rng.random((AXONS, NEURONS)) < 0.8
    bits[:, 0] = True  # all rows on one neuron
    image.axon_types[0, :200] = np.where(rng.random(200) < 0.9, 0, image.axon_types[0, :200])
    image.crossbar[0] = np.packbits(bits, axis=1, bitorder="little").view(np.uint64)
    axons = np.sort(rng.permutation(AXONS)[:active])
    emulator = Emulator(image)
    emulator.inject(0, axons, 0)
    emulator.run(1)
    expected = np.array(weights)[image.axon_types[0, axons]] @ bits[axons]
    np.testing.assert_array_equal(emulator.potentials[0], expected)
    assert emulator.counters.synaptic_operations == bits[axons].sum()
    assert not wide(emulator)
    assert emulator._engine.board.flags[0] & arrays.TRINARY


@pytest.mark.parametrize(("weight", "bytes_"), [(1, True), (2, False), (-2, False)])
def test_a_heavier_weight_on_one_axon_type_is_not_summed_in_bytes(weight, bytes_) -> None:
    emulator = Emulator(one(neuron(s=[1, -1, 0, weight], alpha=1_000)))
    assert bool(emulator._engine.board.flags[0] & arrays.TRINARY) == bytes_


@pytest.mark.parametrize("weight", [-1, -2])
@pytest.mark.parametrize("beta", [0, 300, 32_511, 32_512, 200_000])
@pytest.mark.parametrize("kappa", [0, 1])
def test_a_floor_is_looked_at_where_a_16_bit_potential_can_fall_below_it(
    weight, beta, kappa
) -> None:
    """V falls by 200 |weight| a tick until it is below -beta; where that is far, it leaves 16 bits."""
    kind = neuron(s=[weight] * 4, alpha=1, beta=beta, kappa=kappa, gamma=0, VR=3)
    start = -32_000 if beta > 300 else 0
    kind["V0"] = start
    found, promoted = course(kind, axons=200, ticks=6)
    fallen = start + weight * 200
    assert found[0] == (fallen if fallen >= -beta else -beta if kappa else -7)
    leaves_16_bits = beta > 300  # the others do so in the tick in which they pass the floor
    assert promoted == leaves_16_bits
    flags = Emulator(one(kind))._engine.board.flags[0]
    assert bool(flags & arrays.FLOORS) == (beta <= 32_511)


@pytest.mark.parametrize(("beta", "promoted"), [(32_511, False), (32_512, True)])
def test_the_last_floor_of_16_bits_is_minus_32511(beta, promoted) -> None:
    """V comes to -32,512: below the one floor, and at the other, past which it leaves 16 bits."""
    kind = neuron(s=[-1] * 4, alpha=1, beta=beta, gamma=0, VR=3)
    kind["V0"] = -32_256
    v, wide_now = course(kind, axons=256, ticks=2)
    assert v == ([-7, -263] if beta == 32_511 else [-32_512, -7])
    assert wide_now == promoted
