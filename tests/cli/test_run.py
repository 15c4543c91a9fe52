"""``tnemu run``: IBM's files in, IBM's files out, and nothing half done."""

from __future__ import annotations

import hashlib
import runpy
from pathlib import Path

import numpy as np
import pytest
from running import (
    DATA,
    EX1,
    NO_CLAMP,
    ROOT,
    TONIC,
    image_of,
    network_of,
    ran,
    refused,
    run,
)

from tnemu.emulator.emulator import Emulator
from tnemu.formats.model_file import read_model
from tnemu.formats.model_writer import write_model
from tnemu.formats.spike_file import read_spikes, spikes, write_raw_spikes, write_spikes
from tnemu.hardware import neuron
from tnemu.lab import images, model_run
from tnemu.networks.logical import LogicalOutput

pytestmark = pytest.mark.usefixtures("plain_terminal")


# --- what comes out ------------------------------------------------------------------------------


@pytest.mark.parametrize("engine", ["numba", "reference"])
def test_the_ibm_written_example_gives_the_independently_derived_spikes(
    engine: str, tmp_path: Path
) -> None:
    ran(*EX1, *NO_CLAMP, "--engine", engine, "--output", tmp_path / "ex1.sfto")
    records = read_spikes(tmp_path / "ex1.sfto").records
    rows = [(int(r["time"]), int(r["core"]), int(r["axon"])) for r in records]
    assert rows == sorted(rows)
    assert (len(rows), rows[0], rows[-1]) == (5396, (1, -32, 0), (39, -32, 156))
    lines = "\n".join(f"{tick},{core},{axon}" for tick, core, axon in rows)
    assert (
        hashlib.sha256(lines.encode()).hexdigest()
        == "cc8dda3ab63d8e6fcc9c64f09f86362a2231b2fd8db3c5d077ae36814a43f79f"
    )


@pytest.mark.parametrize("engine", ["numba", "reference"])
def test_pytruenorths_example_fires_with_the_periods_of_the_chip(
    engine: str, tonic: tuple[Path, Path], tmp_path: Path
) -> None:
    model, given = tonic
    out = tmp_path / "out.sfto"
    ran("run", model, "--spikes", given, "--ticks", 100, "--output", out, "--engine", engine)
    records = read_spikes(out).records
    assert set(records["core"].tolist()) == {-32}
    fired = {pin: records["time"][records["axon"] == pin].tolist() for pin in TONIC}
    assert fired == TONIC
    assert len(records) == 55


def test_a_seed_of_the_run_is_other_noise_and_the_same_again(tmp_path: Path) -> None:
    network = network_of()
    network.cores[0].neurons[0] = neuron(alpha=10, TM=4, V0=17, gamma=2)
    write_model(network, tmp_path / "m.json")
    seeds = [(), ("--noise-seed", 7), ("--noise-seed", 7), ("--noise-seed", 8)]
    told = ("run", tmp_path / "m.json", "--ticks", 100, "--output", "-")
    one, seven, again, eight = (ran(*told, *seed).stdout for seed in seeds)
    assert seven == again
    assert len({one, seven, eight}) == 3
    assert refused(*told, "--noise-seed", 1 << 32) == (
        "error: noise_seed = 4294967296: must be a whole number in 0..4294967295; "
        "choose one in that range\n"
    )


def test_the_output_is_two_header_lines_and_one_object_a_spike(tmp_path: Path) -> None:
    write_model(network_of(), tmp_path / "m.json")
    result = ran("run", tmp_path / "m.json", "--ticks", 2, "--output", "-")
    assert result.stdout == (
        '{"class":"SpikeWriter","encoding":"TEXT","nscsVersion":"1.4.0"}\n'
        '{"version":"sfto1.0", "defaultDestinationDelay" : 1}\n'
        '{"spike":{"srcTime":0,"destCore":-32,"destAxon":0}}\n'
        '{"spike":{"srcTime":0,"destCore":-32,"destAxon":255}}\n'
        '{"spike":{"srcTime":1,"destCore":-32,"destAxon":0}}\n'
        '{"spike":{"srcTime":1,"destCore":-32,"destAxon":255}}\n'
    )
    counts, pace = result.stderr.splitlines()
    assert counts == (
        "2 ticks, 4 neurons fired, 4 spikes left ns1e, 0 synaptic operations, engine compiled"
    )
    assert pace.endswith("64.4 mW estimated for the chip: 64.4 static (assumed), 0 counted")


