"""``tnemu diff``: what it prints, and its status, which is that of diff(1)."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from running import EX1, ran, run

from tnemu.formats.spike_file import spikes, write_spikes

pytestmark = pytest.mark.usefixtures("plain_terminal")


def write(path: Path, *rows: tuple[int, ...]) -> Path:
    write_spikes(path, np.concatenate([spikes(*row) for row in rows]))
    return path


def test_equal_files_are_status_0(tmp_path: Path) -> None:
    a = write(tmp_path / "a", (1, -32, 5), (2, -32, 5), (2, -32, 5))
    b = write(tmp_path / "b", (2, -32, 5), (1, -32, 5))
    result = ran("diff", a, b)
    assert result.stdout == f"equal: 2 spikes\nrepeated in {a}: 1\n"
    assert result.stderr == ""


def test_the_first_difference_is_named_with_what_each_has_and_is_status_1(tmp_path: Path) -> None:
    a = write(tmp_path / "a", (1, -32, 5), (2, -32, 5), (3, -32, 1))
    b = write(tmp_path / "b", (1, -32, 5), (2, -32, 6), (9, 7, 1, 2))
    result = run("diff", a, b)
    assert (result.exit_code, result.stderr) == (1, "")
    assert result.stdout.splitlines() == [
        "first difference: tick 2, connector -32, pin 5",
        f"  {a}: has it",
        f"  {b}: has not; its next is tick 2, connector -32, pin 6",
        f"only in {a}: 2",
        f"only in {b}: 2",
        "in both: 1",
    ]
    result = run("diff", b, write(tmp_path / "c", (1, -32, 5), (2, -32, 6)))
    assert result.stdout.splitlines()[:3] == [
        "first difference: tick 9, core 7, axon 1, delay 2",
        f"  {b}: has it",
        f"  {tmp_path / 'c'}: has not, and none after it",
    ]


def test_json_says_the_same(tmp_path: Path) -> None:
    a = write(tmp_path / "a", (1, 3, 5))
    facts = json.loads(run("diff", "--json", a, write(tmp_path / "b", (1, 3, 5, 2))).stdout)
    assert facts["equal"] is False
    assert facts["first"] == {"tick": 1, "core": 3, "axon": 5, "delay": 1, "holds": "spikes"}
    assert (facts["a"]["delay"], facts["b"]["delay"]) == (1, 2)
    assert (facts["only_a"], facts["only_b"], facts["common"]) == (1, 1, 0)
    assert json.loads(ran("diff", "--json", a, a).stdout)["equal"] is True


def test_a_file_that_cannot_be_read_is_status_2(tmp_path: Path) -> None:
    a = write(tmp_path / "a", (1, 3, 5))
    result = run("diff", a, tmp_path / "absent")
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith("error: cannot read spike file ")
    (tmp_path / "bad").write_text(a.read_text() + "{\n")
    result = run("diff", a, tmp_path / "bad")
    assert result.exit_code == 2
    assert result.stderr.startswith("error: bad:4:")


def test_two_runs_of_one_model_are_equal_and_one_of_fewer_ticks_is_not(tmp_path: Path) -> None:
    ours, theirs, other = (tmp_path / name for name in ("ours", "theirs", "other"))
    ran(*EX1, "--output", ours)
    ran(*EX1, "--output", theirs, "--engine", "reference")
    ran(*EX1, "--output", other, "--ticks", 20)
    assert ran("diff", ours, theirs).stdout.startswith("equal: ")
    assert run("diff", ours, other).exit_code == 1
