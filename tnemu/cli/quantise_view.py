"""What ``tnemu learn quantise`` prints: the rungs beside full precision, and the picture of the noise."""

from __future__ import annotations

from pathlib import Path
from typing import Any


def print_rungs(whole: dict[str, Any]) -> None:
    """A row for every rung of ladder.json."""
    from rich.console import Console
    from rich.table import Table

    table = Table(
        title=f"{whole['settings']['network']}, {whole['pictures']['test']:,} test pictures"
    )
    for name in ("rung", "right %", "calibrated only, validation %", "validation %", "as fp32 %"):
        table.add_column(name, justify="left" if name == "rung" else "right")
    table.add_column("cosine", justify="right")
    table.add_column("weights, kB", justify="right")
    for row in whole["rungs"]:
        cosine, size = row.get("cosine_to_fp32"), row.get("weights_bytes")
        before = row.get("before")
        table.add_row(
            row["rung"],
            f"{100 * row['test_right']:.2f}",
            f"{100 * before['val_right']:.2f}" if before else "",
            f"{100 * row['val_right']:.2f}",
            f"{100 * row['agrees_with_fp32']:.2f}",
            f"{cosine['all']:.4f}" if cosine else "",
            f"{size / 1000:,.0f}" if size else "",
        )
    Console(width=100).print(table)


def save_noise(whole: dict[str, Any], path: Path) -> Path:
    """Draw the gradients' noise against bits and batch; the path."""
    from tnemu.cli.errors import CommandError
    from tnemu.files import writing
    from tnemu.measure.noise_plots import NoisePlot, save_noise_plot

    lines: dict[int, list[tuple[int, float, float]]] = {}
    for row in whole["noise"]:
        lines.setdefault(row["bits"], []).append((row["batch"], row["noise"], row["ratio"]))
    count = whole["settings"]["noise_batches"]
    title = f"Gradient noise of {whole['settings']['network']}"
    with writing(path, error=CommandError) as file:
        save_noise_plot(NoisePlot(title, f"{count} minibatches of each size", lines), file)
    return path
