"""A command made of a settings dataclass: every field is an option, its default and meaning the help.

Nothing that trains is imported until the command runs, so that its help needs no torch.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import MISSING, Field, dataclass
from importlib import import_module
from typing import Annotated, Any, get_args, get_origin, get_type_hints

import typer
from typer.core import TyperCommand

from tnemu.cli.lazy import application

POSITIONAL = ("game", "games")
"""Fields that are written without a name."""

Resume = Annotated[bool, typer.Option("--resume", help="Go on from what is in the run's folder.")]


@dataclass(frozen=True)
class Training:
    """The command of the settings at ``settings``, "module:class", that calls ``start``.

    ``start`` gets an instance of them and whether to resume, and what it returns (paths) is printed;
    its further parameters are options of the command, and its docstring is the command's help.
    """

    settings: str
    start: Callable[..., Any]

    def application(self) -> typer.Typer:
        """The command as a typer application."""
        module, _, name = self.settings.partition(":")
        return application(
            command_of(getattr(import_module(module), name), self.start), kind=Several
        )


def command_of(settings: type, start: Callable[..., Any]) -> Callable[..., None]:
    """A function with a parameter for each field of ``settings``, ``resume``, and those of ``start``
    after its first two; calls ``start(settings(...), resume, ...)`` and prints what it returns.
    """
    own = list(inspect.signature(start, eval_str=True).parameters.values())[2:]

    def command(**values: Any) -> None:
        more = {parameter.name: values.pop(parameter.name) for parameter in own}
        resume = values.pop("resume")
        chosen = settings(**{k: tuple(v) if isinstance(v, list) else v for k, v in values.items()})
        result = start(chosen, resume, **more)
        for path in result if isinstance(result, tuple) else (result,):
            typer.echo(path)

    parameters = [
        *_parameters(settings),
        _parameter("resume", Resume, False),
        *(parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY) for parameter in own),
    ]
    # typer reads the one or the other, by version.
    command.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    command.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    command.__doc__ = start.__doc__
    return command


def _parameters(settings: type) -> list[inspect.Parameter]:
    """The fields as typer's parameters, those without a default first."""
    from tnemu.learn.run.runs import meanings, required_first

    hints, said = get_type_hints(settings), meanings(settings)
    found = []
    for field in required_first(settings):
        kind, default = _kind(hints[field.name]), _default(field)
        if field.name in POSITIONAL:
            how: Any = typer.Argument(help=said[field.name])
        else:
            how = typer.Option("--" + field.name.replace("_", "-"), help=said[field.name])
        found.append(_parameter(field.name, Annotated[kind, how], default))
    return found


def _kind(hint: Any) -> Any:
    return list[get_args(hint)[0]] if get_origin(hint) is tuple else hint  # type: ignore[misc]


def _default(field: Field[Any]) -> Any:
    if field.default is MISSING:
        return inspect.Parameter.empty
    return list(field.default) if isinstance(field.default, tuple) else field.default


def _parameter(name: str, annotation: Any, default: Any) -> inspect.Parameter:
    return inspect.Parameter(
        name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation
    )


class Several(TyperCommand):
    """A command whose options of several values take them in a row: ``--bits 8 4``."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """``--bits 8 4`` as ``--bits 8 --bits 4``."""
        several = {name for p in self.params if getattr(p, "multiple", False) for name in p.opts}
        spelled: list[str] = []
        option = ""
        for at, word in enumerate(args):
            if word.startswith("--"):
                option = word if word in several else ""
            elif option and args[at - 1] != option:
                spelled.append(option)
            spelled.append(word)
        return super().parse_args(ctx, spelled)
