"""The emulator's face: loading, injecting, running, recording, draining, and its refusals."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tnemu.emulator.emulator import Emulator, EmulatorError
from tnemu.emulator.engines import registry
from tnemu.emulator.inputs import InputError
from tnemu.emulator.state import Counters
from tnemu.hardware import BoardImage, ImageError, TnemuError, neuron
from tnemu.hardware.image import TAP_DTYPE

ENGINES = list(registry())


@pytest.fixture(params=ENGINES)
def chip(request, relay):
    """pin "in" 0 -> core 0 -> core 1 -> pin "out" 5, every delay 1."""
    return Emulator(relay(), engine=request.param)


def looped(relay) -> BoardImage:
    """Core 0 sends to itself and never stops once it has started."""
    image = relay()
    targets = image.targets.copy()
    targets[0, 0] = 1 << 2
    return replace(image, targets=targets)


def test_a_pin_spikes_through_to_an_output(chip):
    out = chip.run(10, spikes={"in": [0]})
    assert out.records.tolist() == [(2, 0, 5)]
    assert chip.tick == 10
    assert chip.counters == Counters(
        ticks=10,
        spikes=2,
        synaptic_operations=2,
        input_spikes=1,
        output_spikes=1,
        hops=7 + 4,
        chip_crossings=2,
    )


def test_pins_are_a_mask_or_numbers(chip):
    for pins in ([True], np.array([True]), [0], np.array([0], np.uint8), 0):
        start = chip.tick
        assert chip.run(4, spikes={"in": pins}).tick.tolist() == [start + 2]
    for nothing in ([False], [], np.array([], np.int64)):
        assert len(chip.run(4, spikes={"in": nothing})) == 0


def test_pins_and_ticks_broadcast(chip):
    chip.inject_pins("in", 0, [3, 7, 8])
    assert chip.run(20).tick.tolist() == [5, 9, 10]


def test_one_pin_with_many_taps_reaches_them_all(relay):
    """Taps in any order of pins; pin 1 has none."""
    taps = np.array([(2, 1, 0, 2), (0, 0, 0, 1), (2, 1, 0, 1), (0, 1, 0, 9)], TAP_DTYPE)
    image = relay()
    wide = replace(image, inputs=(replace(image.inputs[0], width=3, taps=taps),))
    chip = Emulator(wide)
    chip.run(20, spikes={"in": [1, 2]}, record_spikes=True)
    assert chip.last_spikes.records.tolist() == [(1, 1, 0), (2, 1, 0)]
    chip.run(20, spikes={"in": [True, False, False]}, record_spikes=True)
    assert chip.last_spikes.records.tolist() == [(21, 0, 0), (22, 1, 0), (29, 1, 0)]


def test_pin_numbers_may_be_bytes(relay):
    """255 + 1 does not fit in a byte, which is how 256 pixels' numbers may well be stored."""
    image = relay()
    taps = np.array([(255, 0, 0, 1)], TAP_DTYPE)
    chip = Emulator(replace(image, inputs=(replace(image.inputs[0], width=256, taps=taps),)))
    chip.inject_pins("in", np.arange(256, dtype=np.uint8), np.uint64(4))
    assert chip.run(20).tick.tolist() == [6]


def test_a_step_is_a_run_of_one_tick(chip):
    chip.inject(1, 0, 0)
    assert chip.step().pins("out").tolist() == [5]
    assert chip.tick == 1


def test_a_run_of_0_ticks_changes_nothing(chip):
    chip.inject(1, 0, 0)
    assert len(chip.run(0)) == 0
    assert (chip.tick, chip.in_flight, chip.counters) == (0, 1, Counters())


def test_potentials_are_a_copy(chip):
    chip.potentials[:] = 99
    assert not chip.potentials.any()
    assert (chip.potentials.shape, chip.potentials.dtype) == ((2, 256), np.int32)


def test_potentials_start_at_v0_where_a_neuron_is_used(relay):
    image = relay()
    kinds = image.neuron_types.copy()
    kinds["V0"] = [77, -5]
    chip = Emulator(replace(image, neuron_types=kinds))
    assert chip.potentials[:, 0].tolist() == [-5, -5]
    assert not chip.potentials[:, 1:].any()


def test_output_spikes_count_by_pin_and_name(chip):
    out = chip.run(30, spikes={"in": [0]})
    assert out.counts("out").tolist() == [0, 0, 0, 0, 0, 1]
    assert out.of("out").tolist() == [(2, 0, 5)]
    assert out.number.tolist() == [-32]
    with pytest.raises(ImageError, match="no output connector 'in'; it has: 'out'"):
        out.counts("in")


def test_drain_ticks_until_nothing_is_in_flight(chip):
    chip.inject(0, 0, [0, 50])
    assert chip.drain().tick.tolist() == [1, 51]
    assert (chip.tick, chip.in_flight) == (52, 0)
    assert len(chip.drain()) == 0
    assert chip.tick == 52


@pytest.mark.parametrize("engine", ENGINES)
def test_drain_gives_up_on_a_network_that_keeps_itself_going(relay, engine):
    chip = Emulator(looped(relay), engine=engine)
    chip.inject(0, 0, 0)
    with pytest.raises(EmulatorError) as error:
        chip.drain(limit_ticks=25)
    assert str(error.value) == (
        "1 spikes are still in flight after 25 ticks of drain; "
        "use run(ticks) for a network that keeps itself going"
    )
    assert chip.tick == 25


