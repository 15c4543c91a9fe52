"""What ``tnemu dream`` does: pictures are completed or labelled, on a board and by the chain, side by side."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from corelets.boltzmann import BoltzmannMachine
from tnemu.emulator.warm import warm
from tnemu.hardware.board import BoardSpec
from tnemu.lab.completion import Completion, baselines, complete, hidden_part, row_of
from tnemu.lab.dreams import LANES, BoardDreamer, Dreamer, DreamError, OperatorDreamer
from tnemu.lab.labelling import classify, errors_of, spoiled
from tnemu.learn.boltzmann.images import Images, bits
from tnemu.measure.energy import components, estimate
from tnemu.networks.boltzmann.machine import Bits, Machine
from tnemu.networks.boltzmann.sampler import SAMPLERS, Curve, Sampler

IDEAL = "logistic"
"""Name of the sampler whose units follow the logistic, on the rounded weights."""


@dataclass(frozen=True)
class DreamSettings:
    """How to dream: ``samplers`` by name, one rule; with a ``board``, its first sampler there as well."""

    samplers: tuple[tuple[str, Sampler], ...] = (("G5", SAMPLERS["G5"]),)
    rule: str = "literal"
    samples: int = 10
    hide: str = "bottom"
    share: float = 0.35
    begin: str = "dark"
    seed: int = 1
    board: BoardSpec | None = None
    accumulate: int = 32
    strategies: str = "1.1+2+3"
    lanes: int = LANES
    weight_scale: float | None = None
    """Scale at which weights are rounded whatever the sampler; None: at each sampler's own."""

    def scale(self, sampler: Sampler) -> float:
        """At which the weights are rounded that this sampler samples."""
        return sampler.scale if self.weight_scale is None else self.weight_scale


@dataclass
class DreamResult:
    """``facts`` for a script; ``completion`` of the first sampler; ``hidden`` bool [rows, columns]."""

    facts: dict[str, Any]
    completion: Completion | None = None
    hidden: Bits = field(default_factory=lambda: np.zeros((0, 0), np.bool_))


def dream_run(
    machine: Machine,
    truth: Bits,
    settings: DreamSettings,
    train: Bits | None = None,
    tell: Callable[[str], None] = lambda what: None,
) -> DreamResult:
    """Complete ``truth`` bool [n, pixels]; ``train`` [m, pixels]: what the nearest picture is sought in."""
    s = settings
    hidden = hidden_part(s.hide, machine.shape, s.share, s.seed)
    rows: dict[str, Any] = {}
    facts: dict[str, Any] = {
        "machine": machine.name,
        "machine_sha256": machine.sha256,
        "pictures": len(truth),
        "hide": s.hide,
        "hidden_pixels": int(hidden.sum()),
        "begin": s.begin,
        "weight_scale": s.weight_scale,
        "samples": s.samples,
        "seed": s.seed,
        "rows": rows,
    }
    first: Completion | None = None

    def add(name: str, dreamer: Dreamer) -> None:
        nonlocal first
        tell(name)
        found = complete(dreamer, machine, truth, hidden, s.samples, begin=s.begin, seed=s.seed)
        rows[name] = row_of(found)
        first = found if first is None else first

    if s.board is not None:
        name, sampler = s.samplers[0]
        warm()  # so that no compiling counts
        with _board(machine, sampler, s, s.board) as dreamer:
            began = time.process_time()
            add(f"{name} on {s.board.name}", dreamer)
            facts["board"] = _board_facts(dreamer, s.board, time.process_time() - began, len(truth))
    for name, sampler in s.samplers:
        add(name, _operator(machine, sampler, s))
    add(IDEAL, _operator(machine, s.samplers[0][1], s, ideal=True))
    if hidden.any():
        rows |= baselines(truth, hidden, truth if train is None else train)
        if train is None:
            del rows["nearest training picture"]
    return DreamResult(facts, first, hidden)


