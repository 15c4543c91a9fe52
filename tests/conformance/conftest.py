"""Every conformance case runs on every engine; where a switch must not matter, with both settings."""

from __future__ import annotations

import pytest
from laboratory import Laboratory

from tnemu.emulator.emulator import ENGINES

SWITCHES = {
    "saturate20-clamp": {"potential_range": "saturate20", "leak_zero_clamp": True},
    "rails393216-noclamp": {"potential_range": "rails393216", "leak_zero_clamp": False},
}


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture(params=SWITCHES)
def lab(request: pytest.FixtureRequest, engine: str) -> Laboratory:
    """A laboratory for rules that hold whatever the switches of the chip say."""
    return Laboratory(engine, tuple(SWITCHES[request.param].items()))


@pytest.fixture
def lab_with(engine: str):
    """Makes a laboratory with the given switches, for rules that depend on them."""
    return lambda **chip: Laboratory(engine, tuple(chip.items()))
