"""What the tick loop calls for every core or spike takes plain integers."""

from __future__ import annotations

import numpy as np
import pytest
from numba import njit, types
from test_narrow import one

from tnemu.emulator.emulator import Emulator
from tnemu.emulator.engines.compiled.kernels import delivery, tick
from tnemu.hardware.neuron import neuron

# What they call in turn can be handed nothing but what they have.
INNER = [
    *(tick.scan, tick.evaluate_rare, tick.evaluate_narrow, tick.list_fired),
    *(delivery.deliver, delivery.enter, delivery.collect),
]


@pytest.mark.slow
def test_no_array_is_handed_to_what_runs_for_every_core_or_spike(monkeypatch):
    """numba would count its references, twice a call, with an atomic instruction each."""
    # What calls them has to be compiled, not loaded, for numba to say what they are called with.
    monkeypatch.setattr(tick, "advance", njit(nogil=True)(tick.advance.py_func))
    with Emulator(one(neuron(s=[1], alpha=1))) as emulator:
        emulator.inject(0, np.arange(3), 0)
        emulator.run(2)
    found = {f.py_func.__name__: argument for f in INNER for argument in arguments(f)}
    assert set(found) == {f.py_func.__name__ for f in INNER}
    plain = types.Integer | types.Boolean
    assert all(isinstance(argument, plain) for argument in found.values()), found


def arguments(function):
    """The types of all arguments, those of tuples one by one."""
    for signature in function.signatures:
        for argument in signature:
            yield from argument if isinstance(argument, types.BaseTuple) else [argument]