def label_run(
    machine: Machine,
    pictures: Bits,
    labels: npt.NDArray[Any],
    settings: DreamSettings,
    noise: str = "none",
    noise_share: float = 0.0,
    tell: Callable[[str], None] = lambda what: None,
) -> DreamResult:
    """Label ``pictures`` with each sampler, and with units that follow the logistic."""
    s = settings
    rows: dict[str, Any] = {}
    seen = spoiled(pictures, noise, noise_share, s.seed)
    runs = [(name, _operator(machine, sampler, s)) for name, sampler in s.samplers]
    runs.append((IDEAL, _operator(machine, s.samplers[0][1], s, ideal=True)))
    for name, dreamer in runs:
        tell(name)
        rows[name] = errors_of(classify(dreamer, machine, seen, s.samples), labels)
    return DreamResult(
        {
            "machine": machine.name,
            "machine_sha256": machine.sha256,
            "pictures": len(pictures),
            "noise": noise,
            "noise_share": noise_share,
            "weight_scale": s.weight_scale,
            "samples": s.samples,
            "seed": s.seed,
            "rows": rows,
        }
    )


def pictures_of(
    images: Images, threshold: int, first: int, count: int, machine: Machine
) -> tuple[Bits, Bits, npt.NDArray[np.uint8] | None]:
    """Test pictures ``first`` .. and their labels, and all training pictures; DreamError where there are
    no such, or they have another size than the machine's.
    """
    if images.shape != machine.shape:
        raise DreamError(
            f"the pictures of {images.source} have {images.shape[0]} x {images.shape[1]} pixels, machine "
            f"{machine.name!r} has {machine.shape[0]} x {machine.shape[1]}; give others"
        )
    if not 0 <= first < first + count <= len(images.test):
        raise DreamError(
            f"pictures {first}..{first + count - 1}: {images.source} has {len(images.test):,} test "
            "pictures; choose among them with --first and --pictures"
        )
    some = slice(first, first + count)
    labels = None if images.test_labels is None else images.test_labels[some]
    return bits(images.test[some], threshold), bits(images.train, threshold), labels


def _operator(
    machine: Machine, sampler: Sampler, s: DreamSettings, ideal: bool = False
) -> OperatorDreamer:
    curve = Curve(sampler, s.rule, ideal=ideal)
    return OperatorDreamer(machine.rounded(s.scale(sampler)), curve, s.seed)


def _board(machine: Machine, sampler: Sampler, s: DreamSettings, board: BoardSpec) -> BoardDreamer:
    rounded = machine.rounded(s.scale(sampler))
    cores = BoltzmannMachine(rounded, sampler, s.accumulate, s.strategies)
    return BoardDreamer(cores, board, lanes=s.lanes, seed=s.seed)


def _board_facts(
    dreamer: BoardDreamer, board: BoardSpec, cpu_s: float, pictures: int
) -> dict[str, Any]:
    """Size, pace and energy of what was dreamt; energy is of one board, for one sample of one picture."""
    counters, lanes = dreamer.chip.counters, dreamer.lanes
    ticks, step = dreamer.chip.tick, dreamer.machine.step_ticks
    share = step / max(1, ticks) / lanes
    energy = estimate(
        round(counters.synaptic_operations * share), step, tick_us=board.tick_us, chips=1
    )
    parts = components(
        step, dreamer.plan.size.cores, round(counters.hops * share),
        round(counters.chip_crossings * share), round(counters.output_spikes * share),
    )  # fmt: skip
    return {
        "name": board.name,
        "cores": dreamer.plan.size.cores,
        "ticks_a_sample": step,
        "lanes": lanes,
        "ticks": ticks,
        "cpu_s": cpu_s,
        "times_real_time": ticks * lanes * board.tick_us * 1e-6 / cpu_s if cpu_s else 0.0,
        "spikes_a_tick": counters.spikes / max(1, ticks) / lanes,
        "energy_mj_a_sample": energy.energy_mj,
        "energy_lower_bound_mj_a_sample": parts["lower_bound_mj"],
        "paper_mj_a_picture": PAPER_MJ,
    }


PAPER_MJ = 0.5
"""Pedroni et al. estimate 5 mW and 0.1 s a picture; it was not measured."""
