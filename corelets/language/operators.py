"""What operators mean nothing among pins, and what to write instead; what a connection gives back.

Python reads ``a | b >> z`` as ``a | (b >> z)``, ``a or b`` as one of the two, and so on: each would be
another network without a word. So everything that has no meaning here says so.
"""

from __future__ import annotations

from typing import Any, NoReturn

from corelets.language.errors import CoreletError, caller

_COMMAS = "give a neuron its sources one by one, separated by commas: neuron(+a, -b)"
_GATES = "gates are neurons: Threshold(at=2)[width](+a, +b) is their and, a | b their merge"
_INSTEAD = {
    "-": _COMMAS,
    "&": _GATES,
    "^": _GATES,
    "~": "spikes have no complement; Threshold(at=0)[width](-a) fires where a does not",
    "<": "write a >> b to connect",
    ">": "write a >> b to connect",
    "<<": "write b >> a to connect: spikes go to the right",
    "/": "weights are whole numbers",
    "//": "weights are whole numbers",
    "**": "weights are whole numbers",
    "%": "weights are whole numbers",
}


class NoOtherOperators:
    """Refuses every operator that a subclass does not define."""

    def __bool__(self) -> bool:
        raise CoreletError(
            f"at {caller()}: {self!r} is neither true nor false, so 'and', 'or' and 'not' say nothing "
            f"of it; {_GATES}"
        )

    def _refuse(self, operator: str, other: object = None) -> NoReturn:
        what = f"{operator}{_name(self)}" if operator == "~" else f"a {operator} b of {_name(self)}"
        if operator != "~":
            what += f" and {_name(other)}"
        raise CoreletError(f"at {caller()}: {what} has no meaning; {_INSTEAD[operator]}")

    def __sub__(self, other: Any) -> Any:
        self._refuse("-", other)

    def __rsub__(self, other: Any) -> Any:
        self._refuse("-", other)

    def __and__(self, other: Any) -> Any:
        self._refuse("&", other)

    def __rand__(self, other: Any) -> Any:
        self._refuse("&", other)

    def __xor__(self, other: Any) -> Any:
        self._refuse("^", other)

    def __rxor__(self, other: Any) -> Any:
        self._refuse("^", other)

    def __invert__(self) -> Any:
        self._refuse("~")

    def __lt__(self, other: Any) -> Any:
        self._refuse("<", other)

    def __le__(self, other: Any) -> Any:
        self._refuse("<", other)

    def __gt__(self, other: Any) -> Any:
        self._refuse(">", other)

    def __ge__(self, other: Any) -> Any:
        self._refuse(">", other)

    def __lshift__(self, other: Any) -> Any:
        self._refuse("<<", other)

    def __truediv__(self, other: Any) -> Any:
        self._refuse("/", other)

    def __floordiv__(self, other: Any) -> Any:
        self._refuse("//", other)

    def __mod__(self, other: Any) -> Any:
        self._refuse("%", other)

    def __pow__(self, other: Any) -> Any:
        self._refuse("**", other)


def _name(thing: object) -> str:
    return repr(thing) if isinstance(thing, NoOtherOperators) else type(thing).__name__


class Wired(NoOtherOperators):
    """``a >> b`` as it is done: no source of anything, unless b is a part with one output."""

    def __init__(self, text: str, outlet: Any = None) -> None:
        self._text, self._outlet = text, outlet

    def __repr__(self) -> str:
        return f"the connection {self._text}"

    def __rshift__(self, sink: Any) -> Wired:
        if self._outlet is None:
            raise CoreletError(
                f"at {caller()}: {self!r} is made, and nothing comes out of its end by which to go on; "
                "begin a new connection there"
            )
        return self._outlet >> sink

    def _mixed(self, other: object) -> NoReturn:
        raise CoreletError(
            f"at {caller()}: Python reads a | b >> c as a | (b >> c), so {self!r} is made already; "
            "write (a | b) >> c"
        )

    def __or__(self, other: Any) -> Any:
        self._mixed(other)

    def __ror__(self, other: Any) -> Any:
        self._mixed(other)

    def _spent(self, other: object) -> NoReturn:
        raise CoreletError(
            f"at {caller()}: {self!r} is made already and is no source; use what it connects instead"
        )

    __add__ = __radd__ = __mul__ = __rmul__ = __matmul__ = __rmatmul__ = _spent

    def __neg__(self) -> Any:
        self._spent(None)

    def __pos__(self) -> Any:
        self._spent(None)
