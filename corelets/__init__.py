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
    Level,
    Neuron,
    OneShot,
    Repeater,
    SaturatingCounter,
    Start,
    Threshold,
    Toggle,
)
from corelets.language.pins import Pins
from corelets.language.ports import Input, Output
from corelets.language.raster import later
from corelets.language.silence import SILENCE
from corelets.language.weights import CLEAR
from corelets.library.chance import RandomBits, Thin
from corelets.library.decision import Nearest, WinnerTakeAll
from corelets.library.graph import Graph, GraphLayer
from corelets.library.layers import Conv2d, Dense
from corelets.library.logic import Adder, And, AtLeast, Gate, Not, Or, Xor
from corelets.library.rate import Converted
from corelets.library.rates import (
    RateCompare,
    RateThreshold,
    RateToThermometer,
    ThermometerToBurst,
    ThermometerToRate,
)
from corelets.library.relays import Delay, Relay, Splitter
from corelets.library.state import DLatch, SRLatch, StateMachine, UpDown
from corelets.library.student import Student, load
from corelets.library.temporal import Coincidence, Reichardt
from corelets.library.vision import Conv, MeanPool, OrPool
from tnemu.hardware.neuron import RELAY_NEURON

__all__ = [
    "CLEAR",
    "RELAY_NEURON",
    "SILENCE",
    "Accumulator",
    "Adder",
    "And",
    "AtLeast",
    "Bernoulli",
    "Burst",
    "Bursting",
    "CheckError",
    "Clock",
    "Code",
    "Coincidence",
    "Conv",
    "Conv2d",
    "Converted",
    "Core",
    "Corelet",
    "CoreletError",
    "CoreletWarning",
    "DLatch",
    "Delay",
    "Dense",
    "Frame",
    "Gate",
    "Graph",
    "GraphLayer",
    "Input",
    "Integrator",
    "Interface",
    "Latch",
    "Leaky",
    "Level",
    "MeanPool",
    "Nearest",
    "Neuron",
    "NeuronGroup",
    "Not",
    "OneShot",
    "Or",
    "OrPool",
    "Output",
    "Pins",
    "Population",
    "RandomBits",
    "Rate",
    "RateCompare",
    "RateThreshold",
    "RateToThermometer",
    "Reichardt",
    "Relay",
    "RepeatedConnection",
    "Repeater",
    "SRLatch",
    "SaturatingCounter",
    "SharedNoise",
    "SilentNeurons",
    "Splitter",
    "Start",
    "StateMachine",
    "Student",
    "Thermometer",
    "ThermometerToBurst",
    "ThermometerToRate",
    "Thin",
    "Threshold",
    "TimeSlot",
    "Toggle",
    "UnaskedMerge",
    "UndrivenPins",
    "UnusedCorelet",
    "UnwiredNeurons",
    "UpDown",
    "WeightlessSource",
    "WinnerTakeAll",
    "Xor",
    "check",
    "later",
    "load",
]
