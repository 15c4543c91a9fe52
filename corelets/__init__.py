"""Corelets: networks of spiking neurons, composed like parts of a machine.

::

    class Xor(Corelet):
        def __init__(self, width):
            self.x, self.y, self.z = Input(width), Input(width), Output(width)
            fire = Threshold(at=1)[width]
            (fire(+self.x, -self.y) | fire(-self.x, +self.y)) >> self.z

    Xor(4).simulate(x=raster, y=raster).z
    plan = tnemu.fit(Xor(8), "tiny")

``load("pong.safetensors")`` gives a trained student as a corelet. :mod:`corelets.catalogue` knows
everything in the library: ports, latency, cores, sources. docs/corelets.md is the tutorial.
"""

from corelets.language.check import CheckError, check
from corelets.language.codes import (
    Burst,
    Code,
    Frame,
    Population,
    Rate,
    Thermometer,
    TimeSlot,
)
from corelets.language.core import Core
from corelets.language.corelet import Corelet
from corelets.language.errors import (
    CoreletError,
    CoreletWarning,
    RepeatedConnection,
    SharedNoise,
    SilentNeurons,
    UnaskedMerge,
    UndrivenPins,
    UnusedCorelet,
    UnwiredNeurons,
    WeightlessSource,
)
from corelets.language.group import NeuronGroup
from corelets.language.interfaces import Interface
from corelets.language.neuron_types import (
    Accumulator,
    Bernoulli,
    Bursting,
    Clock,
    Integrator,
    Latch,
    Leaky,
    Neuron,
    OneShot,
    Repeater,
    SaturatingCounter,
    Start,
    Threshold,
    Toggle,
)
from corelets.language.pins import SILENCE, Pins
from corelets.language.ports import Input, Output
from corelets.language.raster import later
from corelets.language.weights import CLEAR
from corelets.library.layers import Conv2d, Dense
from corelets.library.relays import Delay, Relay, Splitter
from corelets.library.student import Student, load
from tnemu.hardware.neuron import RELAY_NEURON

__all__ = [
    "CLEAR",
    "RELAY_NEURON",
    "SILENCE",
    "Accumulator",
    "Bernoulli",
    "Burst",
    "Bursting",
    "CheckError",
    "Clock",
    "Code",
    "Conv2d",
    "Core",
    "Corelet",
    "CoreletError",
    "CoreletWarning",
    "Delay",
    "Dense",
    "Frame",
    "Input",
    "Integrator",
    "Interface",
    "Latch",
    "Leaky",
    "Neuron",
    "NeuronGroup",
    "OneShot",
    "Output",
    "Pins",
    "Population",
    "Rate",
    "Relay",
    "RepeatedConnection",
    "Repeater",
    "SaturatingCounter",
    "SharedNoise",
    "SilentNeurons",
    "Splitter",
    "Start",
    "Student",
    "Thermometer",
    "Threshold",
    "TimeSlot",
    "Toggle",
    "UnaskedMerge",
    "UndrivenPins",
    "UnusedCorelet",
    "UnwiredNeurons",
    "WeightlessSource",
    "check",
    "later",
    "load",
]
