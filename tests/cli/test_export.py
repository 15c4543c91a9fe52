"""``tnemu export``, and compiled models in the commands that take a model."""

from __future__ import annotations

from pathlib import Path

import pytest
from running import DATA, EX1, NO_CLAMP, ran, refused

pytestmark = pytest.mark.usefixtures("plain_terminal")


def test_a_model_is_compiled_runs_as_it_is_and_comes_back(tmp_path: Path) -> None:
    compiled, back = tmp_path / "ex1.tnbm", tmp_path / "back.json"
    done = ran("export", DATA / "ex1.json", "--to", "tnbm", "--out", compiled)
    assert done.stdout == f"{compiled}: 1 cores, 200 neurons that send\n"
    assert done.stderr == ""
    ran("export", compiled, "--out", back)
    texts = [
        ran("run", model, *EX1[2:], *NO_CLAMP, "--output", "-").stdout
        for model in (DATA / "ex1.json", compiled, back)
    ]
    assert texts[0] == texts[1] == texts[2]
    assert texts[0].count("\n") == 2 + 5396


def test_a_compiled_model_is_fitted_like_any_other(tmp_path: Path) -> None:
    ran("export", DATA / "ex1.json", "--out", tmp_path / "ex1.tnbm")
    text = ran("fit", tmp_path / "ex1.tnbm", "--board", "tiny").stdout
    assert text.startswith("ex1 on tiny\n")
    assert "1 of 32 cores of tiny" in text


def test_what_rests_on_a_guess_is_said_by_every_command(tmp_path: Path) -> None:
    source = (DATA / "ex1.json").read_text().replace('"rngSeed":4294967295', '"rngSeed":7')
    (tmp_path / "m.json").write_text(source)
    guess = "has seeds other than FFFFFFFF: "
    assert guess in ran("export", tmp_path / "m.json", "--out", tmp_path / "m.tnbm").stderr
    run = ("run", tmp_path / "m.tnbm", "--ticks", 1, "--output", tmp_path / "o.sfto")
    assert f"note: m.tnbm {guess}" in ran(*run).stderr
    assert guess in ran("export", tmp_path / "m.tnbm", "--out", tmp_path / "b.json").stderr
    folder = tmp_path / "image"
    assert guess in ran("fit", tmp_path / "m.tnbm", "--output", folder).stdout
    assert guess in ran("run", folder, *run[2:]).stderr


def test_a_file_that_is_not_understood_is_one_line(tmp_path: Path) -> None:
    ran("export", DATA / "ex1.json", "--out", tmp_path / "m.tnbm")
    data = bytearray((tmp_path / "m.tnbm").read_bytes())
    data[32 + 112 + 59] |= 128  # the last bit of the first row
    (tmp_path / "m.tnbm").write_bytes(data)
    text = refused("run", tmp_path / "m.tnbm", "--ticks", 1, "--output", "-")
    assert text == (
        "error: m.tnbm: core 0 neuron 0 (byte 203): bit 479 is set; no known file sets it, so what it "
        "says is not known\n"
    )
    text = refused("export", DATA / "ex1_spikes.sfti", "--out", tmp_path / "x.tnbm")
    assert "holds no network, it is a spike file" in text
