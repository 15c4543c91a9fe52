"""Ports: the inputs and outputs of corelets, with a shape and a code."""

from __future__ import annotations

from typing import Any

import numpy as np

from corelets.language.codes import Code, converter
from corelets.language.errors import CoreletError, Location, caller
from corelets.language.pins import LAST_PIN, Bundle, Pins, Shape
from tnemu.errors import shown, whole


class Port(Bundle):
    """What :class:`Input` and :class:`Output` share."""

    def __init__(self, shape: int | Shape = 1, code: Code | None = None) -> None:
        self.code = code
        what = f"{type(self).__name__} at {caller()}"
        super().__init__(shape_of(what, shape))
        if code is not None and not isinstance(code, Code):
            named = f"; make one, {code.__name__}(...)" if isinstance(code, type) else ""
            raise CoreletError(
                f"{what}: code = {shown(code)} is no code, such as corelets.Rate(window=16){named}"
            )

    def like(self) -> Any:
        """A new port of the same kind, shape and code."""
        return type(self)(self.shape, self.code)


class Input(Port):
    """Pins by which spikes enter a corelet: assign it to an attribute of the corelet.

    ``shape`` is the number of pins, or a tuple such as (8, 8); ``code`` says what their spikes mean
    (:mod:`corelets.language.codes`; default: not said). Raises CoreletError for sizes that are no
    whole numbers of at least 1.
    """

    kind = "input"


class Output(Port):
    """Pins by which spikes leave a corelet; as :class:`Input` otherwise."""

    kind = "output"


def shape_of(what: str, shape: Any) -> Shape:
    """The shape that a caller means by a number of pins or a tuple of sizes."""
    if not isinstance(shape, tuple | list):
        return (whole(f"{what}: width", shape, 1, LAST_PIN, error=CoreletError),)
    sizes = tuple(
        whole(f"{what}: size in shape", size, 1, LAST_PIN, error=CoreletError) for size in shape
    )
    whole(f"{what}: pins", int(np.prod(sizes, dtype=object)), 1, LAST_PIN, error=CoreletError)
    return sizes or (1,)


def check_codes(source: Pins, sink: Pins, location: Location) -> None:
    """Every port of ``source`` has the code of every port of ``sink``, where both have one."""
    for one in source.bundles:
        for other in sink.bundles:
            here, there = getattr(one, "code", None), getattr(other, "code", None)
            if here is not None and there is not None and here != there:
                raise CoreletError(
                    f"connect() at {location}: {one.describe()} has the code {here}, "
                    f"{other.describe()} takes {there}; {converter(here, there)}"
                )
