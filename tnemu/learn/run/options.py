"""A training's settings, declared once: from the fields of a dataclass come its options, their help,
the command that repeats a run, and the settings that a file says it was made with. No torch in here.
"""

from __future__ import annotations

import argparse
import ast
import inspect
import sys
import textwrap
from collections.abc import Callable, Mapping
from dataclasses import MISSING, Field, dataclass, fields
from itertools import pairwise
from typing import Any

from tnemu.errors import TnemuError, shown
from tnemu.learn.run.runs import Report, Watch, plain

WORDS = ("game", "games", "players", "dataset", "task", "network")
"""Settings that a command takes as words where they must be given, not as options."""
_KINDS: dict[str, type] = {"int": int, "float": float, "str": str}


@dataclass(frozen=True)
class Option:
    """One setting as a command asks for it."""

    name: str
    """Of the field."""
    flags: tuple[str, ...]
    """As typed, such as ("--teachers", "--teacher"); empty for a word without a flag."""
    kind: type
    """int, float or str; of every value, where there are several."""
    several: bool
    """Takes one value or more; the setting is a tuple."""
    default: Any
    """MISSING where one must be given."""
    help: str
    """One line."""

    @property
    def required(self) -> bool:
        """Whether the command cannot do without it."""
        return self.default is MISSING


def required_first(settings: Any) -> list[Field[Any]]:
    """The fields of settings, those that have no default before the others."""
    return sorted(fields(settings), key=lambda f: f.default is not MISSING)


def meanings(settings: type) -> dict[str, str]:
    """What is written below every field of a dataclass, in one line; else the field's name in words."""
    said = {f.name: f.name.replace("_", " ") for f in fields(settings)}
    for kind in reversed(settings.__mro__[:-1]):
        (tree,) = ast.parse(textwrap.dedent(inspect.getsource(kind))).body
        if not isinstance(tree, ast.ClassDef):
            continue
        for f, below in pairwise(tree.body):
            if isinstance(f, ast.AnnAssign) and isinstance(below, ast.Expr):
                said[ast.unparse(f.target)] = " ".join(str(ast.literal_eval(below.value)).split())
    return said


def options_of(settings: type) -> list[Option]:
    """Every setting as an option, those that must be given first. A field's metadata may have
    ``one``: its name where it has one value only ("teacher" of ``teachers``).
    """
    said, found = meanings(settings), []
    for f in required_first(settings):
        words = str(f.type).replace(" | None", "").removesuffix(", ...]").removeprefix("tuple[")
        names = [f.name, *([f.metadata["one"]] if "one" in f.metadata else [])]
        word = f.name in WORDS and f.default is MISSING
        flags = () if word else tuple("--" + n.replace("_", "-") for n in names)
        several = str(f.type).startswith("tuple")
        found.append(Option(f.name, flags, _KINDS[words], several, f.default, said[f.name]))
    return found


def add_options(parser: argparse.ArgumentParser, settings: type) -> None:
    """Words, options and ``usage`` of a command with these settings."""
    usage = ["%(prog)s"]
    for option in options_of(settings):
        more: dict[str, Any] = {"type": option.kind, "help": option.help.replace("%", "%%")}
        more |= {"nargs": "+"} if option.several else {}
        if not option.flags:
            word = option.name.removesuffix("s")
            parser.add_argument(option.name, metavar=word, **more)
            usage.append(f"{word} [{word} ...]" if option.several else word)
            continue
        if option.default in (MISSING, None):  # or the help says: None
            more["default"] = argparse.SUPPRESS
        else:
            more["default"] = option.default
        parser.add_argument(*option.flags, required=option.required, dest=option.name, **more)
        if option.required:
            usage.append(f"{option.flags[-1]} {option.flags[-1][2:].upper()}")
    parser.usage = " ".join([*usage, "[option ...]"])


def parsed(parser: argparse.ArgumentParser, argv: list[str] | None) -> dict[str, Any]:
    """What was typed, by name; several values as a tuple."""
    values = vars(parser.parse_args(argv))
    return {name: tuple(v) if isinstance(v, list) else v for name, v in values.items()}


def run_command(
    description: str,
    settings: type,
    train: Callable[[Any, bool, Report], Any],
    argv: list[str] | None,
    watch: Watch = plain,
    name: str | None = None,
) -> int:
    """Parse options into ``settings``, train, and print where the result (or each of several) lies;
    the exit status. ``name`` is what the user typed, if not the program's.
    """
    parser = argparse.ArgumentParser(
        name, description=description, formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    parser.add_argument("--resume", action="store_true", help="go on from what is in --out")
    add_options(parser, settings)
    values = parsed(parser, argv)
    resume = values.pop("resume")
    try:
        chosen = settings(**values)
        with watch(chosen) as report:
            result = train(chosen, resume, report)
        print(*(result if isinstance(result, tuple) else (result,)), sep="\n")
    except TnemuError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def command(module: str, settings: Any) -> str:
    """The command that repeats a run with these settings."""
    return " ".join(["python", "-m", module, *words_of(settings)])


def words_of(settings: Any) -> list[str]:
    """What is typed behind a command to get these settings."""
    words = []
    for option in options_of(type(settings)):
        value = getattr(settings, option.name)
        if option.flags:
            if value == option.default:
                continue
            one = option.several and len(value) == 1
            words.append(option.flags[-1 if one else 0])
        words += map(str, value) if option.several else [str(value)]
    return words


def settings_from(
    kind: type, values: Any, where: str, renamed: Callable[[dict[str, Any]], dict[str, Any]] = dict
) -> Any:
    """The settings that a file says it was made with; names of other versions are left out.

    ``renamed`` gives the values today's names. Raises a TnemuError that begins with ``where`` for
    what is no mapping, a setting that is missing, of another type or out of its range.
    """
    if not isinstance(values, Mapping):
        raise TnemuError(f"{where}: settings = {shown(values)}: must be an object of named values")
    values = renamed(dict(values))
    names = {f.name for f in fields(kind)}
    lacking = [f.name for f in fields(kind) if f.default is MISSING and f.name not in values]
    if lacking:
        raise TnemuError(
            f"{where}: its settings have no {', '.join(lacking)}; give the file as it was written"
        )
    known = {k: tuple(v) if isinstance(v, list) else v for k, v in values.items() if k in names}
    try:
        return kind(**known)
    except TnemuError as error:
        raise type(error)(f"{where}: {error}") from error
