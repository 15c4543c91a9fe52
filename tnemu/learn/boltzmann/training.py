"""Train a restricted Boltzmann machine by persistent contrastive divergence.

    dW = <v h'>_data - <v h'>_chains - decay W,   W += rate dW,   the same for both biases
    rate falls linearly from learning_rate to 0 over all updates

<v h'>_data: over a batch, h by its probability; <v h'>_chains: over chains that are never started anew and
take k Gibbs steps between two updates. A hidden unit that sees a patch only has weights to its pixels
only, in training too. numpy alone; every number comes from one seed, and a run that was stopped goes on
as if it had not been. The machine of this project::

    tnemu learn rbm --data mnist.npz --out runs/rbm

Source: Tieleman, "Training restricted Boltzmann machines using approximations to the likelihood
gradient", ICML 2008; Hinton, "A practical guide to training restricted Boltzmann machines", 2010.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from tnemu import files
from tnemu.errors import TnemuError, shown
from tnemu.formats.boltzmann import write_machine
from tnemu.formats.errors import FormatError
from tnemu.formats.tensor_file import load_facts, load_tensors, save_tensors
from tnemu.learn.boltzmann.ais import independent, partition
from tnemu.learn.boltzmann.images import Images, bits, load_images
from tnemu.learn.boltzmann.settings import FREE, RbmSettings
from tnemu.learn.run.options import command
from tnemu.learn.run.runs import Curve, Report, begin, derived_seed, print_row, versions
from tnemu.networks.boltzmann.machine import Machine, Singles, patches

CHECKPOINT = "checkpoint.safetensors"
MACHINE = "machine.safetensors"
COLUMNS = (
    "epoch",
    "free_energy_data",
    "free_energy_chains",
    "log_likelihood",
    "log_likelihood_test",
    "ais_error",
    "mean_weight",
)
FIRST_WEIGHTS = 0.01
"""Standard deviation of the weights before the first update."""
LARGEST = 1e3
"""A weight beyond it is no machine's: the logistic of 40 is 1 to the last digit."""
SAMPLE = 2_000
"""Training pictures whose free energy is told."""


@dataclass
class State:
    """What an update changes: parameters, chains [chains, visible] and the source of draws."""

    weights: Singles
    visible_bias: Singles
    hidden_bias: Singles
    chains: Singles
    rng: np.random.Generator
    epoch: int = 0

    ARRAYS: ClassVar = ("weights", "visible_bias", "hidden_bias", "chains")


