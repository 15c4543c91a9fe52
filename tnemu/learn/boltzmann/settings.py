"""What the training of a Boltzmann machine is told."""

from __future__ import annotations

from dataclasses import dataclass

from tnemu.learn.run.ranges import above_zero, at_least, check_types, inside

FREE = ("check_every", "out")
"""Settings that may change when a run is resumed."""


@dataclass(frozen=True)
class RbmSettings:
    """Everything a training depends on; each field says what it is. Raises TnemuError for a value of
    another type or out of its range.
    """

    out: str
    """Folder for checkpoint, curve and the machine."""
    data: str = "digits"
    """Pictures: digits (of scikit-learn), an .npz or IDX file, or a folder of IDX files."""
    name: str = "machine"
    """Of the machine, in its file."""
    train: int = 0
    """Pictures to train on, the first of the set; 0: all."""
    test: int = 1_000
    """Pictures of the test part whose log-likelihood is told."""
    threshold: int = 128
    """A pixel is on from this grey value on, of 255."""
    labels: int = 0
    """1: a visible unit for each class beside the pixels."""
    patch: int = 8
    """Side of the patch that a hidden unit sees; 0: the whole picture."""
    stride: int = 1
    """Pixels from patch to patch."""
    units: int = 1
    """Hidden units of every patch (or, with patch 0, of the picture)."""
    epochs: int = 100
    """Passes over the training pictures."""
    batch: int = 100
    """Pictures of an update."""
    chains: int = 100
    """Persistent chains that the machine's own distribution is estimated by."""
    steps: int = 1
    """Gibbs steps of every chain between two updates: the k of CD-k."""
    learning_rate: float = 0.1
    """At the start; it falls linearly to 0."""
    decay: float = 0.0
    """Share of every weight that an update with learning rate 1 takes away."""
    seed: int = 1
    """Of everything that is drawn."""
    check_every: int = 10
    """Epochs between two checkpoints, each with an estimate of the log-likelihood."""
    ais_steps: int = 2_000
    """Temperatures of annealed importance sampling."""
    ais_chains: int = 50
    """Its chains."""

    def __post_init__(self) -> None:
        check_types(self)
        at_least(0, self, "train test patch seed")
        at_least(1, self, "stride units epochs batch chains steps check_every ais_steps ais_chains")
        inside(-1, 2, self, "labels")
        inside(0, 256, self, "threshold")
        inside(-1e-9, 1, self, "decay")
        above_zero(self, "learning_rate")
