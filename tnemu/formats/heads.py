"""One network with a head for each of several tasks: what a weight file of format 3 holds.

    background[h]   int16 [input]    what the host subtracts for head h; all of them in one tensor
    classes[v]      int32            the answer that voter v votes for, counted over the answers of all
                                     heads in a row; -1 if no head reads it
    answers of head h:  first_h .. first_h + n_h - 1,    first_h = n_0 + ... + n_(h-1)

All else is shared, so that a board holds the network once: a head is the host's affair. In memory
every head is a TrainedNetwork of its own, and those of one file have the same arrays between the first
layer and the last.
Source: Rusu et al., Policy Distillation, 2016; there a head is a few layers of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields, replace
from typing import Any

import numpy as np

from tnemu.errors import shown
from tnemu.formats.errors import FormatError
from tnemu.networks.integer import UNREAD, Layer, Transduction, Vote
from tnemu.networks.trained import TaskReference, TrainedNetwork

_OWN = ("background", "classes")
"""Arrays that every head has of its own."""
_THEN = "write each to a file of its own"


def check_tasks(tasks: Sequence[TaskReference | None], where: str) -> None:
    """Raises FormatError that begins with ``where`` for heads that cannot be told apart."""
    if not tasks:
        raise FormatError(f"{where}: it has no heads; give it one for each task")
    names = [task.name if task else None for task in tasks]
    if len(names) > 1 and (None in names or len(set(names)) < len(names)):
        raise FormatError(
            f"{where}: its heads are for {shown(names)}; each needs a task, and another one"
        )


def joined(networks: Sequence[TrainedNetwork]) -> tuple[Layer, ...]:
    """The layers of all heads in one: backgrounds stacked, classes counted on. A network alone is as
    it is. Raises FormatError for networks that share less than everything else.
    """
    check_tasks([network.task for network in networks], "networks")
    first, *others = networks
    if not others:
        return first.layers
    for other in others:
        _check_shared(first, other)
    background = np.stack([network.transduction.background for network in networks])
    classes = np.full_like(first.vote.classes, UNREAD)
    count = 0
    for network in networks:
        own = network.vote.classes
        both = np.flatnonzero((own != UNREAD) & (classes != UNREAD))
        if len(both):
            raise FormatError(
                f"networks: voter {int(both[0])} is read by two heads, the second {_task(network)}; "
                f"{_THEN}"
            )
        classes = np.where(own != UNREAD, own + count, classes)
        count += len(network.answers)
    retina = replace(first.transduction, background=background)
    vote = replace(first.vote, classes=classes.astype(np.int32))
    return (retina, *first.layers[1:-1], vote)


def apart(layers: tuple[Layer, ...], answers: Sequence[int]) -> list[tuple[Layer, ...]]:
    """The layers of each head, of ``answers`` each; of one head they are as they are.

    Raises FormatError for what holds not as many backgrounds as heads.
    """
    retina, vote = (layers[0], layers[-1]) if layers else (None, None)
    if len(answers) == 1 or not isinstance(retina, Transduction) or not isinstance(vote, Vote):
        return [layers] * len(answers)  # what is no network is refused by the network's own check
    if retina.background.ndim < 1 or len(retina.background) != len(answers):
        raise FormatError(
            f"layer {retina.name!r}: backgrounds have shape {retina.background.shape} for "
            f"{len(answers)} heads; export the file again"
        )
    each, first = [], 0
    for background, count in zip(retina.background, answers, strict=True):
        own = vote.classes - first
        own = np.where((own >= 0) & (own < count), own, UNREAD).astype(np.int32)
        ends = replace(retina, background=background), replace(vote, classes=own)
        each.append((ends[0], *layers[1:-1], ends[1]))
        first += count
    return each


def _check_shared(one: TrainedNetwork, other: TrainedNetwork) -> None:
    for name in ("name", "input_shape", "provenance"):
        if getattr(one, name) != getattr(other, name):
            raise _apart(one, other, name)
    if len(one.layers) != len(other.layers):
        raise _apart(one, other, "number of layers")
    for a, b in zip(one.layers, other.layers, strict=True):
        if a.kind != b.kind:
            raise _apart(one, other, f"kind of layer {a.name!r}")
        for field in fields(a):
            if field.init and field.name not in _OWN and not _same(a, b, field.name):
                raise _apart(one, other, f"{field.name} of layer {a.name!r}")
    if one.vote.classes.shape != other.vote.classes.shape:
        raise _apart(one, other, "number of voters")


def _same(a: Layer, b: Layer, name: str) -> bool:
    one, other = getattr(a, name), getattr(b, name)
    return bool(one is other or np.array_equal(one, other))


def _apart(one: TrainedNetwork, other: TrainedNetwork, what: str) -> FormatError:
    return FormatError(
        f"networks for {_task(one)} and {_task(other)} differ in {what}; heads share all but background "
        f"and vote: {_THEN}"
    )


def _task(network: TrainedNetwork) -> Any:
    return shown(network.task.name) if network.task else "no task"