def test_connectors_are_sorted_within_a_tick(tmp_path: Path) -> None:
    network = network_of(3)
    network.wires["target"] = [~0, ~1, ~0]
    network.wires["pin"] = [9, 200, 3]
    network.outputs["-33"] = LogicalOutput(256, -33)
    write_model(network, tmp_path / "m.json")
    ran("run", tmp_path / "m.json", "--ticks", 1, "--output", tmp_path / "o.sfto")
    found = read_spikes(tmp_path / "o.sfto").records[["core", "axon"]].tolist()
    assert found == [(-33, 200), (-32, 3), (-32, 9)]


def test_an_input_is_seen_as_many_ticks_later_as_its_delay_says(
    tonic: tuple[Path, Path], tmp_path: Path
) -> None:
    model, _ = tonic
    one = np.concatenate([spikes(4, 1, 3, 1), spikes(6, 1, 3, 3), spikes(8, 1, 3, 15)])
    write_spikes(tmp_path / "one.sfti", one)
    probe = tmp_path / "v.npz"
    spiked = ("--spikes", tmp_path / "one.sfti", "--probe", f"potentials:1:7={probe}")
    ran("run", model, *spiked, "--ticks", 24, "--output", tmp_path / "o.sfto")
    # V of a neuron with leak -1 and reset at -0: +3 shows as 2, then it leaks back to 0.
    rises = np.flatnonzero(np.diff(np.load(probe)["potential"][:, 0], prepend=0) == 2)
    assert rises.tolist() == [5, 9, 23]


def test_binary_input_says_the_same_as_text(tonic: tuple[Path, Path], tmp_path: Path) -> None:
    model, given = tonic
    write_raw_spikes(tmp_path / "in.sfri", read_spikes(given).records)
    outputs = [
        ran("run", model, "--spikes", file, "--ticks", 30, "--output", "-").stdout
        for file in (given, tmp_path / "in.sfri")
    ]
    assert outputs[0] == outputs[1]
    assert outputs[0].count("\n") > 2


@pytest.mark.parametrize("board", ["tiny", "ns1e", "ns16e"])
def test_the_board_never_changes_a_spike(
    board: str, tonic: tuple[Path, Path], tmp_path: Path
) -> None:
    model, given = tonic
    result = ran(
        *("run", model, "--spikes", given, "--ticks", 100, "--board", board, "--output", "-")
    )
    assert result.stdout.count('"destAxon":123}') == len(TONIC[123])
    assert result.stdout.count("\n") == 2 + 55
    assert f"55 spikes left {board}," in result.stderr


