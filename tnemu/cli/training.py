"""A command made of a settings dataclass: every field is an option, its default and meaning the help.

Nothing that trains is imported until the command runs, so that its help needs no torch.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import MISSING, dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Annotated, Any, Optional

import typer
from typer.core import TyperCommand

from tnemu.cli.lazy import application

if TYPE_CHECKING:
    from tnemu.learn.run.options import Option


@dataclass(frozen=True)
class Training:
    """The command of the settings at ``settings``, "module:class", that calls ``start``.

    ``start`` gets an instance of them, and what it returns (a path, several, or nothing) is printed;
    its further parameters, with typer's annotations, are options of the command, and its docstring is
    the command's help.
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
    """A function with a parameter for each field of ``settings`` and each of ``start`` but its first;
    calls ``start(settings(...), ...)`` and prints what it returns.
    """
    from tnemu.learn.run.options import options_of

    own = list(inspect.signature(start, eval_str=True).parameters.values())[1:]

    def command(**values: Any) -> None:
        more = {parameter.name: values.pop(parameter.name) for parameter in own}
        values = {k: tuple(v) if isinstance(v, list) else v for k, v in values.items()}
        result = start(settings(**values), **more)
        for path in result if isinstance(result, tuple) else (result,):
            if path is not None:
                typer.echo(path)

    parameters = [_parameter(option) for option in options_of(settings)]
    parameters += [parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY) for parameter in own]
    # typer reads the one or the other, by version.
    command.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    command.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    command.__doc__ = start.__doc__
    return command


def _parameter(option: Option) -> inspect.Parameter:
    """A setting as typer takes it."""
    kind: Any = list[option.kind] if option.several else option.kind  # type: ignore[name-defined]
    default = option.default
    if default is None:
        kind = Optional[kind]  # noqa: UP045, a type that is made here
    elif default is MISSING:
        default = inspect.Parameter.empty
    elif option.several:
        default = list(default)
    how = typer.Option(*option.flags, help=option.help)
    return inspect.Parameter(
        option.name,
        inspect.Parameter.KEYWORD_ONLY,
        default=default,
        annotation=Annotated[kind, how if option.flags else typer.Argument(help=option.help)],
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
