"""What a student and its training may be told. No torch in here: settings check it at once.

blocks, width   1 or more
hysteresis      0 <= H < 0.5: weights end at 1 and change at 0.5 + H
sparsity        0 <= S, finite
"""

from __future__ import annotations

from tnemu.errors import TnemuError


def check_size(depth: int, width: int) -> None:
    """Raises TnemuError for a student that has no block layers or no features."""
    for name, value in (("blocks", depth), ("width", width)):
        if value < 1:
            raise TnemuError(
                f"{name} is {value}, a student has 1 or more; choose --{name} 1 or more"
            )


def check_hysteresis(hysteresis: float) -> None:
    """Raises TnemuError for a hysteresis that no weight could pass."""
    if not 0 <= hysteresis < 0.5:
        raise TnemuError(
            f"hysteresis is {hysteresis}, must be at least 0 and less than 0.5: weights end at 1 and "
            "change at 0.5 + hysteresis; Esser et al. use 0.1"
        )


def check_sparsity(sparsity: float) -> None:
    """Raises TnemuError for a pressure to fire more, or without end."""
    if not 0 <= sparsity < float("inf"):
        raise TnemuError(
            f"sparsity is {sparsity}, must be a number of at least 0; Esser et al. use 1e-4"
        )
