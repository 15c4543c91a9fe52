"""A new engine is a folder and nothing else: it is found, runs, and joins the conformance suite."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tnemu.emulator import engines
from tnemu.emulator.emulator import Emulator
from tnemu.emulator.errors import EmulatorError
from tnemu.emulator.lanes import LaneEmulator

ROOT = Path(__file__).parents[2]
THIRD = """
from tnemu.emulator.engines import EngineEntry

def make(image, threads):
    from tnemu.emulator.engines.reference.engine import ReferenceEngine
    return ReferenceEngine(image)

ENTRY = EngineEntry("third", "for a test", make, lambda image, threads: {needed}, aliases=("drei",))
"""
PLUGIN = """
from tnemu.emulator import engines
engines.__path__.append({folder!r})
"""


@pytest.fixture
def third(tmp_path, monkeypatch):
    """A function that writes the engine ``third``, of a given hunger, where engines are looked for."""
    monkeypatch.setattr(engines, "__path__", [*engines.__path__, str(tmp_path)])

    def write(text=THIRD, needed="0"):
        (tmp_path / "third").mkdir()
        (tmp_path / "third" / "__init__.py").write_text(text.replace("{needed}", needed))
        return tmp_path

    yield write
    sys.modules.pop("tnemu.emulator.engines.third", None)


def test_a_folder_is_an_engine_under_its_name_and_its_aliases(third, relay):
    third()
    assert list(engines.registry()) == ["compiled", "reference", "third"]
    for name in ("third", "drei"):
        with Emulator(relay(), engine=name) as chip:
            assert chip.run(10, {"in": [0]}).records.tolist() == [(2, 0, 5)]
            assert chip.engine == "third"
    with pytest.raises(EmulatorError, match="'third' has no lanes; these have: compiled"):
        LaneEmulator(relay(), 2, engine="third")
    with pytest.raises(EmulatorError, match="'fourth'; choose one of: compiled, reference, third"):
        Emulator(relay(), engine="fourth")


def test_an_engine_is_refused_on_the_memory_that_it_needs_itself(third, relay):
    third(needed="10**18")
    with pytest.raises(EmulatorError, match=r"^2 cores need 1,000,000,000\.0 GB of memory"):
        Emulator(relay(), engine="third")
    Emulator(relay(), engine="reference")


def test_a_folder_without_an_entry_of_its_name_is_named(third):
    third(THIRD.replace('"third"', '"other"'))
    with pytest.raises(EmulatorError, match="the engine folder 'third' has no ENTRY of that name"):
        engines.registry()


@pytest.mark.slow
def test_the_conformance_cases_run_on_it_by_themselves(third, tmp_path):
    (tmp_path / "adds_third.py").write_text(PLUGIN.format(folder=str(third())))
    cases = [f"tests/conformance/test_{name}.py" for name in ("core_scheduler", "neuron_leak")]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-n", "0", "-q", "-p", "adds_third", "-p", "no:cacheprovider",
         "-k", "third", *cases],
        cwd=ROOT, env=os.environ | {"PYTHONPATH": str(tmp_path)}, capture_output=True, text=True,
    )  # fmt: skip
    found = re.search(r"^(\d+) passed, \d+ deselected", done.stdout, re.MULTILINE)
    assert found and int(found[1]) > 10, done.stdout[-2000:]


def test_the_name_of_its_compiler_still_finds_the_compiled_engine(relay):
    assert engines.find("numba") is engines.find("compiled")
    assert Emulator(relay(), engine="numba").engine == "compiled"


def test_nothing_of_numba_is_imported_before_an_engine_needs_it():
    """Neither by the list of engines, nor by a run, with noise, on the reference engine."""
    code = """
import sys
sys.modules["numba"] = sys.modules["llvmlite"] = None  # importing either is an error
sys.path.insert(0, "tests")
from random_boards import make_case
from tnemu import Emulator
from tnemu.emulator.engines import registry
assert [entry.what for entry in registry().values()]
case = make_case(5, cores=2, ticks=3, inputs=200, feedback=0.8, noise=True, chip={})
with case.load("reference") as chip:
    chip.run(3)
print(chip.counters.spikes > 0)
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.stdout == "True\n", done.stderr[-2000:]


def test_without_its_compiler_the_compiled_engine_says_so_and_names_the_other():
    code = """
import sys
sys.path.insert(0, "tests")
from random_boards import make_case
from tnemu import Emulator, TnemuError
try:
    Emulator(make_case(5, cores=1, ticks=1, inputs=0, feedback=0.8, noise=False, chip={}).image)
except TnemuError as error:
    print(error)
"""
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True,
        env=os.environ | {"NUMBA_DISABLE_JIT": "1"},
    )  # fmt: skip
    assert done.stdout.startswith("NUMBA_DISABLE_JIT is set, "), done.stderr[-2000:]
    assert "the engine 'reference', which compiles nothing" in done.stdout