class Run:
    """One training; ``resume``: from the checkpoint in its folder. Raises TnemuError for settings and
    pictures that do not fit, before anything is written.
    """

    def __init__(
        self, settings: RbmSettings, resume: bool = False, report: Report = print_row
    ) -> None:
        s = self.settings = settings
        self.resume, self.out = resume, Path(s.out)
        self.images = load_images(s.data)
        self.data, self.test, self.labels = visible_units(self.images, s)
        self.connected = self._connected()
        self.curve = Curve(self.out, COLUMNS, report)

    def run(self) -> Path:
        """All epochs; returns the machine's file."""
        s = self.settings
        begin(self.out, s, self.resume, FREE)
        state = self.read() if self.resume else self.start()
        if self.resume:
            self.curve.keep(lambda row: int(row["epoch"] or 0) <= state.epoch)
        found: dict[str, Any] = {}
        while state.epoch < s.epochs:
            self.train_epoch(state)
            if state.epoch % s.check_every == 0 or state.epoch == s.epochs:
                found = self.check(state)
                self.save(state)
                self.curve.add(**found)
        machine = self.machine(state, {**self.provenance(), "figures": found or self.check(state)})
        write_machine(machine, self.out / MACHINE)
        return self.out / MACHINE

    def start(self) -> State:
        """Small random weights, pixels' own rates as visible biases, chains at training pictures."""
        rng = np.random.default_rng(derived_seed(self.settings.seed))
        shape = self.connected.shape
        weights = rng.normal(0, FIRST_WEIGHTS, shape).astype(np.float32) * self.connected
        first = rng.integers(0, len(self.data), self.settings.chains)
        return State(
            weights=weights,
            visible_bias=independent(self.data),
            hidden_bias=np.zeros(shape[1], np.float32),
            chains=self.data[first].astype(np.float32),
            rng=rng,
        )

    def train_epoch(self, state: State) -> None:
        """One pass over the training pictures, in an order that is drawn."""
        s = self.settings
        updates = len(self.data) // s.batch
        order = state.rng.permutation(len(self.data))
        connected = self.connected.astype(np.float32)
        for update in range(updates):
            done = (state.epoch * updates + update) / (s.epochs * updates)
            rate = np.float32(s.learning_rate * (1 - done))
            batch = self.data[order[update * s.batch : (update + 1) * s.batch]]
            self._update(state, batch.astype(np.float32), rate, connected)
        largest = np.abs(state.weights).max()
        if not largest < LARGEST:  # so that NaN is refused too
            raise TnemuError(
                f"the training in {self.out} has diverged in epoch {state.epoch + 1}: its largest "
                f"weight is {largest:.3g}; begin again with a smaller --learning-rate"
            )
        state.epoch += 1

    def _update(self, state: State, v: Singles, rate: np.float32, connected: Singles) -> None:
        s = self.settings
        h = _logistic(v @ state.weights + state.hidden_bias)
        chains = state.chains
        for _ in range(s.steps):
            up = _drawn(state.rng, chains @ state.weights + state.hidden_bias)
            chains = _drawn(state.rng, up @ state.weights.T + state.visible_bias)
        state.chains = chains
        up = _logistic(chains @ state.weights + state.hidden_bias)
        slope = (v.T @ h) / np.float32(len(v)) - (chains.T @ up) / np.float32(len(chains))
        slope -= np.float32(s.decay) * state.weights
        slope *= connected
        state.weights += rate * slope
        state.visible_bias += rate * (v.mean(axis=0) - chains.mean(axis=0))
        state.hidden_bias += rate * (h.mean(axis=0) - up.mean(axis=0))

    def check(self, state: State) -> dict[str, Any]:
        """A row of the curve: free energies, and the log-likelihood by annealed importance sampling."""
        s, machine = self.settings, self.machine(state, {})
        found = partition(
            machine, independent(self.data), steps=s.ais_steps, chains=s.ais_chains,
            seed=derived_seed(s.seed, 1),
        )  # fmt: skip
        data = float(machine.free_energy(self.data[:SAMPLE]).mean())
        row = {
            "epoch": state.epoch,
            "free_energy_data": data,
            "free_energy_chains": float(machine.free_energy(state.chains).mean()),
            "log_likelihood": -data - found.log_z,
            "ais_error": found.error,
            "mean_weight": float(np.abs(machine.weights[machine.connected]).mean()),
        }
        if len(self.test):
            test = float(machine.free_energy(self.test).mean())
            row["log_likelihood_test"] = -test - found.log_z
        return row

    def machine(self, state: State, provenance: dict[str, Any]) -> Machine:
        """The machine as it is now."""
        return Machine(
            weights=state.weights.copy(),
            visible_bias=state.visible_bias.copy(),
            hidden_bias=state.hidden_bias.copy(),
            connected=self.connected,
            shape=self.images.shape,
            labels=self.labels,
            name=self.settings.name,
            provenance=provenance,
        )

    def provenance(self) -> dict[str, Any]:
        """How the machine is made."""
        s = self.settings
        given = {k: v for k, v in asdict(s).items() if k not in ("out", "data")}
        return {
            "command": command("tnemu learn rbm", replace(s, data=Path(s.data).name)).removeprefix(
                "python -m "
            ),
            "settings": given,
            "data": self.images.source if s.data == "digits" else Path(s.data).name,
            "train_pictures": len(self.data),
            "test_pictures": len(self.test),
            "versions": {k: v for k, v in versions().items() if k in ("tnemu", "numpy")},
        }

    def save(self, state: State) -> None:
        """Write the checkpoint, whole or not at all."""
        arrays = {name: getattr(state, name) for name in State.ARRAYS}
        drawn = files.json_text(state.rng.bit_generator.state, "the draws", error=FormatError)
        facts = {"epoch": str(state.epoch), "rng": drawn}
        save_tensors(self.out / CHECKPOINT, arrays, facts)

    def read(self) -> State:
        """The state that :meth:`save` wrote; TnemuError where there is none of this training."""
        path = self.out / CHECKPOINT
        if not path.is_file():
            raise TnemuError(
                f"there is no checkpoint {files.place(path)} to go on from; run without --resume"
            )
        return read_checkpoint(path, self.start())

    def _connected(self) -> npt.NDArray[np.bool_]:
        s = self.settings
        if s.patch == 0:
            return np.ones((self.data.shape[1], s.units), np.bool_)
        seen = patches(self.images.shape, s.patch, s.stride, s.units)
        every = np.ones((self.labels, seen.shape[1]), np.bool_)  # a label is seen by all
        return np.concatenate([seen, every])


