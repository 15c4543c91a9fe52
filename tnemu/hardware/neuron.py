"""The TrueNorth neuron: its parameters, their ranges and their meaning.

One tick of neuron j, with input A_i(t) in {0,1} on axon i, crossbar bit w_ij in {0,1} and
axon type G_i in {0,1,2,3} (F(s, rho) = 1 if |s| >= rho else 0; sgn(0) = 0)::

    1  V <- V + sum_i A_i w_ij [ (1 - b[G_i]) s[G_i] + b[G_i] F(s[G_i], rho_ij) sgn(s[G_i]) ]
    2  V <- V + Omega [ (1 - c) leak + c F(leak, rho_leak) sgn(leak) ]
           Omega = (1 - epsilon) + epsilon sgn(V)
    3  eta = rho_T AND (2**TM - 1)
    4  if V >= alpha + eta:        spike;  V <- R (gamma 0) | V - (alpha + eta) (gamma 1) | V (gamma 2)
       elif kappa and V < -beta:   V <- -beta
       elif not kappa and V < -(beta + eta):
                                   V <- -R (gamma 0) | V + (beta + eta) (gamma 1) | V (gamma 2)
    R = sigma_VR (2**VR - 1)

Source: Cassidy et al., IJCNN 2013 ("Cognitive computing building block"); field names are those of
the IBM model file. ``docs/semantics.md`` lists every rule with its trust mark and its test.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from tnemu.hardware.errors import RangeError

AXONS = 256
"""Axons (crossbar rows) of a core."""
SIGNED_INPUTS = AXONS // 2
"""Inputs of a core whose weights have both signs: each takes an axon that excites and one that inhibits."""
NEURONS = 256
"""Neurons (crossbar columns) of a core."""
AXON_TYPES = 4
"""Axon types; each neuron has one signed weight for each."""
SLOTS = 16
"""Rows of a core's scheduler; a spike with delay d waits in row (t + d) mod 16."""
MAX_DELAY = 15
"""Longest programmable delay in ticks (0 and 16 would alias the row being read)."""
POTENTIAL_MIN, POTENTIAL_MAX = -(1 << 19), (1 << 19) - 1
"""Range of the signed 20-bit membrane potential."""
RAIL = 393216
"""Ceiling and floor of the ``rails393216`` potential range: 2**18 + 2**17."""

NEURON_DTYPE = np.dtype(
    [
        ("s", np.int16, AXON_TYPES),
        ("b", np.uint8, AXON_TYPES),
        ("leak", np.int16),
        ("c", np.uint8),
        ("epsilon", np.uint8),
        ("alpha", np.int32),
        ("beta", np.int32),
        ("TM", np.uint8),
        ("gamma", np.uint8),
        ("kappa", np.uint8),
        ("sigma_VR", np.int8),
        ("VR", np.uint8),
        ("V0", np.int32),
    ]
)
"""One neuron's parameters as one record; the equations are in the module's docstring."""


@dataclass(frozen=True)
class Field:
    """Lowest and highest legal value of one neuron parameter, and what it means."""

    low: int
    high: int
    meaning: str


FIELDS: dict[str, Field] = {
    "s": Field(-255, 255, "synaptic weight of an axon type (sign and 8-bit magnitude)"),
    "b": Field(0, 1, "stochastic synapse flag of an axon type"),
    "leak": Field(-255, 255, "leak lambda, added once a tick (sign and 8-bit magnitude)"),
    "c": Field(0, 1, "stochastic leak flag"),
    "epsilon": Field(0, 1, "leak reversal flag: the leak is multiplied by sgn(V)"),
    "alpha": Field(0, (1 << 18) - 1, "positive threshold (18 bits)"),
    "beta": Field(0, (1 << 18) - 1, "negative threshold magnitude (18 bits); acts as -beta"),
    "TM": Field(0, 18, "threshold noise mask: number of random low bits added to the threshold"),
    "gamma": Field(0, 2, "reset mode: 0 normal (to R), 1 linear (subtract), 2 none"),
    "kappa": Field(0, 1, "negative mode: 1 saturates at -beta, 0 resets like the positive side"),
    "sigma_VR": Field(-1, 1, "sign of the reset potential R = sigma_VR (2**VR - 1); -1 or +1"),
    "VR": Field(0, 18, "exponent of the reset potential"),
    "V0": Field(POTENTIAL_MIN, POTENTIAL_MAX, "initial membrane potential (20 bits)"),
}
"""Legal range of every field of :data:`NEURON_DTYPE`. The widths of TM and VR are not public; 18
keeps alpha + eta inside the 20-bit potential (docs/semantics.md)."""