@pytest.mark.parametrize(
    ("limit", "kept", "truncated"), [(9, 9, True), (10, 10, False), (11, 10, False), (0, 0, True)]
)
@pytest.mark.parametrize("engine", ENGINES)
def test_recorded_spikes_stop_at_the_limit_and_say_so(relay, engine, limit, kept, truncated):
    chip = Emulator(looped(relay), engine=engine)
    chip.inject(0, 0, 0)
    chip.run(10, record_spikes=True, spike_limit=limit)
    assert chip.last_spikes.records.tolist() == [(t, 0, 0) for t in range(kept)]
    assert chip.last_spikes.truncated is truncated


def test_only_the_chosen_cores_are_recorded(chip):
    chip.run(10, spikes={"in": [0]}, record_spikes=[1])
    assert chip.last_spikes.records.tolist() == [(2, 1, 0)]
    chip.run(10)
    assert len(chip.last_spikes) == 1, "a run that records nothing keeps the last record"


def test_an_image_opened_memory_mapped_runs_as_it_is(chip, relay, tmp_path):
    relay().save(tmp_path / "image")
    mapped = Emulator(BoardImage.load(tmp_path / "image"))
    assert mapped.run(5, spikes={"in": [0]}).records.tolist() == [(2, 0, 5)]


def test_a_board_without_cores_ticks(relay):
    image = relay()
    per_core = ("positions", "core_ids", "seeds", "axon_types", "crossbar", "types", "targets")
    empty = {name: getattr(image, name)[:0] for name in per_core}
    for engine in ENGINES:
        chip = Emulator(replace(image, inputs=(), **empty), engine=engine)
        chip.run(3)
        assert chip.counters == Counters(ticks=3)


# Refusals


def test_an_unknown_engine_is_refused_with_the_list(relay):
    with pytest.raises(EmulatorError) as error:
        Emulator(relay(), engine="cuda")
    assert str(error.value) == "there is no engine 'cuda'; choose one of: compiled, reference"


def test_an_inconsistent_image_is_refused(relay):
    image = relay()
    with pytest.raises(ImageError, match="axon type 4 does not exist"):
        Emulator(replace(image, axon_types=image.axon_types + np.uint8(4)))


def test_a_closed_emulator_does_not_run(relay):
    with Emulator(relay()) as chip:
        chip.run(3)
    assert chip.tick == 3
    with pytest.raises(EmulatorError, match="the emulator is closed; run it inside its 'with'"):
        chip.run(1)


@pytest.mark.parametrize(
    ("ask", "kind", "message"),
    [
        (lambda c: c.run(-1), EmulatorError, "a run of -1 ticks is not possible; run a whole"),
        (lambda c: c.run(2.5), EmulatorError, "a run of 2.5 ticks is not possible; run a whole"),
        (
            lambda c: c.inject(2, 0, 9),
            InputError,
            "core = 2: must be a whole number in 0..1; use an index into the image's cores",
        ),
        (lambda c: c.inject(-1, 0, 9), InputError, "core = -1: must be"),
        (
            lambda c: c.inject(0, 256, 9),
            InputError,
            "axon = 256: must be a whole number in 0..255; a core has 256",
        ),
        (
            lambda c: c.inject(0, [0, 0], [9, 4]),
            InputError,
            r"tick\[1\] = 4: must be a whole number in 5\.\.70368744177663; the next tick is 5",
        ),
        (lambda c: c.inject(0, 0, 2**46), InputError, "tick = 70368744177664: must be"),
        (lambda c: c.inject(0, 0.5, 9), InputError, "axon = 0.5: must be a whole number"),
        (lambda c: c.inject([0, 1], [1, 2, 3], 9), InputError, r"core \(2,\), axon \(3,\)"),
        (lambda c: c.inject_pins("no", [0]), ImageError, "no input connector 'no'; it has: 'in'"),
        (
            lambda c: c.inject_pins("in", [1]),
            InputError,
            r"pins\[0\] = 1: must be a whole number in 0\.\.0; input 'in' has pins 0\.\.0",
        ),
        (
            lambda c: c.run(1, spikes={"in": np.zeros(3, bool)}),
            InputError,
            r"input 'in' has 1 pins, the spikes have shape \(3,\); give bool \[1\], a raster bool \[ticks, 1\], or",
        ),
        (lambda c: c.inject_pins("in", [0], 3), InputError, "an input spike lands in tick 4"),
        (lambda c: c.inject_pins("in", [0, 0], [9, 9, 9]), InputError, r"pins \(2,\), tick \(3,\)"),
        (lambda c: c.run(1, spikes={"in": 0, "no": 0}), ImageError, "no input connector 'no'"),
        (
            lambda c: c.run(1, spikes={"in": 0}, record_spikes=[2]),
            InputError,
            r"record_spikes\[0\] = 2: must be a whole number in 0\.\.1",
        ),
    ],
)
def test_what_no_board_could_do_is_refused_and_changes_nothing(chip, ask, kind, message):
    chip.run(5)
    before = (chip.tick, chip.in_flight)
    assert issubclass(kind, TnemuError)
    with pytest.raises(kind, match=message):
        ask(chip)
    assert (chip.tick, chip.in_flight) == before


def test_a_neuron_record_of_a_type_that_no_neuron_has_does_nothing(relay):
    image = relay()
    kinds = np.append(
        image.neuron_types, np.array([neuron(alpha=0, V0=3)], image.neuron_types.dtype)
    )
    chip = Emulator(replace(image, neuron_types=kinds))
    chip.run(5)
    assert chip.counters.spikes == 0
