"""Energy of a run, estimated from its counters. No real chip was measured.

Affine chip model, one chip at 0.8 V and 1 kHz::

    P = C * P_static + e * r          P_static = 64.4 mW, e = 2.297 pJ, r = synaptic operations / s

P_static and e come from a straight line through published measurements (Akopyan et al., IEEE TCAD
34(10), 2015, Fig. 17: 128 synapses per neuron; 68, 71 and 94 mW at 11.6, 20.1 and 95.9 Hz); the line
misses a held-out point by 0.5 % and points of other papers at 0.75 to 0.775 V by 2 to 9 %. The static
part belongs to each of the C chips that is powered, however few of its cores are used: nothing that
would scale it is published. r is taken at the hardware's tick length, because the chip, not the
computer that emulates it, is what would draw the power.

Component view, one chip at 0.775 V (Merolla et al., Science 345, 2014, supplement)::

    E = T * 20 uJ * (cores used / 4096) + 2.3 pJ * hops
        + 64 pJ * spikes to a chip's edge + 832 pJ * spikes from chip to chip + E_rest

T ticks of reading all of a chip's synapse memory. A spike that leaves the board goes to an edge only:
what the board's host spends on it is not counted. E_rest (neurons, clock, leakage) is not published,
so this view is a lower bound and must not be added to the other one.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

STATIC_MW = 64.4
SYNAPTIC_OPERATION_PJ = 2.297
SCAN_UJ = 20.0
SCAN_CORES = 4096
HOP_PJ = 2.3
EDGE_PJ = 64.0
CROSSING_PJ = 832.0

SOURCE = (
    "straight line through Akopyan et al., IEEE TCAD 34(10), 2015, Fig. 17 (0.8 V, 1 kHz): "
    "64.4 mW a chip + 2.297 pJ a synaptic operation, routing included"
)
COMPONENTS_SOURCE = (
    "Merolla et al., Science 345, 2014, supplement (0.775 V): 20 uJ a tick to read a whole chip's "
    "synapses, 2.3 pJ a hop, 64 pJ a spike to the chip's edge, 832 pJ from chip to chip; the rest is "
    "not published and left out"
)


@dataclass(frozen=True)
class Energy:
    """What ``chips`` chips would draw over ``hardware_s`` seconds of hardware time.

    ``counted_mw`` follows from the run's synaptic operations, ``assumed_mw`` is the static part;
    ``power_mw`` and ``energy_mj`` are both together.
    """

    power_mw: float
    counted_mw: float
    assumed_mw: float
    energy_mj: float
    hardware_s: float
    synaptic_operations_per_s: float
    chips: int


def estimate(synaptic_operations: int, ticks: int, *, tick_us: float, chips: int = 1) -> Energy:
    """The affine model for ``ticks`` ticks of ``tick_us`` microseconds on ``chips`` powered chips.

    With no tick yet, the counted part is 0.
    """
    hardware_s = ticks * tick_us * 1e-6
    rate = synaptic_operations / hardware_s if ticks else 0.0
    counted = rate * SYNAPTIC_OPERATION_PJ * 1e-9
    assumed = chips * STATIC_MW
    return Energy(
        power_mw=counted + assumed,
        counted_mw=counted,
        assumed_mw=assumed,
        energy_mj=(counted + assumed) * hardware_s,
        hardware_s=hardware_s,
        synaptic_operations_per_s=rate,
        chips=chips,
    )


def components(
    ticks: int, cores: int, hops: int, chip_crossings: int, output_spikes: int
) -> dict[str, float]:
    """The component view in mJ: what reading synapses, hops and chip borders cost at least.

    ``chip_crossings`` are borders passed, the way out of the board included, as the emulator counts
    them; ``output_spikes`` of them left the board.
    """
    parts = {
        "synapse_memory_mj": ticks * SCAN_UJ * cores / SCAN_CORES * 1e-3,
        "hops_mj": hops * HOP_PJ * 1e-9,
        "chip_edges_mj": chip_crossings * EDGE_PJ * 1e-9,
        "chip_to_chip_mj": (chip_crossings - output_spikes) * CROSSING_PJ * 1e-9,
    }
    return {**parts, "lower_bound_mj": sum(parts.values())}


def energy_report(energy: Energy, parts: dict[str, float]) -> dict[str, Any]:
    """Both views with their sources, ready for a report."""
    return {
        "note": "an estimate for the chip at its own tick rate, not a measurement",
        "source": SOURCE,
        **asdict(energy),
        "components": {"source": COMPONENTS_SOURCE, **parts},
    }
