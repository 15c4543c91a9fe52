"""A group of commands that knows their names and help, and imports only the one that is called."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from importlib import import_module
from typing import Any, ClassVar

import typer
from typer.core import TyperCommand, TyperGroup

from tnemu.cli.ending import INTERRUPTED
from tnemu.errors import TnemuError

TORCH = (
    "run: pip install torch --index-url https://download.pytorch.org/whl/cpu (0.5 GB, processors "
    "only), or in the checkout: pip install '.[learn]' (5.8 GB, with CUDA)"
)
"""How to get what only ``tnemu learn`` needs."""

HELP = {"help_option_names": ["-h", "--help"]}
"""Context settings of the outermost group; everything inside inherits them."""


class LazyGroup(TyperGroup):
    """Offers the commands of ``table``, name -> (where, help), in its order.

    ``where`` is "module:attribute": a command's function, a typer application with commands of its
    own, or a :class:`tnemu.cli.training.Training`. Whatever the chosen command raises is turned into its exit status: TnemuError 1, with one
    line on standard error, Ctrl-C 130.
    """

    table: ClassVar[Mapping[str, tuple[str, str]]] = {}

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        # Names and help are all that listing and completion need.
        self.commands.update(
            {name: TyperCommand(name, help=about) for name, (_, about) in self.table.items()}
        )

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """The command itself in place of its entry in the list."""
        name, entry, rest = super().resolve_command(ctx, args)
        return name, entry and load(*self.table[entry.name or ""]), rest

    def invoke(self, ctx: Any) -> Any:
        """Run the chosen command."""
        words = [*getattr(ctx, "_protected_args", ()), *ctx.args]
        with _statuses(" ".join([ctx.command_path, *words[:1]])):
            return super().invoke(ctx)


def lazy_group(table: Mapping[str, tuple[str, str]]) -> type[LazyGroup]:
    """The group of ``table``, for ``typer.Typer(cls=...)``."""
    return type("Commands", (LazyGroup,), {"table": dict(table)})


def load(where: str, about: str) -> Any:
    """The command at "module:attribute"; where it has no docstring, ``about`` is its help."""
    module, _, attribute = where.partition(":")
    found = getattr(import_module(module), attribute)
    if hasattr(found, "application"):
        found = found.application()
    if not isinstance(found, typer.Typer):
        found = application(found, about)
    return _literal(typer.main.get_command(found))


def _literal(command: Any) -> Any:
    """Brackets in help are brackets, not markup of rich: "uint8 [n, ...]" is shown as it stands."""
    for part in [command, *command.params]:
        if command.rich_markup_mode == "rich" and getattr(part, "help", None):
            part.help = part.help.replace("[", r"\[")
    for inner in getattr(command, "commands", {}).values():
        _literal(inner)
    return command


def application(
    function: Callable[..., None], about: str | None = None, kind: type[TyperCommand] = TyperCommand
) -> typer.Typer:
    """A typer application of one command of class ``kind``."""
    app = typer.Typer(add_completion=False, rich_markup_mode="rich")
    app.command(cls=kind, help=None if function.__doc__ else about)(function)
    return app


@contextmanager
def _statuses(command: str) -> Iterator[None]:
    try:
        yield
    except TnemuError as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(1) from error
    except ModuleNotFoundError as error:
        package = str(error.name).partition(".")[0]
        if package in ("tnemu", "corelets"):  # a bug of ours; its traceback says where
            raise
        advice = TORCH if package == "torch" else f"run: pip install '{package}'"
        typer.echo(
            f"error: '{command}' needs the package {package!r}, which is not installed; {advice}",
            err=True,
        )
        raise typer.Exit(1) from error
    except (KeyboardInterrupt, typer.Abort) as error:
        raise typer.Exit(INTERRUPTED) from error