@pytest.mark.parametrize("chunk", [1, 7])
def test_a_run_cut_into_pieces_writes_the_same_file(
    chunk: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = ran(*EX1, "--output", "-").stdout
    monkeypatch.setattr(model_run, "CHUNK_TICKS", chunk)
    assert ran(*EX1, "--output", "-").stdout == whole


def test_a_board_image_runs_like_the_model_it_came_from(tmp_path: Path) -> None:
    network = read_model(DATA / "ex1.json")
    image_of(network).save(tmp_path / "ex1.image")
    from_model = ran(*EX1, *NO_CLAMP, "--output", "-").stdout
    from_image = ran(*("run", tmp_path / "ex1.image", *EX1[2:], *NO_CLAMP, "--output", "-")).stdout
    assert from_image == from_model


def test_a_value_of_the_board_can_be_changed_for_a_model_and_for_an_image(tmp_path: Path) -> None:
    network = network_of()
    # A leak of 3 towards 0 from V = 1: with the clamp it stops at 0, without it it overshoots.
    network.cores[0].neurons[0] = neuron(alpha=9, beta=9, leak=-3, epsilon=1, V0=1)
    write_model(network, tmp_path / "m.json")
    image_of(network).save(tmp_path / "image")
    probe = tmp_path / "v.npz"
    for model in ("m.json", "image"):
        for value, expected in (("true", [0, 0, 0]), ("false", [-2, 1, -2])):
            ran(
                *("run", tmp_path / model, "--ticks", 3, "--output", tmp_path / "o.sfto"),
                *("--set", f"chip.leak_zero_clamp={value}"),
                *("--probe", f"potentials:0:0={probe}"),
            )
            assert np.load(probe)["potential"][:, 0].tolist() == expected


def test_pins_beyond_255_belong_to_the_next_connector_number(tmp_path: Path) -> None:
    image_of(network_of(width=600)).save(tmp_path / "wide")
    out = tmp_path / "o.sfto"
    ran("run", tmp_path / "wide", "--ticks", 1, "--output", out)
    found = read_spikes(out).records[["core", "axon"]].tolist()
    assert found == [(-34, 599 - 512), (-32, 0)]


# --- what is said --------------------------------------------------------------------------------


def test_inputs_after_the_last_tick_are_counted_not_dropped_in_silence(
    tonic: tuple[Path, Path], tmp_path: Path
) -> None:
    model, given = tonic
    result = ran("run", model, "--spikes", given, "--ticks", 40, "--output", tmp_path / "o.sfto")
    # 100 ticks of 2 spikes, seen one tick after they are sent: those sent in 0..38 are in time.
    assert result.stderr.splitlines()[2] == (
        "note: 122 input spikes arrive in tick 40 or later, after this run's last tick; run more "
        "ticks to use them"
    )
    assert result.stdout == ""


@pytest.mark.parametrize("core", [2, 7, -32])
def test_a_spike_to_a_core_that_is_not_there_is_refused_at_its_line(
    core: int, tonic: tuple[Path, Path], tmp_path: Path
) -> None:
    model, _ = tonic
    bad = tmp_path / "bad.sfti"
    write_spikes(bad, spikes([0, 0, 1], [1, core, 0], 3))
    text = refused("run", model, "--spikes", bad, "--ticks", 9, "--output", tmp_path / "o.sfto")
    assert text == (
        f"error: bad.sfti:4: destCore = {core} is not allowed; tonic.json has 2 cores, 0..1, and "
        "no core of that id\n"
    )
    assert not (tmp_path / "o.sfto").exists()


def test_a_spike_to_an_axon_that_is_not_there_is_refused_at_its_line(
    tonic: tuple[Path, Path], tmp_path: Path
) -> None:
    model, given = tonic
    given.write_text(given.read_text().replace('"destAxon":4', '"destAxon":256', 1))
    text = refused("run", model, "--spikes", given, "--ticks", 9, "--output", "-")
    assert text.startswith("error: in.sfti:4: destAxon = 256 is not allowed")


def test_a_wrong_model_or_board_value_is_one_message(tmp_path: Path) -> None:
    (tmp_path / "m.json").write_text('{"model": {}}')
    text = refused("run", tmp_path / "m.json", "--ticks", 1, "--output", "-")
    assert text == "error: m.json:1: model has no 'coreCount'; add it\n"
    text = refused(*EX1, "--output", "-", "--set", "chip.leak_zero_clmp=false")
    assert text.startswith("error: board 'ns1e' has no key 'chip.leak_zero_clmp'")
    text = refused(*EX1, "--output", "-", "--engine", "fast")
    assert text == "error: there is no engine 'fast'; choose one of: compiled, reference\n"


def test_outputs_with_one_number_are_refused(tmp_path: Path) -> None:
    network = network_of(width=300)
    network.outputs["next"] = LogicalOutput(256, -33)
    image_of(network).save(tmp_path / "image")
    text = refused("run", tmp_path / "image", "--ticks", 1, "--output", "-")
    assert text == (
        "error: outputs '-32' and 'next' both use the connector number -33; number outputs further "
        "apart, one for every 256 pins\n"
    )


def test_cores_with_one_number_cannot_be_sent_spikes(tmp_path: Path) -> None:
    network = network_of()
    network.cores[1].number = 0
    image_of(network).save(tmp_path / "image")
    write_spikes(tmp_path / "in.sfti", spikes(0, 0, 0))
    given = ("--spikes", tmp_path / "in.sfti")
    text = refused("run", tmp_path / "image", *given, "--ticks", 1, "--output", "-")
    assert "image has cores with the same number, so a spike file cannot tell them apart" in text
    ran("run", tmp_path / "image", "--ticks", 1, "--output", tmp_path / "o.sfto")


def test_a_model_larger_than_a_limit_is_refused_with_the_limit(tmp_path: Path) -> None:
    write_model(network_of(), tmp_path / "m.json")
    size = (tmp_path / "m.json").stat().st_size
    arguments = ("run", tmp_path / "m.json", "--ticks", 1, "--output", "-", "--most-bytes")
    assert f"has {size:,} bytes, the limit is {size - 1:,}" in refused(*arguments, size - 1)
    ran(*arguments, size)


def test_an_image_brings_its_board(tmp_path: Path) -> None:
    image_of(network_of()).save(tmp_path / "image")
    text = refused("run", tmp_path / "image", "--ticks", 1, "--output", "-", "--board", "ns1e")
    assert "is a board image, which brings its board; leave out --board, or change single" in text


def test_a_model_runs_on_the_smallest_board_that_holds_it() -> None:
    assert [images.smallest_board(n).name for n in (1, 4096, 4097, 65536, 65537, 10**6)] == [
        *("ns1e", "ns1e", "ns16e", "ns16e", "ns16e-4", "ns16e-4")
    ]


# --- whole or not at all -------------------------------------------------------------------------


def test_a_run_that_fails_leaves_the_older_files_and_no_scratch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out, probe = tmp_path / "o.sfto", tmp_path / "p.npz"
    out.write_text("older")

    def interrupted(*_: object, **__: object) -> None:
        assert len(list(tmp_path.iterdir())) == 2  # the older file and a hidden one
        raise KeyboardInterrupt

    monkeypatch.setattr(Emulator, "run", interrupted)
    result = run(*EX1, "--output", out, "--probe", f"spikes={probe}")
    assert (result.exit_code, result.stdout) == (130, "")
    assert [path.name for path in tmp_path.iterdir()] == ["o.sfto"]
    assert out.read_text() == "older"


def test_a_name_that_cannot_be_written_fails_before_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(*_: object, **__: object) -> None:
        raise AssertionError("it ran")

    monkeypatch.setattr(Emulator, "run", never)
    text = refused(*EX1, "--output", tmp_path / "absent" / "o.sfto")
    assert "o.sfto: No such file or directory; give a name in a folder that exists," in text


# --- the example ---------------------------------------------------------------------------------


def test_the_tonic_example_prints_the_published_periods(capsys: pytest.CaptureFixture[str]) -> None:
    runpy.run_path(str(ROOT / "examples" / "tonic_spiking.py"), run_name="__main__")
    text = capsys.readouterr().out
    assert text.startswith("55 spikes in 100 ticks\n")
    for line in (
        f"free 0     period 10, phase 0: {TONIC[0]}",
        f"free 1     period 10, phase 9: {TONIC[1]}",
        f"free 2     period  6, phase 0: {TONIC[2]}",
        f"driven 7   period  5, phase 1: {TONIC[123]}",
    ):
        assert line in text
