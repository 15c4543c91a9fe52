"""A network that is put on the board, trained on so that rounding does not change what it decides.

    loss = mean of - log softmax(scores(s) / tau)[a],    a = argmax of the source's output for s

over states s that the source came to, with a share of random actions, and, round after round, over those
that the network itself comes to by now (DAgger, Ross et al., 2011): it is judged where it goes, which
is not where its source goes. tau is the median gap between the
source's two best outputs. What is trained are float weights; the loss is that of what becomes of them,

    w of a neuron    rounded to step k, k whole in its bits, step its largest weight / 2^(bits - 1) - 1
    activations      rounded to 1 / ticks of the largest (0.999 quantile), and cut there

with gradients as if nothing was rounded (straight through). Then it is fitted to the chip as any other
network is (tnemu.networks.spiking.quantise), and what decides more of other states as the source did, the
network before or after, is kept; half of those the source came to, half the trained network. Source: this project; the recipe as McKinstry et al., 1809.04191.

    tnemu learn finetune cartpole --network runs/dqn/best.npz --ticks 500 --out runs/finetuned
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tnemu.errors import TnemuError
from tnemu.formats.rate_file import write_rate
from tnemu.learn.players.mlp_policy import read_network
from tnemu.learn.run.device import one_thread, seeded
from tnemu.learn.run.runs import Curve, Report, file_sha256
from tnemu.learn.run.trouble import check_finite
from tnemu.learn.spiking.nets import Rectifiers
from tnemu.learn.spiking.run import TRAINED, close_run, keep, open_run, train_all
from tnemu.learn.spiking.settings import FinetuneSettings
from tnemu.networks.spiking.dense import DenseNetwork
from tnemu.networks.spiking.quantise import QUANTILE, Fit, largest, quantised
from tnemu.networks.spiking.rate import RateNetwork
from tnemu.networks.spiking.rate_codec import RateCodec
from tnemu.networks.spiking.recipe import Recipe
from tnemu.tasks.control.states import played_states
from tnemu.tasks.task import reference_to

COLUMNS = ("iteration", "loss", "accuracy")
FITTED = "network.safetensors"
"""What plays on the board."""
RANDOM_SHARE = 0.05
"""Of the source's actions, so that it sees what a player that errs comes to."""
OTHER_SEED, ROUND_SEED = 1_000_000, 2_000_003
"""Added to the seed for the states that decide what is kept, and, times the round, for a round's."""
CHECKED, FITTING = 1_000, 4_000
"""States of each kind that networks are compared by, and states they are fitted to the chip by."""
ROUNDS = 5
"""In each of which the network learns from states that it came to itself as well."""


class _Quantised(nn.Module):
    """The rectifiers as their weights and rates will be rounded."""

    def __init__(self, net: Rectifiers, whole: RateNetwork, units: list[Tensor]) -> None:
        super().__init__()
        self.net, self.ticks = net, whole.recipe.ticks
        self.highs = [2 ** (layer.bits - 1) - 1 for layer in whole.layers]
        self.highs[0] *= whole.levels
        self.units = units

    def forward(self, x: Tensor) -> Tensor:
        """Scores [n, answers]."""
        last = len(self.highs) - 1
        for k, (layer, high) in enumerate(zip(self.net.layers, self.highs, strict=True)):
            w = layer.weight * self.units[k]  # by what a spike of each input stands for
            largest_of = w.detach().abs()
            step = (largest_of.max() if k == last else largest_of.amax(1, keepdim=True)) / high
            w = _through(w, torch.round(w / step.clamp(min=1e-12)) * step) / self.units[k]
            x = F.linear(x, w, layer.bias)
            if k < last:
                unit = self.units[k + 1]
                x = F.relu(x)
                x = _through(
                    x, torch.round((x / unit).clamp(max=1) * self.ticks) / self.ticks * unit
                )
        return x


def _through(value: Tensor, rounded: Tensor) -> Tensor:
    """``rounded``, with the gradient of ``value``."""
    return value + (rounded - value).detach()


