"""How large cores and ports may be."""

from __future__ import annotations

import re

import numpy as np
import pytest

from corelets import RELAY_NEURON, Corelet, CoreletError, Input

# What is refused is never used.
pytestmark = pytest.mark.filterwarnings("ignore::corelets.UnusedCorelet")


def test_cores_have_256_axons_and_256_neurons():
    class Big(Corelet):
        def __init__(self, axons, neurons):
            self.x = Input(300)
            self.core([self.x[:axons]], RELAY_NEURON, np.zeros((axons, neurons)))

    assert Big(256, 256).build().cores[0].used.all()
    with pytest.raises(
        CoreletError,
        match=r"core 'core0' of Big \(.*\) needs 257 axons, a core has 256: split the work over",
    ):
        Big(257, 1)
    with pytest.raises(CoreletError, match="needs 300 neurons, a core has 256"):
        Big(1, 300)


@pytest.mark.parametrize("width", [0, -1, 2.0, 2.5, True, "8", None, float("nan"), 10**12])
def test_a_port_is_one_or_more_pins_wide(width):
    message = (
        rf"^Input at {re.escape(__file__)}:\d+: width = {width!r}: must be a whole number in 1\.\."
    )
    with pytest.raises(CoreletError, match=message):
        Input(width)
