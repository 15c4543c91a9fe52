"""The catalogue: every corelet of the library, found by walking its modules.

A module declares its corelets in ``ENTRIES``. There is no other list, and a public corelet that its
module does not declare is refused, so the catalogue is the library::

    for entry in catalogue.entries().values():
        print(entry.sheet())

One test runs every example of every entry against its ``model()`` on every engine.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterable
from types import ModuleType

import corelets.library
from corelets.language.corelet import Corelet
from corelets.language.errors import CoreletError
from corelets.library.entry import Entry
from tnemu.errors import shown


def entries() -> dict[str, Entry]:
    """All entries by name, module by module in alphabetical order, each in its own order."""
    return collect(
        importlib.import_module(found.name)
        for found in pkgutil.walk_packages(
            corelets.library.__path__, f"{corelets.library.__name__}."
        )
    )


def collect(modules: Iterable[ModuleType]) -> dict[str, Entry]:
    """The entries that ``modules`` declare.

    Raises CoreletError for a public corelet of a module that is missing from its ENTRIES, an entry
    for a class of another module, and a name that was taken before.
    """
    found: dict[str, Entry] = {}
    for module in modules:
        declared = getattr(module, "ENTRIES", ())
        for entry in declared:
            if not isinstance(entry, Entry) or entry.corelet.__module__ != module.__name__:
                raise CoreletError(
                    f"catalogue: ENTRIES of {module.__name__} holds {shown(entry)}; it holds an "
                    "Entry for each corelet that this module defines, and nothing else"
                )
            if entry.name in found:
                raise CoreletError(
                    f"catalogue: {entry.name} of {module.__name__} is there already, from "
                    f"{found[entry.name].corelet.__module__}; name each corelet and entry once"
                )
            found[entry.name] = entry
        known = {entry.corelet for entry in declared}
        for name, value in vars(module).items():
            public = isinstance(value, type) and issubclass(value, Corelet) and name[0] != "_"
            if public and value.__module__ == module.__name__ and value not in known:
                raise CoreletError(
                    f"catalogue: {name} of {module.__name__} is not in its ENTRIES; declare it "
                    "there, or begin its name with an underscore if it is only a building block"
                )
    return found