class Finetuning:
    """The whole state of a run; ``run`` is the loop."""

    def __init__(self, settings: FinetuneSettings, resume: bool) -> None:
        s = self.settings = settings
        network = read_network(s.network)
        source = read_network(s.source) if s.source else network
        for what, one in (("network", network), ("source", source)):
            if (one.inputs, one.answers) != (s.spec.shape[0], len(s.spec.actions)):
                raise TnemuError(
                    f"{what} = {getattr(s, what)!r}: it takes {one.inputs} numbers and gives "
                    f"{one.answers}, {s.task} shows {s.spec.shape[0]} and takes one of "
                    f"{len(s.spec.actions)} actions; give a network of that task"
                )
        if network.spiking:
            raise TnemuError(
                f"network = {s.network!r}: it was trained as a spiking one, whose thresholds are part of "
                "it; fine-tune one of rectifiers, or put this one on the board as it is"
            )
        self.out = open_run(
            s, resume, network_sha256=file_sha256(s.network),
            source_sha256=file_sha256(s.source or s.network),
        )  # fmt: skip
        self.network, self.source = network, source
        with seeded(s.seed):
            self.net = Rectifiers(*network.widths)
        for layer, w, b in zip(self.net.layers, network.weights, network.biases, strict=True):
            layer.weight.data = torch.from_numpy(w.T.astype(np.float32))
            layer.bias.data = torch.from_numpy(b.astype(np.float32))
        self.states = played_states(source.decide, s.spec, s.seed, s.states, RANDOM_SHARE)

    def run(self, report: Report) -> Path:
        """The path of the network for the board. Raises Diverged."""
        s = self.settings
        before = self.fitted(self.network)
        curve = Curve(self.out, COLUMNS, report)
        curve.keep(lambda row: False)
        with one_thread():
            self.train(before, curve)
        trained = self.net.dense()
        after = self.fitted(trained)
        players = ((self.source, RANDOM_SHARE), (trained, 0.0))
        others = [
            played_states(one.decide, s.spec, s.seed + OTHER_SEED, CHECKED, share)
            for one, share in players
        ]
        shares = [self.share(one, np.concatenate(others)) for one in (before, after)]
        best = after if shares[1] >= shares[0] else before
        keep(self.net, self.out, TRAINED)
        write_rate(best, self.out / FITTED)
        close_run(s, self.out, agreement_before=shares[0], agreement=max(shares))
        return self.out / FITTED

    def fitted(self, network: DenseNetwork) -> RateNetwork:
        """``network`` in whole numbers."""
        s = self.settings
        states = self.states[:: -(-len(self.states) // FITTING)]
        fit = Fit(largest(self.states), states, s.bits, s.first_bits, s.levels)
        recipe = Recipe(s.ticks, order="textbook", start=0.5)
        return quantised(
            network, recipe, fit, s.spec.actions, task=reference_to(s.spec), name=s.spec.name
        )

    def share(self, network: RateNetwork, states: np.ndarray) -> float:
        """Of the decisions in ``states`` that are the source's."""
        return float((RateCodec(network).decide(states) == self.source.decide(states)).mean())

    def visited(self, round_: int) -> np.ndarray:
        """States that the network comes to by now."""
        s = self.settings
        decide = self.net.dense().decide
        return played_states(decide, s.spec, s.seed + round_ * ROUND_SEED, s.states // ROUNDS)

    def train(self, whole: RateNetwork, curve: Curve) -> None:
        """Every update."""
        s = self.settings
        ranges = torch.from_numpy(whole.ranges.astype(np.float32))
        model = _Quantised(self.net, whole, [ranges])
        top = np.sort(self.source.values(self.states), axis=1)
        tau = float(np.median(top[:, -1] - top[:, -2])) or 1.0
        optimiser = torch.optim.Adam(self.net.parameters(), lr=s.learning_rate, fused=True)
        falling = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, s.batches)
        rng = np.random.default_rng(s.seed)
        x, y = self.lesson()
        sums, each = np.zeros(2), -(-s.batches // ROUNDS)
        for iteration in range(s.batches):
            if iteration and iteration % each == 0:
                self.states = np.concatenate([self.states, self.visited(iteration // each)])
                x, y = self.lesson()
            if iteration % s.log_every == 0:
                model.units = [ranges, *self.units()]
            at = torch.from_numpy(rng.integers(len(x), size=s.batch))
            scores = model(x[at]) / tau
            loss = F.cross_entropy(scores, y[at])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            falling.step()
            sums += float(loss.detach()), float((scores.detach().argmax(1) == y[at]).float().mean())
            done = iteration + 1
            if done % s.log_every == 0 or done == s.batches:
                check_finite(self.net, float(sums[0]), f"{s.task}, update {done}")
                mean = sums / ((iteration % s.log_every) + 1)
                curve.add(iteration=done, loss=float(mean[0]), accuracy=float(mean[1]))
                sums[:] = 0

    def lesson(self) -> tuple[Tensor, Tensor]:
        """States and what the source does there."""
        return torch.from_numpy(self.states), torch.from_numpy(self.source.decide(self.states))

    def units(self) -> list[Tensor]:
        """What a spike of every hidden neuron stands for now."""
        found = []
        for a in self.net.dense().activations(self.states[:FITTING])[:-1]:
            unit = np.quantile(a, QUANTILE, axis=0)
            found.append(
                torch.from_numpy(np.maximum(unit, max(unit.max() / 50, 1e-6)).astype("f4"))
            )
        return found


def train_one(settings: FinetuneSettings, resume: bool, report: Report) -> Path:
    """One run; the path of the network for the board. A stopped run begins anew."""
    return Finetuning(settings, resume).run(report)


def train(settings: FinetuneSettings, resume: bool, report: Report) -> tuple[Path, ...]:
    """Every run of the settings; the paths of the networks for the board."""
    return train_all(train_one, settings, resume, report)
