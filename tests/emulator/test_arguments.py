"""What callers hand over is refused by name, value and what is allowed; nothing is guessed."""

from __future__ import annotations

import os
from types import SimpleNamespace

import numpy as np
import pytest

import tnemu
from tnemu.emulator.emulator import Emulator
from tnemu.emulator.errors import EmulatorError, InputError
from tnemu.emulator.lanes import LaneEmulator
from tnemu.emulator.state import LAST_TICK
from tnemu.errors import TnemuError


@pytest.fixture(params=["alone", "lanes"])
def both(request, relay):
    """An emulator of either class, at tick 3."""
    made = Emulator(relay()) if request.param == "alone" else LaneEmulator(relay(), 2)
    made.run(3)
    return made


NAN = float("nan")
CALLS = {
    "run 2**63": (lambda e: e.run(2**63), "a run of 9223372036854775808 ticks from tick 3 passes"),
    "run 2**70": (lambda e: e.run(2**70), r"passes the last tick \d+; run \d+ at most"),
    "run over": (lambda e: e.run(LAST_TICK - 2), "passes the last tick"),
    "run True": (
        lambda e: e.run(True),
        "a run of True ticks is not possible; run a whole number, 0 or more",
    ),
    "run nan": (lambda e: e.run(NAN), "a run of nan ticks is not possible"),
    "run '1'": (lambda e: e.run("1"), "a run of '1' ticks is not possible"),
    "run None": (lambda e: e.run(None), "a run of None ticks is not possible"),
    "drain 1.5": (lambda e: e.drain(1.5), "limit_ticks = 1.5: must be a whole number in"),
    "drain -1": (lambda e: e.drain(-1), "limit_ticks = -1: must be a whole number"),
    "drain far": (lambda e: e.drain(2**62), "passes the last tick"),
    "snapshot": (
        lambda e: e.snapshot(None),
        "cannot write snapshot None: it is no path; give a name",
    ),
    "snapshot 3": (lambda e: e.snapshot(3), "cannot write snapshot 3: it is no path"),
    "restore": (
        lambda e: type(e).restore(e.image, None),
        "cannot read snapshot None: it is no path",
    ),
    "limit None": (
        lambda e: e.run(1, record_spikes=True, spike_limit=None),
        "spike_limit = None: must be a whole number in 0..",
    ),
    "limit nan": (lambda e: e.run(1, spike_limit=NAN), "spike_limit = nan: must be"),
    "limit -1": (lambda e: e.run(1, spike_limit=-1), "spike_limit = -1: must be"),
    "record str": (
        lambda e: e.run(1, record_spikes="all"),
        "record_spikes = 'all': must be a whole number in 0..1; use True, False",
    ),
    "record None": (
        lambda e: e.run(1, record_spikes=None),
        "record_spikes = None: must be a whole number",
    ),
    "record nan": (
        lambda e: e.run(1, record_spikes=[NAN]),
        r"record_spikes = \[nan\]: must be a who",
    ),
    "record 0.7": (
        lambda e: e.run(1, record_spikes=[0.7]),
        r"record_spikes = \[0.7\]: must be a whol",
    ),
    "record 2**70": (
        lambda e: e.run(1, record_spikes=[2**70]),
        r"record_spikes\[0\] = 1180591620717411303424: must be",
    ),
    "record number": (
        lambda e: e.run(1, record_spikes=1),
        "record_spikes = 1: must be True, False, or a list of core ind",
    ),
    "record mask": (
        lambda e: e.run(1, record_spikes=[True, False]),
        r"= \[True, False\]: must be a whole",
    ),
    "record ragged": (
        lambda e: e.run(1, record_spikes=[[1], [1, 2]]),
        "its rows have unequal lengths",
    ),
    "record far": (
        lambda e: e.run(1, record_spikes=[0, 2]),
        r"record_spikes\[1\] = 2: must be a whole number in 0..1; use True",
    ),
    "core 0.0": (
        lambda e: e.inject(0.0, 0, 9),
        "core = 0.0: must be a whole number in 0..1; use an index into",
    ),
    "core True": (lambda e: e.inject(True, 0, 9), "core = True: must be a whole number"),
    "axon nan": (
        lambda e: e.inject(0, [NAN], 9),
        r"axon = \[nan\]: must be a whole number in 0\.\.255; a core has 256",
    ),
    "axon None": (lambda e: e.inject(0, None, 9), "axon = None: must be a whole number"),
    "tick 9.0": (
        lambda e: e.inject(0, 0, 9.0),
        "tick = 9.0: must be a whole number in 3..70368744177663; the next tick",
    ),
    "tick str": (lambda e: e.inject(0, 0, "9"), "tick = '9': must be a whole number"),
    "tick 2**64": (lambda e: e.inject(0, 0, 2**64), "tick = 18446744073709551616: must be"),
    "tick uint": (
        lambda e: e.inject(0, 0, np.uint64(2**64 - 1)),
        "tick = 18446744073709551615: must",
    ),
    "tick over": (
        lambda e: e.inject(0, 0, 2),
        "tick = 2: must be a whole number in 3..70368744177663; the next tick is 3",
    ),
    "ragged": (
        lambda e: e.inject([[0], [0, 1]], 0, 9),
        "its rows have unequal lengths",
    ),
    "74 GB": (
        lambda e: e.inject(np.zeros((1, 1000), int), 0, np.full((3_100_000, 1), 9)),
        "3,100,000,000 spikes are more than the 67,108,864 that one call may inject; inject them in",
    ),
    "spikes list": (
        lambda e: e.run(1, [0]),
        r"spikes = \[0\]: must map names of inputs to pins; write {'name': pins}",
    ),
    "spikes array": (lambda e: e.run(1, np.ones(1, bool)), "must map names of inputs to pins"),
    "no input": (lambda e: e.run(1, {"no": [0]}), "no input connector 'no'; it has: 'in'"),
}


