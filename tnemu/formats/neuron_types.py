"""Neuron types of IBM model files, to and from neuron records.

A type has a ``name`` and 24 parameters. Signs stand apart from magnitudes::

    s = sigma * s_file        leak = sigma_lambda * lambda        R = sigma_VR (2**VR - 1)

A name such as N0000002D holds the number by which cores refer to the type (45); other names are
referred to as they are. Type 0 is a neuron that is not used and has no entry.
"""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import numpy.typing as npt

from tnemu.errors import shown
from tnemu.hardware.neuron import AXON_TYPES, FIELDS, NEURON_DTYPE

UNUSED = 0
"""The type number of a neuron that is not evaluated."""
LAST_NUMBER = 0xFFFFFFFF
"""Highest type number that eight hexadecimal digits hold."""

_NAME = re.compile(r"N([0-9A-Fa-f]{8})")
_SIGN, _FLAG, _BYTE = (-1, 1), (0, 1), (0, 255)
_AXES = range(AXON_TYPES)


def _bits(name: str) -> tuple[int, int]:
    return FIELDS[name].low, FIELDS[name].high


# In IBM's order: key -> (lowest, highest, value where the key is missing).
_PARAMETERS: dict[str, tuple[int, int, int]] = {
    **{f"sigma{g}": (*_SIGN, 0) for g in _AXES},
    **{f"s{g}": (*_BYTE, 0) for g in _AXES},
    **{f"b{g}": (*_FLAG, 0) for g in _AXES},
    "sigma_lambda": (*_SIGN, -1),
    "lambda": (*_BYTE, 0),
    "c_lambda": (*_FLAG, 0),
    "epsilon": (*_FLAG, 0),
    "alpha": (*_bits("alpha"), 256),
    "beta": (*_bits("beta"), 0),
    "TM": (*_bits("TM"), 0),
    "gamma": (*_bits("gamma"), 0),
    "kappa": (*_FLAG, 0),
    "sigma_VR": (*_SIGN, 0),
    "VR": (*_bits("VR"), 1),
    "V": (*_bits("V0"), 0),
}
PARAMETERS = tuple(_PARAMETERS)
"""The 24 parameter keys, in IBM's order."""
_FLAGS = {key for key, (low, high, _) in _PARAMETERS.items() if (low, high) == _FLAG}
_MAGNITUDES = {f"sigma{g}": f"s{g}" for g in _AXES} | {"sigma_VR": "VR"}


class ParameterError(ValueError):
    """A parameter is wrong; ``key`` is the parameter it belongs to."""

    def __init__(self, message: str, key: str) -> None:
        super().__init__(message)
        self.key = key


def type_number(name: str) -> int | None:
    """The number in a name such as N0000002D, or None for a name of another form."""
    found = _NAME.fullmatch(name)
    return int(found[1], 16) if found else None


def type_name(number: int) -> str:
    """N and eight hexadecimal digits."""
    return f"N{number:08X}"


def to_record(entry: dict[str, Any]) -> npt.NDArray[np.void]:
    """The neuron record, NEURON_DTYPE [1], that the 24 parameters of ``entry`` describe.

    A missing parameter takes the value that other readers of these files use: alpha 256, VR 1,
    sigma_lambda -1, everything else 0. A missing sign makes its product 0, so it is refused beside
    a magnitude that is given and not 0. Raises ParameterError for a value that is no whole number
    (true and false are 1 and 0 for flags) or outside its bits.
    """
    value = {key: _number(entry, key) for key in PARAMETERS}
    for sign, magnitude in _MAGNITUDES.items():
        if sign not in entry and entry.get(magnitude, 0) != 0:
            raise ParameterError(
                f"{magnitude} = {entry[magnitude]} has no sign; add {sign}, which is -1 or 1",
                magnitude,
            )
    record = np.zeros(1, dtype=NEURON_DTYPE)
    record["s"] = [value[f"sigma{g}"] * value[f"s{g}"] for g in _AXES]
    record["b"] = [value[f"b{g}"] for g in _AXES]
    record["leak"] = value["sigma_lambda"] * value["lambda"]
    record["c"] = value["c_lambda"]
    for key in ("epsilon", "alpha", "beta", "TM", "gamma", "kappa"):
        record[key] = value[key]
    # A missing sign means R = 0, which is exponent 0 with either sign.
    record["sigma_VR"] = value["sigma_VR"] or 1
    record["VR"] = value["VR"] if value["sigma_VR"] else 0
    record["V0"] = value["V"]
    return record


def _number(entry: dict[str, Any], key: str) -> int:
    low, high, missing = _PARAMETERS[key]
    if key not in entry:
        return missing
    value = entry[key]
    if key in _FLAGS and isinstance(value, bool):
        return int(value)
    allowed = "-1 or 1" if (low, high) == _SIGN else f"{low}..{high}"
    if type(value) is not int:
        allowed = "true or false" if key in _FLAGS else f"a whole number, {allowed}"
        raise ParameterError(f"{key} = {shown(value)} is not allowed; it must be {allowed}", key)
    if not low <= value <= high or (value == 0 and (low, high) == _SIGN):
        raise ParameterError(f"{key} = {value} is not allowed; it must be {allowed}", key)
    return value


def to_entry(number: int, record: np.void) -> dict[str, int | bool | str]:
    """The entry, keys in IBM's order, that :func:`to_record` turns back into ``record``."""
    weights, leak = record["s"].tolist(), int(record["leak"])
    values = {
        **{f"sigma{g}": -1 if weights[g] < 0 else 1 for g in _AXES},
        **{f"s{g}": abs(weights[g]) for g in _AXES},
        **{f"b{g}": int(record["b"][g]) for g in _AXES},
        "sigma_lambda": 1 if leak > 0 else -1,
        "lambda": abs(leak),
        "c_lambda": int(record["c"]),
        "V": int(record["V0"]),
        **{
            key: int(record[key])
            for key in ("epsilon", "alpha", "beta", "TM", "gamma", "kappa", "sigma_VR", "VR")
        },
    }
    entry: dict[str, int | bool | str] = {"name": type_name(number), "class": "NeuronGeneral"}
    return entry | {key: bool(values[key]) if key in _FLAGS else values[key] for key in PARAMETERS}
