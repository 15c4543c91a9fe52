"""Corelets: networks of neurosynaptic cores, composed like parts of a machine.

::

    class Xor(Corelet):
        def __init__(self, width):
            self.x, self.y, self.z = Input(width), Input(width), Output(width)
            core = self.core(axons=[(self.x, 0), (self.y, 1)], neurons=..., crossbar=...)
            self.connect(core.neurons, self.z)

    plan = tnemu.fit(Xor(8), tnemu.load_board("tiny"))

``load("pong.safetensors")`` gives a trained student as a corelet. :mod:`corelets.catalogue` knows
everything in the library: ports, latency, cores, sources.
"""

from corelets.language.core import Core
from corelets.language.corelet import Corelet
from corelets.language.errors import CoreletError
from corelets.language.pins import Input, Output, Pins
from corelets.language.unused import UnusedCorelet
from corelets.library.layers import Conv2d, Dense
from corelets.library.rate import Rate
from corelets.library.relays import Delay, Relay, Splitter
from corelets.library.student import Student, load
from tnemu.hardware.neuron import RELAY_NEURON

__all__ = [
    "RELAY_NEURON",
    "Conv2d",
    "Core",
    "Corelet",
    "CoreletError",
    "Delay",
    "Dense",
    "Input",
    "Output",
    "Pins",
    "Rate",
    "Relay",
    "Splitter",
    "Student",
    "UnusedCorelet",
    "load",
]
