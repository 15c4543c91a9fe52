"""What can be built and is most likely a mistake: each warns, at the author's line."""

from __future__ import annotations

import warnings
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from corelets.language import errors
from corelets.language.body import Body
from corelets.language.errors import CoreletWarning, Location
from corelets.language.group import NeuronGroup
from corelets.language.kinds import never_fires
from corelets.language.numbering import Bits, FlatCore, Ints, Numbering
from corelets.language.pins import Merge
from corelets.language.ports import Input
from tnemu.hardware.neuron import FIELDS, is_stochastic
from tnemu.networks.logical import LogicalNetwork

Finding = tuple[type[CoreletWarning], str, Location]


def look(top: Body, numbering: Numbering, network: LogicalNetwork) -> None:
    """Warn of everything that is found in ``top``."""
    for findings in (
        _repeated(numbering),
        _merged(numbering),
        _undriven(top, numbering),
        _unwired(numbering),
        _of_cores(numbering, network),
        _noise(numbering, network),
    ):
        for category, text, location in findings:
            warnings.warn_explicit(text, category, location.file, location.line)


def _repeated(numbering: Numbering) -> Iterator[Finding]:
    """A pin that drives another one twice, at the same time."""
    rows = numbering.rows
    keys = rows[["source", "sink", "delay", "after", "loop"]]
    order = np.argsort(keys, order=["source", "sink", "delay", "after", "loop"], kind="stable")
    same = np.flatnonzero(keys[order][1:] == keys[order][:-1])
    told = set()
    for k in same.tolist():
        first, second = rows[order[k]], rows[order[k + 1]]
        one, other = (numbering.lines[int(row["by"])] for row in (first, second))
        if (one, other) in told:
            continue
        told.add((one, other))
        source, sink = (_pin(numbering, int(first[name])) for name in ("source", "sink"))
        yield (
            errors.RepeatedConnection,
            f"{source} drives {sink} twice, at {one} and at {other}, which is the same as once; for "
            "twice the weight write 2 * pins at the neurons",
            other,
        )


def _merged(numbering: Numbering) -> Iterator[Finding]:
    """Pins that several sources drive, where no ``|`` says so."""
    rows = numbering.rows
    rows = rows[~numbering.mark(b for b in numbering.bundles if isinstance(b, Merge))[rows["sink"]]]
    rows = np.unique(rows[["sink", "source", "by"]])
    again = np.flatnonzero(
        (rows["sink"][1:] == rows["sink"][:-1]) & (rows["source"][1:] != rows["source"][:-1])
    )
    told = set()
    for k in again.tolist():
        first, second = rows[k], rows[k + 1]
        bundle, _ = numbering.bundle_at(int(first["sink"]))
        if bundle in told:
            continue
        told.add(bundle)
        one, other = (_pin(numbering, int(row["source"])) for row in (first, second))
        lines = sorted({str(numbering.lines[int(row["by"])]) for row in (first, second)})
        yield (
            errors.UnaskedMerge,
            f"{_pin(numbering, int(first['sink']))} is driven by {one} and by {other} (connected at "
            f"{' and at '.join(lines)}): spikes of the same tick merge into one; if that is meant, write "
            "(a | b) >> sink",
            numbering.lines[int(max(first["by"], second["by"]))],
        )


def _undriven(top: Body, numbering: Numbering) -> Iterator[Finding]:
    """Inputs of parts of which only some pins are driven."""
    for body in numbering.bodies:
        for port in body.ports.values():
            mine = numbering.driven[numbering.span(port)]
            if body is top or not isinstance(port, Input) or mine.all():
                continue
            yield (
                errors.UndrivenPins,
                f"{int((~mine).sum()):,} of {len(mine):,} pins of {port.describe()} are driven by nothing, "
                f"the first is pin {int(np.argmin(mine))}; connect() them, or say that they are meant to "
                "be silent: SILENCE >> pins",
                body.location,
            )


