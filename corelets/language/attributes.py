"""What an attribute of a corelet makes known: ports, neurons, parts, and lists and dicts of them."""

from __future__ import annotations

from typing import Any

from corelets.language.body import Body, body_of
from corelets.language.errors import CoreletError
from corelets.language.group import NeuronGroup
from corelets.language.interfaces import Interface, PortList
from corelets.language.ports import Input, Output, Port
from tnemu.errors import shown


def register(body: Body, name: str, value: Any) -> Any:
    """Make ``value``, assigned to ``name``, a part of ``body``; returns what the attribute is to hold."""
    if isinstance(value, list | tuple) and value and all(isinstance(v, Port) for v in value):
        value = PortList(value)
    if isinstance(value, NeuronGroup):
        body.name_group(value, name)
    elif isinstance(value, Input | Output):
        body.add_port(name, value)
    elif isinstance(value, PortList):
        for place, port in enumerate(value):
            body.add_port(f"{name}[{place}]", port)
    elif isinstance(value, Interface):
        for key, port in value.items():
            body.add_port(f"{name}.{key}", port)
    elif body_of(value) is not None:
        add_part(body, name, value)
    elif isinstance(value, list | tuple | dict):
        inner = value.items() if isinstance(value, dict) else enumerate(value)
        found = dict(inner)
        if any(body_of(one) is not None for one in found.values()):
            for key, part in found.items():
                add_part(body, f"{name}[{key}]", part)
        elif any(isinstance(one, Port) for one in found.values()):
            advice = (
                "an Interface(name=port, ...)"
                if isinstance(value, dict)
                else "a list of ports only"
            )
            raise CoreletError(
                f"{name!r} of {body.describe()} is {shown(value)}, which holds ports; make it {advice}"
            )
    return value


def add_part(body: Body, name: str, part: Any) -> None:
    """Make a corelet a part, which then is used."""
    body.add_part(name, part)
    part._use()
