"""From a name, a file, a corelet or a network to a plan: :func:`fit` is ``tnemu.fit``."""

from __future__ import annotations

from pathlib import Path

from tnemu.hardware.board import BoardSpec, load_board
from tnemu.lab.sources import source_of
from tnemu.mapping import fit as mapping
from tnemu.mapping.fit import Plan
from tnemu.mapping.size import Buildable
from tnemu.networks.logical import LogicalNetwork
from tnemu.networks.trained import TrainedNetwork


def fit(
    thing: LogicalNetwork | Buildable | TrainedNetwork | str | Path,
    board: BoardSpec | str | Path = "ns1e",
    seed: int = 0,
    *,
    keep_order: bool | None = None,
    host_spikes: int | None = None,
) -> Plan:
    """Put a network on a board: one wire per neuron, balanced delays, places, image.

    ``thing`` is a corelet or anything else with ``build()``, a LogicalNetwork, a trained network,
    the name of a shipped student ("krull"), or the path of a weight file (.safetensors) or of an IBM
    model file (.json, .tnbm). ``board`` is a BoardSpec, a name ("ns1e") or the path of a board file.

    ``seed``, a whole number from 0, chooses among equally good placements; it never changes a spike.
    ``keep_order`` takes the board's positions in order of core numbers instead; left out, it does so
    for IBM model files, whose cores come with numbers. ``host_spikes`` is the most that the host is
    to send for one bit of an input: for what needs more, splitters on the chip repeat it, a tick later.

    Raises FitError naming what does not fit, by how much, and what to do about it; BoardError and
    ZooError, with near names, for a board or a student that there is not; and the errors of the
    readers for files.

    >>> import tnemu
    >>> tnemu.fit("krull", "ns1e")
    <Plan: 400 of 4,096 cores of ns1e, 6 ticks; print() shows the layers>
    """
    spec = load_board(board)
    source = source_of(thing)
    order = source.in_order if keep_order is None else keep_order
    return mapping.fit(source.thing, spec, seed, keep_order=order, host_spikes=host_spikes)
