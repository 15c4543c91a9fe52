"""Every conformance case runs on every engine, on two threads and in lanes.

Where a switch must not matter, with both settings.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from engines import ENGINES
from laboratory import Laboratory

SWITCHES = {
    "defaults": {
        "potential_range": "saturate20",
        "leak_zero_clamp": True,
        "noise": "xorshift32",
        "no_reset_ceiling": "alpha+mask",
    },
    "others": {
        "potential_range": "rails393216",
        "leak_zero_clamp": False,
        "noise": "counter",
        "no_reset_ceiling": "none",
    },
}
"""Every switch has both of its settings in two rounds, not in two for each."""


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture(params=SWITCHES)
def switches(request: pytest.FixtureRequest) -> tuple[tuple[str, Any], ...]:
    return tuple(SWITCHES[request.param].items())


@pytest.fixture
def lab(engine: str, switches: tuple[tuple[str, Any], ...]) -> Laboratory:
    """A laboratory for rules that hold whatever the switches of the chip say."""
    return Laboratory(engine, switches)


@pytest.fixture
def oracle(switches: tuple[tuple[str, Any], ...]) -> Laboratory:
    """The same on the reference engine only, whose generator can be scripted."""
    return Laboratory("reference", switches)


@pytest.fixture
def lab_with(engine: str) -> Callable[..., Laboratory]:
    """Makes a laboratory with the given switches, for rules that depend on them."""
    return lambda **chip: Laboratory(engine, tuple(chip.items()))


@pytest.fixture
def oracle_with() -> Callable[..., Laboratory]:
    """The same on the reference engine only."""
    return lambda **chip: Laboratory("reference", tuple(chip.items()))
