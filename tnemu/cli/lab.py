"""``tnemu lab``: experiments that join rooms, whose figures a script can read."""

from __future__ import annotations

import typer

from tnemu.cli.lazy import lazy_group

_BOLTZMANN, _SPIKING = "tnemu.cli.lab_boltzmann", "tnemu.cli.lab_spiking"

COMMANDS = {
    "sampler": (
        f"{_BOLTZMANN}:sampler",
        "How near a digital neuron comes to the logistic function",
    ),
    "pack": (f"{_BOLTZMANN}:pack", "How many neurons the weights of one unit take"),
    "rbm-map": (f"{_BOLTZMANN}:rbm_map", "How many cores a Boltzmann machine takes, by stage"),
    "rbm-kl": (f"{_BOLTZMANN}:rbm_kl", "How far samplers are from the machines that they sample"),
    "convert": (
        f"{_SPIKING}:convert",
        "Run a network as a spiking one beside its source, on CartPole or MountainCar",
    ),
    "dsqn": (f"{_SPIKING}:dsqn", "The tables of Hahn's thesis, run again beside what it printed"),
    "occlude": (
        "tnemu.cli.lab_occlude:occlude",
        "How well players of Atari do when a bar hides a part of the screen",
    ),
}
"""Command name -> where it is, and its line of help."""

app = typer.Typer(cls=lazy_group(COMMANDS), no_args_is_help=True, add_completion=False)


@app.callback()
def _about() -> None:
    """Experiments that join rooms, whose figures a script can read."""
