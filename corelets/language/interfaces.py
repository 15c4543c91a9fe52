"""Ports that belong together, and connect as a whole.

self.bus = Interface(data=Input(8), ready=Output())     one attribute, ports "bus.data", "bus.ready"
self.x = [Input(4), Input(4)]                           ports "x[0]", "x[1]"
self.a.bus >> self.b.bus                                every pair of the same name, each in its direction
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from corelets.language.errors import CoreletError, caller
from corelets.language.operators import NoOtherOperators, Wired
from corelets.language.owners import Owner, owner_of
from corelets.language.pins import Neurons, Pins
from corelets.language.ports import Input, Output, Port
from tnemu.errors import shown


class _Together(NoOtherOperators):
    """Ports by key."""

    _ports: dict[Any, Port]

    def __rshift__(self, sink: Any) -> Wired:
        """Connect every port with the one of the same key, from the one that gives to the one that takes."""
        if not isinstance(sink, _Together):
            raise CoreletError(
                f"at {caller()}: {self!r} >> {shown(sink)}: ports that belong together connect to as "
                "many others of the same names; take one of them for a single wire"
            )
        if list(self._ports) != list(sink._ports) and set(self._ports) != set(sink._ports):
            raise CoreletError(
                f"at {caller()}: {self!r} and {sink!r} do not connect as a whole: the names are "
                f"{shown(list(self._ports))} and {shown(list(sink._ports))}; give both the same"
            )
        owner = owner_of([*self._ports.values(), *sink._ports.values()])
        for key, port in self._ports.items():
            other = sink._ports[key]
            ends = [_gives(port, owner), _gives(other, owner)]
            if ends[0] == ends[1]:
                raise CoreletError(
                    f"at {caller()}: {port.describe()} and {other.describe()} both "
                    f"{'give' if ends[0] else 'take'} spikes here; make one of the two interfaces by "
                    "flipped()"
                )
            source, taker = (port, other) if ends[0] else (other, port)
            source >> taker
        return Wired(f"{self!r} >> {sink!r}")

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(map(str, self._ports))})"


class Interface(_Together):
    """Named ports that connect as a whole; they are its attributes: ``self.bus.data``.

    Raises CoreletError for what is no port.
    """

    def __init__(self, **ports: Input | Output) -> None:
        for name, port in ports.items():
            if not isinstance(port, Port):
                raise CoreletError(
                    f"Interface at {caller()}: {name} = {shown(port)} is no port; give Input(...) or "
                    "Output(...)"
                )
        self._ports = dict(ports)

    def __getattr__(self, name: str) -> Port:
        ports = self.__dict__.get("_ports", {})
        if name in ports:
            return ports[name]
        raise AttributeError(f"{self!r} has no port {name!r}")

    def items(self) -> Iterable[tuple[str, Port]]:
        """Names and ports."""
        return self._ports.items()

    def flipped(self) -> Interface:
        """A new interface that takes what this one gives, and gives what it takes."""
        return Interface(
            **{
                name: (Output if isinstance(port, Input) else Input)(port.shape, port.code)
                for name, port in self._ports.items()
            }
        )


class PortList(_Together):
    """A list of ports, as a corelet keeps it."""

    def __init__(self, ports: Iterable[Port]) -> None:
        self._ports = dict(enumerate(ports))

    def __getitem__(self, key: Any) -> Any:
        return list(self._ports.values())[key]

    def __len__(self) -> int:
        return len(self._ports)

    def __iter__(self) -> Iterator[Port]:
        return iter(self._ports.values())


def _gives(port: Pins, owner: Owner) -> bool:
    """Whether spikes come out of ``port`` for ``owner``."""
    bundle = port.bundles[0]
    if isinstance(bundle, Neurons):
        return True
    return isinstance(bundle, Input) == (bundle.owner is owner)


def by_attribute(values: Mapping[str, Any]) -> dict[str, Any]:
    """Values by port name as values by attribute: ``x[0]``, ``x[1]`` as a list, ``bus.data`` as a dict."""
    found: dict[str, Any] = {}
    for name, value in values.items():
        if name.endswith("]"):
            found.setdefault(name[: name.index("[")], []).append(value)
        elif "." in name:
            base, _, key = name.partition(".")
            found.setdefault(base, {})[key] = value
        else:
            found[name] = value
    return found


def by_port(values: Mapping[str, Any], names: Iterable[str]) -> dict[str, Any]:
    """Values by attribute as values by port, for ports ``names``; the other way round."""
    known = list(names)
    found: dict[str, Any] = {}
    for name, value in values.items():
        inner = [port for port in known if port.startswith((f"{name}[", f"{name}."))]
        if name in known or not inner:
            found[name] = value
        elif isinstance(value, Mapping):
            found |= {f"{name}.{key}": one for key, one in value.items()}
        else:
            found |= {f"{name}[{k}]": one for k, one in enumerate(value)}
    return found
