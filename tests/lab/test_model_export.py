"""Networks as model files: what is written gives the same spikes as what it was made from."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import students
import wirings
from formats import ibm_text
from hypothesis import given, settings
from hypothesis import strategies as st
from random_boards import SWITCHES, make_case

import tnemu
from corelets import Relay
from tnemu.emulator.emulator import Emulator
from tnemu.formats.errors import FormatError
from tnemu.formats.model_file import read_model
from tnemu.hardware import BoardImage
from tnemu.lab.export import COLUMNS, ExportError, export, model_form, network_of_image
from tnemu.networks.logical import LogicalOutput

MODEL = Path(__file__).parents[1] / "formats" / "data" / "ex1.json"


def outputs(image: BoardImage, ticks: int, events: list[tuple[int, int, int]]) -> list[tuple]:
    """(tick, connector number, pin of 256) of what leaves a board; events are (core id, axon, tick)."""
    with Emulator(image) as emulator:
        for core, axon, tick in events:
            emulator.inject(image.core_ids.tolist().index(core), axon, tick)
        found = emulator.run(ticks)
    columns = (found.tick, found.number - found.pin // 256, found.pin % 256)
    return sorted(zip(*(column.tolist() for column in columns), strict=True))


@given(st.integers(0, 2**20), st.sampled_from(["json", "tnbm"]))
@settings(max_examples=10)
def test_a_board_image_comes_back_from_a_model_file_with_the_same_spikes(
    tmp_path_factory: pytest.TempPathFactory, seed: int, kind: str
) -> None:
    """Any parameters, any wiring, noise included: only places are lost."""
    case = make_case(seed, 3, 20, 200, 0.5, noise=True, chip=SWITCHES[0])
    outs = (case.image.outputs[0], replace(case.image.outputs[1], number=-40))
    image = replace(case.image, outputs=outs)
    ids = image.core_ids[case.cores].tolist()
    events = list(zip(ids, case.axons.tolist(), case.ticks.tolist(), strict=True))
    path = tmp_path_factory.mktemp("export") / f"x.{kind}"
    done = export(image, path)
    assert (done.cores, done.inputs) == (3, None)
    again = tnemu.fit(path, "tiny").image
    assert outputs(again, 20, events) == outputs(image, 20, events)


@pytest.mark.parametrize("kind", ["json", "tnbm"])
def test_a_student_runs_from_its_model_file_on_its_table_of_inputs(
    kind: str, tmp_path: Path
) -> None:
    plan = tnemu.fit(students.small(), "tiny")
    done = export(students.small(), tmp_path / f"x.{kind}")
    assert str(done) == (
        f"{tmp_path}/x.{kind}: {plan.size.cores} cores, {done.wires:,} neurons that send; "
        f"{tmp_path}/x.inputs.csv: {done.taps:,} axons of inputs"
    )
    with open(tmp_path / "x.inputs.csv", newline="") as file:
        rows = list(csv.reader(file))
    assert rows[0] == list(COLUMNS)
    taps = [(name, *map(int, numbers)) for name, *numbers in rows[1:]]
    rng = np.random.default_rng(1)
    pins = set(np.flatnonzero(rng.random(plan.image.inputs[0].width) < 0.3).tolist())
    events = [(core, axon, delay) for _, pin, core, axon, delay in taps if pin in pins]
    with Emulator(plan.image) as emulator:
        expected = emulator.run(plan.latency_ticks, {"frame": sorted(pins)})
    found = outputs(tnemu.fit(tmp_path / f"x.{kind}", "tiny").image, plan.latency_ticks, events)
    assert len(found) > 5
    pins_out = sorted(zip(expected.tick.tolist(), expected.pin.tolist(), strict=True))
    assert [(tick, 256 * (-32 - number) + pin) for tick, number, pin in found] == pins_out


def test_model_files_of_both_kinds_are_made_into_each_other(tmp_path: Path) -> None:
    export(MODEL, tmp_path / "a.tnbm")
    export(tmp_path / "a.tnbm", tmp_path / "b.json")
    export(tmp_path / "b.json", tmp_path / "b", "tnbm")
    assert (tmp_path / "b").read_bytes() == (tmp_path / "a.tnbm").read_bytes()
    source, back = read_model(MODEL), read_model(tmp_path / "b.json")
    source.cores[0].name, source.cores[0].layer = "core 0", "cores"
    assert back == source
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.tnbm", "b", "b.json"]


def test_what_a_board_may_read_otherwise_is_said(tmp_path: Path) -> None:
    done = export(Relay(3), tmp_path / "x.tnbm")
    assert done.notes == (
        "x.tnbm has seeds other than FFFFFFFF: where a .tnbm keeps them is not proven by any known "
        "file, so a board may read something else",
    )
    assert export(Relay(3), tmp_path / "x.json").notes == ()


def test_an_image_on_disk_is_the_same_as_the_network_it_holds(tmp_path: Path) -> None:
    plan = tnemu.fit(students.small(), "tiny")
    plan.image.save(tmp_path / "image")
    export(tmp_path / "image", tmp_path / "a.json")
    export(students.small(), tmp_path / "b.json")
    a, b = read_model(tmp_path / "a.json"), read_model(tmp_path / "b.json")
    for network in (a, b):
        for core in network.cores:
            core.name = core.layer = ""
    assert a == b
    assert (tmp_path / "a.inputs.csv").read_text() == (tmp_path / "b.inputs.csv").read_text()
    found = network_of_image(plan.image)
    assert found.outputs == plan.network.outputs
    assert np.array_equal(found.wires, plan.network.wires)
    assert np.array_equal(found.inputs["frame"].taps, plan.network.inputs["frame"].taps)


def test_outputs_become_connectors_of_256_pins_and_may_not_share_one() -> None:
    made = wirings.network([wirings.core("a", used=3)], [(0, 2, ~0, 599, 3), (0, 0, ~0, 0, 1)],
                           outputs=600)  # fmt: skip
    found = model_form(made)
    assert found.outputs == {"-32": LogicalOutput(256, -32), "-34": LogicalOutput(256, -34)}
    assert found.wires.tolist() == [(0, 0, -1, 0, 1, 0, 0), (0, 2, -2, 599 - 512, 3, 0, 0)]
    assert found.inputs == {} and "in" in made.inputs
    made.outputs["next"] = LogicalOutput(256, -34)
    with pytest.raises(ExportError) as caught:
        model_form(made)
    assert str(caught.value) == (
        "outputs 'out' and 'next' both use the connector number -34; number outputs further apart, one "
        "for every 256 pins"
    )


@pytest.mark.parametrize(
    ("out", "kind", "message"),
    [
        ("x.sfto", None, "to = 'sfto': must be one of 'json', 'tnbm'; choose one of them"),
        ("x", None, "to = '': must be one of 'json', 'tnbm'; choose one of them"),
        ("x.json", "tnmb", "to = 'tnmb': must be one of 'json', 'tnbm'; did you mean 'tnbm'?"),
    ],
)
def test_a_kind_of_file_that_is_not_written_is_refused(
    out: str, kind: str | None, message: str, tmp_path: Path
) -> None:
    with pytest.raises(ExportError) as caught:
        export(MODEL, tmp_path / out, kind)
    assert str(caught.value) == message
    assert not list(tmp_path.iterdir())


def test_core_ids_with_gaps_are_kept_in_json_and_refused_in_tnbm(tmp_path: Path) -> None:
    model = ibm_text.model(2)
    model["cores"][1]["id"] = 5
    model["cores"][0]["neurons"]["destCores"] = ["5x256"]
    (tmp_path / "m.json").write_text(ibm_text.text(model))
    export(tmp_path / "m.json", tmp_path / "a.json")
    assert [core.number for core in read_model(tmp_path / "a.json").cores] == [0, 5]
    with pytest.raises(FormatError) as caught:
        export(tmp_path / "m.json", tmp_path / "a.tnbm")
    assert str(caught.value) == (
        "a .tnbm file cannot hold the core number 5 of 2 cores; number them 0..1, in any order"
    )