_DEFAULTS = {"alpha": FIELDS["alpha"].high, "beta": FIELDS["beta"].high, "sigma_VR": 1}


def neuron(**parameters: Any) -> np.void:
    """One neuron record, validated.

    Unnamed parameters are 0, except ``alpha`` and ``beta`` (262143: never reached by accident) and
    ``sigma_VR`` (+1). ``s`` and ``b`` take up to four values; missing ones are 0.

    Raises:
        RangeError: an unknown parameter, a value outside its range or not a whole number, or the
            wrong number of values.

    >>> int(neuron(alpha=10, leak=1)["alpha"])
    10
    """
    record = np.zeros((), dtype=NEURON_DTYPE)
    for name, value in {**_DEFAULTS, **parameters}.items():
        if name not in FIELDS:
            raise RangeError(
                f"neuron parameter {name!r} does not exist; known parameters: {', '.join(FIELDS)}"
            )
        values = np.atleast_1d(whole(value, f"neuron: {name}"))
        per_type = name in ("s", "b")
        if values.ndim > 1 or not 1 <= values.size <= (AXON_TYPES if per_type else 1):
            raise RangeError(
                f"neuron: {name} has values of shape {values.shape}; give "
                + (f"one to {AXON_TYPES} values, one an axon type" if per_type else "one number")
            )
        _check_range(values, name, "neuron")
        if per_type:
            record[name][: values.size] = values
        else:
            record[name] = values[0]
    _check_sign(record["sigma_VR"], "neuron")
    scalar: np.void = record.reshape(1)[0]
    return scalar


def whole(value: npt.ArrayLike, what: str) -> npt.NDArray[np.integer]:
    """``value`` as an array of whole numbers, or a RangeError naming ``what``; nothing is rounded."""
    array = np.asarray(value)
    if array.size == 0 or array.dtype.kind == "b":
        return array.astype(np.int64)
    if array.dtype.kind not in "iu":
        raise RangeError(f"{what} = {value!r} is not a whole number; round it before it gets here")
    return array


def _check_range(values: npt.NDArray[np.integer], name: str, owner: str) -> None:
    field = FIELDS[name]
    bad = (values < field.low) | (values > field.high)
    if bad.any():
        where = int(np.flatnonzero(bad.ravel())[0])
        raise RangeError(
            f"{owner}: {name} = {int(values.ravel()[where])} is outside "
            f"{field.low}..{field.high} ({field.meaning}); choose a value in that range"
        )


def _check_sign(sign: npt.NDArray[np.integer], owner: str) -> None:
    if (np.asarray(sign) == 0).any():
        raise RangeError(f"{owner}: sigma_VR = 0 is not a sign; use -1 or +1")


def validate_neurons(neurons: npt.NDArray[np.void], owner: str = "neuron table") -> None:
    """Every field of every record is inside :data:`FIELDS`, or a RangeError says which is not."""
    for name in FIELDS:
        _check_range(np.asarray(neurons[name]), name, owner)
    _check_sign(neurons["sigma_VR"], owner)


def reset_potential(neurons: npt.NDArray[np.void] | np.void) -> npt.NDArray[np.int32]:
    """R = sigma_VR (2**VR - 1), elementwise."""
    magnitude = (np.int32(1) << np.asarray(neurons["VR"]).astype(np.int32)) - 1
    return np.asarray(np.asarray(neurons["sigma_VR"]).astype(np.int32) * magnitude, dtype=np.int32)


def is_stochastic(neurons: npt.NDArray[np.void]) -> npt.NDArray[np.bool_]:
    """True where a neuron draws noise in some tick: b, c or TM set."""
    return np.asarray(neurons["b"].any(axis=-1) | (neurons["c"] != 0) | (neurons["TM"] != 0), bool)


RELAY_NEURON = neuron(s=(1, 1, 1, 1), alpha=1, beta=0, kappa=1)
"""Fires in exactly the ticks in which one of its axons is active; V is 0 after each. No state."""