@pytest.mark.parametrize("call", CALLS)
def test_it_is_refused_by_name_and_changes_nothing(both, call):
    ask, message = CALLS[call]
    before = (both.tick, both.in_flight, both.counters)
    with pytest.raises(TnemuError, match=message):
        ask(both)
    assert (both.tick, both.in_flight, both.counters) == before


def test_a_refused_run_queues_none_of_its_spikes(both):
    one = np.ones((2, 1), bool) if isinstance(both, LaneEmulator) else [0]
    for spikes, more in (({"in": one, "no": one}, {}), ({"in": one}, {"record_spikes": [9]})):
        with pytest.raises(TnemuError):
            both.run(1, spikes, **more)
        with pytest.raises(TnemuError):
            both.run(2**63, {"in": one})
        assert both.in_flight == 0


PINS = {
    "uint64": (
        lambda c: c.inject_pins("in", [0], np.uint64(2**64 - 1)),
        "tick = 1844674407370955161",
    ),
    "late": (lambda c: c.inject_pins("in", [0], 2**63 - 1), "tick = 9223372036854775807: must be"),
    "ragged": (
        lambda c: c.inject_pins("in", [[0], [0, 0]]),
        "which is no array; give a mask or pin",
    ),
    "float": (
        lambda c: c.inject_pins("in", 0.5),
        "pins = .*0.5.*: must be a whole number in 0..0; input 'in' has pins",
    ),
    "huge": (lambda c: c.inject_pins("in", [2**70]), "= 1180591620717411303424: must be"),
}


@pytest.mark.parametrize("call", PINS)
def test_pins_that_are_none_are_refused(relay, call):
    chip = Emulator(relay())
    ask, message = PINS[call]
    with pytest.raises(InputError, match=message):
        ask(chip)
    assert chip.in_flight == 0


def test_masked_numbers_are_checked_as_well(relay):
    """A masked array's minimum and maximum leave them out; compiled code would not."""
    chip = Emulator(relay())
    hidden = np.ma.masked_array([0, 99], mask=[False, True])
    with pytest.raises(InputError, match=r"core\[1\] = 99: must be"):
        chip.inject(hidden, 0, 9)
    with pytest.raises(InputError, match=r"pins\[1\] = 99: must be"):
        chip.inject_pins("in", hidden)
    assert chip.in_flight == 0


def test_lanes_take_masks_of_their_shape_and_one_tick(relay):
    boards = LaneEmulator(relay(), 2)
    for pins in ([0], None, np.zeros((2, 1)), np.zeros(2, bool)):
        with pytest.raises(InputError, match=r"input 'in' of 2 lanes takes bool \[2, 1\], not"):
            boards.inject_pins("in", pins)
    with pytest.raises(InputError, match=r"tick = \[4, 5\]: must be a whole number"):
        boards.inject_pins("in", np.ones((2, 1), bool), [4, 5])
    with pytest.raises(
        InputError, match=r"lane\[1\] = 2: must be a whole number in 0\.\.1; use one of the"
    ):
        boards.inject(0, 0, 5, lane=[0, 2])
    assert boards.in_flight == 0


MAKES = {
    "threads True": (
        {"threads": True},
        "threads = True: must be a whole number in 1..256",
    ),
    "threads 2.0": ({"threads": 2.0}, "threads = 2.0: must be"),
    "threads many": ({"threads": 10**6}, "threads = 1000000: must be"),
    "engine list": (
        {"engine": ["compiled"]},
        r"there is no engine \['compiled'\]; choose one of: ",
    ),
    "engine None": (
        {"engine": None},
        "there is no engine None; choose one of: compiled, reference",
    ),
    "reference threads": (
        {"engine": "reference", "threads": 2},
        "threads = 2: the engine 'reference' runs in one thread; leave threads out, or choose an",
    ),
    "lanes": ({"lanes": 64}, r"use tnemu.LaneEmulator\(image, lanes=64\)"),
}


