"""Writing compiled board models (.tnbm), byte for byte as IBM's tools compiled the models at hand.

What is written reads back (:mod:`tnemu.formats.tnbm_file`) to an equal network but for names, layers,
the order of cores, synapses of unused neurons, and the sign of a reset potential of 0.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt

from tnemu.files import writing
from tnemu.formats.errors import FormatError
from tnemu.formats.model_writer import check_model, refuse, targets_of
from tnemu.formats.tnbm_file import (
    CORE_HEAD,
    CORE_MAGIC,
    CORE_WORDS,
    HEAD,
    HEAD_WORDS,
    MAGIC,
    VERSION,
    unused_row,
)
from tnemu.formats.tnbm_rows import NOWHERE, Ints, encode, from_records
from tnemu.networks.logical import LogicalCore, LogicalNetwork

KIND = "a .tnbm file"


def write_tnbm(network: LogicalNetwork, path: str | Path) -> None:
    """Write ``network`` to ``path``, whole or not at all; :func:`unproven` says what of it is a guess.

    Raises FormatError for what a model file cannot hold (:func:`tnemu.formats.model_writer.write_model`)
    and for cores that are not numbered 0, 1, ..., because a .tnbm numbers them by their place.
    """
    check_model(network, KIND)
    _check_numbers(network)
    with writing(path, error=FormatError, what="model file") as file:
        for piece in _pieces(network):
            file.write(piece)


def _check_numbers(network: LogicalNetwork) -> None:
    numbers = sorted(core.number for core in network.cores)
    wrong = next((n for k, n in enumerate(numbers) if n != k), None)
    if wrong is not None:
        refuse(
            KIND,
            f"the core number {wrong} of {len(numbers):,} cores",
            f"number them 0..{len(numbers) - 1}, in any order",
        )


def _pieces(network: LogicalNetwork) -> Iterator[bytes]:
    count = len(network.cores)
    yield HEAD.pack(MAGIC, VERSION, HEAD_WORDS, CORE_WORDS, count, bytes(12))
    targets = targets_of(network, nowhere=NOWHERE)
    for index in np.argsort([core.number for core in network.cores]).tolist():
        core = network.cores[index]
        yield _core(core, {name: values[index] for name, values in targets.items()})


def _core(core: LogicalCore, targets: dict[str, Ints]) -> bytes:
    fields = from_records(np.where(core.used, core.neurons, np.zeros(1, core.neurons.dtype)))
    fields |= {
        "core": targets["destCore"],
        "axon": targets["destAxon"],
        "delay": targets["destDelay"],
    }
    rows = encode(fields, core.crossbar.astype(np.bool_))
    rows[~core.used] = unused_row(core.number)
    types = core.axon_types[::-1, None] >> np.arange(2) & 1
    head = CORE_HEAD.pack(
        CORE_MAGIC, _packed(~core.used[::-1]), bytes(6), core.seed, _packed(types)
    )
    return head + rows.tobytes()


def _packed(bits: npt.NDArray[np.generic]) -> bytes:
    return np.packbits(bits.astype(np.uint8), axis=None, bitorder="little").tobytes()
