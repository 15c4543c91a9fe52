"""Whatever the bytes, every loader of the project gives a value or a TnemuError: in few words, soon."""

from __future__ import annotations

from pathlib import Path

import fuzzing
import pytest
from fuzz_files import Made, MissingError
from loaders import LOADERS


def made(name: str, folder: Path) -> Made:
    folder.mkdir()
    try:
        return LOADERS[name][0](folder)
    except MissingError as missing:
        pytest.skip(str(missing))


@pytest.mark.parametrize("name", LOADERS)
def test_damaged_files_are_read_or_refused(name: str, tmp_path: Path) -> None:
    load, good = made(name, tmp_path / "work")
    inputs = LOADERS[name][1]
    assert fuzzing.fuzz(load, good, inputs, seed=1, keep=tmp_path / "wrong") == inputs


@pytest.mark.parametrize("name", LOADERS)
def test_good_files_are_read(name: str, tmp_path: Path) -> None:
    """Or the mutations of them would test the first check alone."""
    load, good = made(name, tmp_path / "work")
    tally = fuzzing.Tally()
    problems = [fuzzing.problem_of(load, data, tally) for data in good]
    assert not any(problems), problems
    assert tally.accepted >= 1 or name == "foreign teacher"


@pytest.mark.slow
@pytest.mark.timeout(0)
@pytest.mark.parametrize("name", LOADERS)
def test_very_many_damaged_files_are_read_or_refused(name: str, tmp_path: Path) -> None:
    load, good = made(name, tmp_path / "work")
    keep = tmp_path / "wrong"
    assert fuzzing.fuzz(load, good, fuzzing.INPUTS, seed=2, box_s=fuzzing.BOX_S, keep=keep) > 0


def test_a_loader_that_fails_is_told_of_with_the_input_that_does_it(tmp_path: Path) -> None:
    def loses(data: bytes) -> None:
        if b"x" not in data:
            raise KeyError("x")

    with pytest.raises(AssertionError, match=r"input \d+ of seed 3: KeyError: 'x'") as caught:
        fuzzing.fuzz(loses, [b"x"], 1000, seed=3, keep=tmp_path)
    (kept,) = tmp_path.iterdir()
    number = int(kept.name.removeprefix("input-"))
    assert str(kept) in str(caught.value)
    assert fuzzing.mutated([b"x"], 3, number) == kept.read_bytes()
