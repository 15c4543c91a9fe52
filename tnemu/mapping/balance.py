"""Wave balance: the delays that make everything a neuron sees belong to the same frame.

Inputs spike at tick 0. Neurons that share an axon see one wave, so waves belong to groups
(:mod:`tnemu.mapping.groups`). The wave tick of a group is when the last of its inputs can arrive::

    T(group) = max over its wires and taps of  T(source) + delay,    T(input) = 0

where a wire whose delay is left to the mapper (BALANCE) counts 1, whatever its ``after``, and one
that is declared feedback (``loop``) does not count. A BALANCE wire then gets the delay

    T(target) - T(source) + after

so that all of them arrive in tick T(target), or ``after`` ticks later, however long their ways were.
``after`` moves spikes against their wave and not the wave: whatever is computed from them stays
moved, and nothing waits for it. Explicit delays stay as they are.

What leaves the board leaves as one wave too: the neurons of one output wait for the last of them. A
neuron waits by the delays of its own inputs where nothing else is in a hurry for it, and behind a
relay otherwise. Wires to output pins with an explicit delay do not wait, nor do neurons whose time
an explicit delay sets, nor idle ones.

Waits of more than 15 ticks go through relay neurons (:mod:`tnemu.mapping.relays`).
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tnemu.hardware.neuron import MAX_DELAY
from tnemu.mapping.cycles import refuse_cycle
from tnemu.mapping.errors import LateInputs
from tnemu.mapping.groups import Bits, Groups, groups_of
from tnemu.mapping.order import Ticks, distinct, longest, loops
from tnemu.networks.logical import BALANCE, LogicalNetwork

Wires = npt.NDArray[np.void]


@dataclass(frozen=True, eq=False)
class Waves:
    """When each group of a network sees a frame of source tick 0.

    ``ticks`` int64 [groups]; ``leave`` int64 [outputs] is the tick in which each output leaves;
    ``patient`` bool [groups]: they see a wave, and no explicit delay says when. ``label`` int64
    [groups]: equal for groups of one cycle.
    """

    groups: Groups
    ticks: Ticks
    leave: Ticks
    patient: Bits
    label: Ticks

    def of_sources(self, wires: Wires) -> Ticks:
        """T of the neurons that ``wires`` come from; 0 for one that is not used."""
        group = self.groups.of_neurons(wires["core"], wires["neuron"])
        return np.where(group >= 0, self.ticks[group], 0)


def waves(network: LogicalNetwork, own: int | None = None) -> Waves:
    """The wave tick of every group; FitError for a cycle in which nothing is declared.

    The first ``own`` cores (default: all) are the author's, the others splitters for them.
    """
    groups = groups_of(network)
    order = _Order(network, groups, len(network.cores) if own is None else own)
    ticks = order.ticks()
    leave = order.align(ticks)
    return Waves(groups, ticks, leave, order.patient, order.label)


class _Order:
    """The edges between the groups of a network: what waits for what."""

    def __init__(self, network: LogicalNetwork, groups: Groups, own: int) -> None:
        self.network, self.groups = network, groups
        wires = network.wires
        inner = wires[(wires["target"] >= 0) & (wires["loop"] == 0)]
        source = groups.of_neurons(inner["core"], inner["neuron"])
        self.inner = inner[source >= 0]
        self.source = source[source >= 0]
        self.target = groups.of_axons(self.inner["target"], self.inner["pin"])
        self.least = np.maximum(self.inner["delay"], 1).astype(np.int64)
        self.taps = np.concatenate([t.taps for t in network.inputs.values()] or [wires[:0]])
        if len(self.taps):
            self.entered = groups.of_axons(self.taps["core"], self.taps["axon"])
        else:
            self.entered = np.zeros(0, np.int64)
        self._fix(own)

    def _fix(self, own: int) -> None:
        """Who can wait: ``patient`` bool [groups] may answer later, ``fixed`` may not see it later."""
        explicit = self.inner["delay"] != BALANCE
        self.patient = ~self.groups.idle
        self.patient[self.target[explicit]] = False
        if len(self.taps):
            asked = (self.taps["delay"] != BALANCE) & (self.taps["core"] < own)
            self.patient[self.entered[asked]] = False
        made = explicit & (self.inner["target"] >= own)  # by fan-out, in order of the splitters
        while (self.patient[self.target[made]] != self.patient[self.source[made]]).any():
            self.patient[self.target[made]] = self.patient[self.source[made]]
        self.fixed = ~self.patient
        self.fixed[self.target[explicit]] = True
        self.fixed[self.source[explicit]] = True
        # Feedback is timed from when its source fires: neither end may move against the other.
        back = self.network.wires[self.network.wires["loop"] > 0]
        source = self.groups.of_neurons(back["core"], back["neuron"])
        self.fixed[source[source >= 0]] = True
        for core, axon in np.unique(back[["target", "pin"]]).tolist():
            readers = np.flatnonzero(self.network.cores[core].crossbar[axon])
            group = self.groups.of_neurons(np.full(len(readers), core), readers)
            self.fixed[group[group >= 0]] = True

    def ticks(self) -> Ticks:
        """T of every group, before outputs wait for each other."""
        count = self.groups.count
        step = self._followers()
        label = self._label(step)
        inside = label[step[0]] == label[step[1]]
        if inside.any():  # an idle neuron in a cycle has a time of its own
            step = step[:, ~inside]
            label = self._label(step)
        inside = label[self.source] == label[self.target]
        asked = np.flatnonzero(inside & (self.inner["delay"] == BALANCE))
        if len(asked):
            raise refuse_cycle(self.network, self.inner[inside], self.inner[asked[0]])
        first = np.zeros(count, np.int64)
        if len(self.taps):
            np.maximum.at(first, label[self.entered], np.maximum(self.taps["delay"], 1))
        self.label = label
        out = ~inside
        self.edges = distinct(
            np.concatenate([label[self.source[out]], label[step[0]]]),
            np.concatenate([label[self.target[out]], label[step[1]]]),
            np.concatenate([self.least[out], np.zeros(step.shape[1], np.int64)]),
        )
        found = longest(first, self.edges)[label]
        self._warn(found, out)
        return found

    def _followers(self) -> Ticks:
        """[2, n]: from every group to the idle neurons of its core, which keep step with it."""
        idle = np.flatnonzero(self.groups.idle)
        of_core = np.full(len(self.network.cores), -1, np.int64)
        of_core[self.groups.core[idle]] = idle
        follower = of_core[self.groups.core]
        leader = np.flatnonzero((follower >= 0) & ~self.groups.idle)
        return np.stack([leader, follower[leader]])

    def _label(self, step: Ticks) -> Ticks:
        return loops(
            np.concatenate([self.source, step[0]]),
            np.concatenate([self.target, step[1]]),
            self.groups.count,
        )

    def align(self, ticks: Ticks) -> Ticks:
        """Let neurons of one output wait for the last of them, in ``ticks``; when each leaves."""
        wires = self.network.wires
        leave = np.zeros(len(self.network.outputs), np.int64)
        limit = np.full(len(ticks), np.iinfo(np.int64).max)
        for output in range(len(leave)):
            mine = wires[(wires["target"] == ~output) & (wires["delay"] == BALANCE)]
            drivers = self.groups.of_neurons(mine["core"], mine["neuron"])
            drivers = drivers[drivers >= 0]
            leave[output] = ticks[drivers].max(initial=0)
            np.minimum.at(limit, drivers, leave[output])
        early = np.flatnonzero(~self.fixed & (ticks < limit) & (limit < np.iinfo(np.int64).max))
        if len(early):
            self._delay(ticks, early, limit)
        return leave

    def _delay(self, ticks: Ticks, groups: Ticks, limit: Ticks) -> None:
        """Move ``groups`` up to ``limit`` where nobody waits for them and no input needs a relay."""
        out = np.searchsorted(self.edges[:, 0], np.arange(len(ticks) + 1))
        back = self.edges[np.argsort(self.edges[:, 1], kind="stable")]
        into = np.searchsorted(back[:, 1], np.arange(len(ticks) + 1))
        wait = self._most_after()
        tapped = np.zeros(len(ticks), np.bool_)
        tapped[self.entered] = True
        for group in groups[np.argsort(-ticks[groups], kind="stable")].tolist():
            ways = self.edges[out[group] : out[group + 1]]
            room = (ticks[ways[:, 1]] - ways[:, 2]).min(initial=limit[group])
            sources = ticks[back[into[group] : into[group + 1], 0]]
            first = min(int(sources.min(initial=room)), 0 if tapped[group] else int(room))
            cap = first + MAX_DELAY - wait[group]
            ticks[group] = max(ticks[group], min(int(limit[group]), int(room), int(cap)))

    def _most_after(self) -> Ticks:
        """The largest ``after`` of each group's inputs, int64 [groups]."""
        most = np.zeros(self.groups.count, np.int64)
        np.maximum.at(most, self.target, self.inner["after"])
        if len(self.taps):
            np.maximum.at(most, self.entered, self.taps["after"])
        return most

    def _warn(self, ticks: Ticks, out: Bits) -> None:
        """Say where an explicit delay, of the wires ``out`` of loops, holds up inputs without one."""
        source = np.concatenate([ticks[self.source[out]], np.zeros(len(self.taps), np.int64)])
        target = np.concatenate([self.target[out], self.entered])
        delay = self.inner["delay"][out]
        if len(self.taps):
            delay = np.concatenate([delay, self.taps["delay"]])
        free = delay == BALANCE
        if free.all() or not free.any():
            return
        soonest = np.zeros(len(ticks), np.int64)
        np.maximum.at(soonest, target, source + 1)
        waits = np.zeros(len(ticks), np.bool_)
        waits[target[free]] = True
        late = ~free & waits[target] & (source + delay > soonest[target])
        for group in np.unique(target[late]).tolist():
            ticks_more = int((source + delay)[late & (target == group)].max() - soonest[group])
            core = self.network.cores[self.groups.core[group]]
            warnings.warn(
                f"core {core.name!r}: an explicit delay of one of its inputs makes the others wait "
                f"{ticks_more} ticks longer; for an input that comes {ticks_more} ticks later than "
                f"the others, leave its delay out and say after={ticks_more}",
                LateInputs,
                stacklevel=2,
            )