def _unwired(numbering: Numbering) -> Iterator[Finding]:
    """Neurons and merges that lead nowhere."""
    leads = np.zeros(numbering.count, np.bool_)
    leads[numbering.rows["source"]] = True
    told = set()
    for core in numbering.cores:
        if core.neurons in told or leads[numbering.span(core.neurons)].any():
            continue
        told.add(core.neurons)
        yield (
            errors.UnwiredNeurons,
            f"{core.describe()}: none of its neurons leads anywhere; connect them (neurons >> "
            "self.z), or leave them out",
            core.location,
        )
    for body in numbering.bodies:
        for merge in body.merges:
            if not leads[numbering.span(merge)].any():
                yield (
                    errors.UnwiredNeurons,
                    f"{merge.describe()} leads nowhere; connect it: (a | b) >> sink",
                    merge.location,
                )


def _of_cores(numbering: Numbering, network: LogicalNetwork) -> Iterator[Finding]:
    """Neurons that never fire, and sources that weigh nothing."""
    # what a silent part would drive counts as driven: it has been told, or is meant
    wired = np.zeros(numbering.count, np.bool_)
    wired[numbering.rows["sink"]] = True
    driven = [np.zeros(core.axon_count, np.bool_) for core in network.cores]
    for live, flat in zip(driven, numbering.cores, strict=True):
        live[: flat.axons.width] = wired[numbering.span(flat.axons)]
    told = set()
    for core, flat, live in zip(network.cores, numbering.cores, driven, strict=True):
        if flat.neurons in told:
            continue
        trained = (core.elements >= 0).any()  # of which some may be dead
        weights = core.neurons["s"].T[core.axon_types]  # [axons, neurons]
        weights = np.where(core.crossbar & live[:, None], weights, 0)
        empty = np.flatnonzero(live & ~weights.any(axis=1))
        if len(empty) and not trained:
            told.add(flat.neurons)
            yield (
                errors.WeightlessSource,
                f"{flat.describe()}: axon {int(empty[0])} (type {int(core.axon_types[empty[0]])}) has "
                "weight 0 at every neuron, so that what drives it is lost; give its type a weight in s, "
                "set its crossbar bits, or leave it out",
                flat.location,
            )
        silent = _silent(core.neurons, weights) & core.used
        if silent.any() and not trained:
            told.add(flat.neurons)
            yield errors.SilentNeurons, _says_silent(flat, silent, core.neurons), flat.location
    for body in numbering.bodies:
        for group in body.groups:
            for term in group.terms:
                if not len(term.row):
                    yield (
                        errors.WeightlessSource,
                        f"{group.describe()}: {term!r} has weight 0 everywhere; give it a weight or leave "
                        "it out",
                        group.location,
                    )


def _silent(records: npt.NDArray[np.void], weights: Ints) -> Bits:
    plus = np.where(weights > 0, weights, 0)
    never = never_fires(records, plus.sum(axis=0).astype(np.int64))
    unset = (records["alpha"] == FIELDS["alpha"].high) & (records["leak"] == 0)
    return np.asarray(never | unset)


def _says_silent(flat: FlatCore, silent: Bits, records: npt.NDArray[np.void]) -> str:
    first = int(np.argmax(silent))
    what = f"{int(silent.sum()):,} of {len(flat.places):,} neurons can never fire, the first is neuron {first}"
    if records["alpha"][first] == FIELDS["alpha"].high:
        return (
            f"{flat.describe()}: {what}: its threshold alpha is {FIELDS['alpha'].high:,}, which is what a "
            "neuron has that none was given; name alpha"
        )
    of = f" of {flat.neurons.of!r}" if isinstance(flat.neurons, NeuronGroup) else ""
    return (
        f"{flat.describe()}: {what}{of}: no input lifts it to its threshold; add excitation, or lower "
        "the threshold"
    )


def _noise(numbering: Numbering, network: LogicalNetwork) -> Iterator[Finding]:
    """Two cores with noise and one seed."""
    seen: dict[int, FlatCore] = {}
    for core, flat in zip(network.cores, numbering.cores, strict=True):
        if not is_stochastic(core.neurons[core.used]).any():
            continue
        other = seen.setdefault(core.seed, flat)
        if other is not flat:
            yield (
                errors.SharedNoise,
                f"{flat.describe()} and {other.describe()} have the same seed {core.seed} and draw the same "
                "noise; leave seed out, it follows from the name",
                flat.location,
            )


def _pin(numbering: Numbering, pin: int) -> str:
    bundle, place = numbering.bundle_at(pin)
    return repr(bundle[place]) if bundle.width > 1 else bundle.describe()