def visible_units(
    images: Images, s: RbmSettings
) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_], int]:
    """Training and test data bool [n, visible], and how many of the visible units are labels."""
    train, test = images.train[: s.train or None], images.test[: s.test]
    if len(train) < s.batch:
        raise TnemuError(
            f"{len(train):,} training pictures are less than a batch of {s.batch:,}; choose another "
            "--batch, or --train 0"
        )
    found = [bits(train, s.threshold), bits(test, s.threshold)]
    if not s.labels:
        return found[0], found[1], 0
    if images.train_labels is None or images.test_labels is None:
        raise TnemuError(
            f"data {shown(s.data)} has no labels for --labels 1; give a set with labels, or --labels 0"
        )
    classes = int(images.train_labels.max()) + 1
    every = np.eye(256, dtype=np.bool_)[:, :classes]
    parts = (images.train_labels[: len(train)], images.test_labels[: len(test)])
    joined = [np.hstack([v, every[k]]) for v, k in zip(found, parts, strict=True)]
    return joined[0], joined[1], classes


def read_checkpoint(path: Path, like: State) -> State:
    """The checkpoint at ``path``, with arrays of the shapes of ``like``. Raises FormatError."""
    facts, arrays, where = load_facts(path), load_tensors(path), files.place(path)
    for name in State.ARRAYS:
        found, wanted = arrays.get(name), getattr(like, name)
        if found is None or found.shape != wanted.shape or found.dtype != wanted.dtype:
            raise FormatError(
                f"{where}: {name} is {shown(found)}, this training has {wanted.dtype} "
                f"{wanted.shape}; put the run's own checkpoint there"
            )
    try:
        epoch = int(facts["epoch"])
        like.rng.bit_generator.state = files.parse_json(facts["rng"], where, error=FormatError)
    except (KeyError, ValueError, TypeError, OverflowError) as error:
        raise FormatError(
            f"{where} says nothing usable of its epoch and its draws ({error!r:.80}); put the run's "
            "own checkpoint there"
        ) from error
    if not 0 <= epoch <= 1 << 31:
        raise FormatError(f"{where}: epoch {epoch} cannot be; put the run's own checkpoint there")
    return State(rng=like.rng, epoch=epoch, **{name: arrays[name] for name in State.ARRAYS})


def train_machine(settings: RbmSettings, resume: bool = False, report: Report = print_row) -> Path:
    """Train, and return the machine's file."""
    return Run(settings, resume, report).run()


def _logistic(x: Singles) -> Singles:
    return np.float32(0.5) * (1 + np.tanh(np.float32(0.5) * x))


def _drawn(rng: np.random.Generator, fields: Singles) -> Singles:
    p = _logistic(fields)
    return (rng.random(p.shape, np.float32) < p).astype(np.float32)