@pytest.mark.parametrize("make", MAKES)
def test_an_emulator_that_cannot_be_is_refused(relay, tmp_path, make):
    options, message = MAKES[make]
    Emulator(relay()).snapshot(tmp_path / "state")
    with pytest.raises(EmulatorError, match=message):
        Emulator(relay(), **options)
    with pytest.raises(EmulatorError, match=message):
        Emulator.restore(relay(), tmp_path / "state", **options)


@pytest.mark.parametrize("given", [None, "x", 3, object(), SimpleNamespace(image="x")])
@pytest.mark.parametrize("kind", [Emulator, lambda image: LaneEmulator(image, 2)])
def test_what_is_no_image_is_named(kind, given):
    with pytest.raises(
        EmulatorError, match=r"Emulator runs a BoardImage, or a plan that has one; .* is a "
    ):
        kind(given)


def test_a_plan_runs_as_its_image_does(relay):
    plan = SimpleNamespace(image=relay())
    assert Emulator(plan).run(5, {"in": [0]}).records.tolist() == [(2, 0, 5)]
    assert LaneEmulator(plan, 2).run(5, {"in": np.ones((2, 1), bool)}).lane.tolist() == [0, 1]


def test_whole_numbers_of_numpy_are_whole_numbers(relay):
    chip = Emulator(relay(), threads=np.uint8(1))
    chip.inject(np.int8(0), np.array([0], np.uint64), np.int16(2))
    out = chip.run(np.int64(20), record_spikes=np.array([0, 1], np.uint8), spike_limit=np.uint8(9))
    assert out.tick.tolist() == [3]
    assert len(chip.last_spikes) == 2
    assert len(chip.run(1, record_spikes=np.bool_(True))) == 0
    boards = LaneEmulator(relay(), np.int8(65))
    boards.inject(0, 0, 2, lane=np.uint8(64))
    assert boards.run(np.uint8(20)).lane.tolist() == [64]


def test_the_last_tick_can_be_reached_and_its_snapshot_read(relay, tmp_path):
    chip = Emulator(relay(), engine="reference")
    chip._state.clock[0] = LAST_TICK - 2
    chip.inject(0, 0, LAST_TICK - 1)
    with pytest.raises(EmulatorError, match="run 2 at most"):
        chip.run(3)
    chip.run(2)
    assert chip.tick == LAST_TICK
    with pytest.raises(EmulatorError, match="run 0 at most"):
        chip.step()
    chip.snapshot(tmp_path / "end.npz")
    assert Emulator.restore(relay(), tmp_path / "end.npz").tick == LAST_TICK


CLOSED = {
    "run": lambda e: e.run(1),
    "step": lambda e: e.step(),
    "drain": lambda e: e.drain(),
    "inject": lambda e: e.inject(0, 0, 9),
    "inject_pins": lambda e: e.inject_pins("in", np.ones((2, 1), bool)),
    "snapshot": lambda e: e.snapshot(os.devnull),
}


@pytest.mark.parametrize("call", CLOSED)
def test_a_closed_emulator_refuses_everything_but_to_be_read(both, call):
    both.close()
    with pytest.raises(EmulatorError, match=r"closed"):
        CLOSED[call](both)
    both.close()
    assert both.tick == 3


def test_what_is_printed_can_be_read(relay):
    chip, boards = Emulator(relay(), engine="reference"), tnemu.LaneEmulator(relay(), 65)
    assert repr(chip) == (
        "<Emulator of tiny, 2 cores, engine reference, tick 0; inputs: 'in' 1 pins; "
        "outputs: 'out' 6 pins>"
    )
    out = chip.run(8, {"in": [0]}, record_spikes=True)
    assert repr(out) == "<OutputSpikes: 1 spike in ticks 2..2: 'out' pin 5 in tick 2>"
    assert repr(chip.last_spikes) == (
        "<NeuronSpikes: 2 firings in ticks 1..2: core 0 neuron 0 in tick 1, core 1 neuron 0 in tick 2>"
    )
    chip.inject(0, 0, range(8, 20))
    chip.run(1000, record_spikes=True, spike_limit=5)
    assert repr(chip.last_spikes).startswith(
        "<NeuronSpikes: 5 firings in ticks 8..10, cut at the limit: "
    )
    assert repr(chip.last_spikes).endswith(", ...>")
    assert repr(chip.run(1)) == "<OutputSpikes: none>"
    assert str(chip.counters).startswith("1,009 ticks, 26 spikes, 26 synaptic operations, ")
    assert repr(boards).startswith(
        "<LaneEmulator of 65 lanes of tiny, 2 cores, engine compiled, tick 0;"
    )
    assert repr(boards.run(1)) == "<LaneSpikes of 65 lanes: <OutputSpikes: none>>"
    boards.close()
    assert "tick 1, closed; " in repr(boards)
