"""``tnemu run --report``, ``--json`` and ``--plot``: what play tells of a run, run tells too."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from running import EX1, ROOT, ran, refused

from tnemu.lab.run_report import WALL_CLOCK

pytestmark = pytest.mark.usefixtures("plain_terminal")


def test_the_report_is_printed_and_written_alike_but_for_time(tmp_path: Path) -> None:
    file, out = tmp_path / "r.json", tmp_path / "o.sfto"
    ran(*EX1, "--output", out, "--report", file)
    printed = json.loads(ran(*EX1, "--output", out, "--json").stdout)
    written = json.loads(file.read_text())
    assert {k: v for k, v in printed.items() if k not in WALL_CLOCK} == {
        k: v for k, v in written.items() if k not in WALL_CLOCK
    }
    # a published coefficient: 2.297 pJ an operation, over 46 ms, beside 64.4 mW of one chip
    assert printed["energy"]["counted_mw"] == pytest.approx(40_260 * 2.297e-9 / 0.046)
    assert printed["estimated_power_mw"] == pytest.approx(64.402, abs=1e-3)
    assert printed["output_spikes"] == out.read_text().count("srcTime")


def test_every_key_of_the_report_is_documented(tmp_path: Path) -> None:
    report = json.loads(ran(*EX1, "--output", tmp_path / "o.sfto", "--json").stdout)
    known = set(re.findall(r"`(\w+)`", (ROOT / "docs" / "files.md").read_text()))
    assert set(report) - {"format"} <= known


def test_a_picture_is_written(tmp_path: Path) -> None:
    ran(*EX1, "--output", tmp_path / "o.sfto", "--plot", tmp_path / "p.png")
    assert (tmp_path / "p.png").read_bytes().startswith(b"\x89PNG")


def test_what_cannot_be_written_is_refused_before_the_run(tmp_path: Path) -> None:
    out = tmp_path / "o.sfto"
    assert "end it in .png" in refused(*EX1, "--output", out, "--plot", tmp_path / "p.jpg")
    assert "both write to standard output" in refused(*EX1, "--output", "-", "--json")
    refused(*EX1, "--output", out, "--report", tmp_path / "absent" / "r.json")
    assert not list(tmp_path.iterdir())
