"""The corelet examples run, and print what their first lines promise."""

from __future__ import annotations

import runpy
import sys
from pathlib import Path

import students

from tnemu.formats.weights import write_weights

EXAMPLES = Path(__file__).parents[2] / "examples"


def test_xor_prints_the_truth_table(capsys):
    runpy.run_path(str(EXAMPLES / "xor.py"), run_name="__main__")
    assert capsys.readouterr().out.endswith("\nx 0011\ny 0101\nz 0110\n")


def test_a_student_answers_every_frame_as_its_weight_file(tmp_path, capsys, monkeypatch):
    path = tmp_path / "small.safetensors"
    write_weights(students.small(), path)
    monkeypatch.setattr(sys, "argv", ["student.py", str(path)])
    runpy.run_path(str(EXAMPLES / "student.py"), run_name="__main__")
    assert capsys.readouterr().out.endswith("\n20 of 20 frames as in the weight file\n")
