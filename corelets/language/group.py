"""Groups of neurons: how many of which kind, and what drives them; their axons are derived from that.

A :class:`NeuronGroup` is made by ``Kind(...)[shape](sources)``. It is pins, one for each neuron, and a
sink: ``-q.loop(1) >> group`` adds a source to those that it has.
"""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from corelets.language.errors import CoreletError, caller
from corelets.language.operators import NoOtherOperators, Wired
from corelets.language.owners import CONSTRUCTING, owner_of
from corelets.language.pins import Neurons, Pins, Shape
from corelets.language.ports import shape_of
from corelets.language.weights import Term
from tnemu.errors import shown


class Parameters(Protocol):
    """What a group knows of its kind of neurons (:class:`corelets.language.kinds.Kind`)."""

    @property
    def scale(self) -> int:
        """Factor of all weights."""

    @property
    def plain(self) -> bool:
        """Whether sources have weight 1 only."""

    def records(self, shape: Shape, what: str) -> npt.NDArray[np.void]:
        """A record for each neuron, without weights."""

    def complete(self, group: NeuronGroup) -> None:
        """Wire what such neurons have besides themselves."""


class Template(NoOtherOperators):
    """``Kind(...)[shape]``: every call makes a group of such neurons, driven by what it is given."""

    def __init__(self, kind: Parameters, shape: Any) -> None:
        self.kind = kind
        self.shape = shape_of(f"{kind!r} at {caller()}", shape)

    def __repr__(self) -> str:
        return f"{self.kind!r}[{', '.join(map(str, self.shape))}]"

    def __call__(self, *sources: Pins | Term) -> NeuronGroup:
        """Such neurons, driven by ``sources``: pins (weight 1) and weighted pins, or by none."""
        group = NeuronGroup(self.kind, self.shape)
        if CONSTRUCTING:
            owner_of(()).adopt(group)
        for source in sources:
            group.drive(source)
        self.kind.complete(group)
        return group

    def __rshift__(self, sink: Any) -> Wired:
        raise CoreletError(
            f"at {caller()}: {self!r} are neurons still to be made: call it with what drives them, as in "
            f"{self!r}(+x, -y), or with nothing"
        )


class NeuronGroup(Neurons):
    """Neurons of one kind, and the weighted sources that drive them.

    ``terms`` are the sources. As pins they are in the shape that was asked for. A group becomes
    known by what it is wired to, and gets a name of its own by being assigned to an attribute.
    """

    kind = "neurons"

    def __init__(self, of: Parameters, shape: Shape) -> None:
        super().__init__(shape)
        self.of = of
        self.terms: list[Term] = []
        self.named = False
        """Whether it was given its name by an attribute."""
        self.completes: NeuronGroup | None = None
        self.suffix = ""

    @property
    def full_name(self) -> str:
        """Its name, or that of the group that it completes and what it is there."""
        return (
            f"{self.completes.full_name}.{self.suffix}" if self.completes is not None else self.name
        )

    def describe(self) -> str:
        """What an error calls it."""
        if self.owner is None:
            return f"{self.of!r} made at {self.location}"
        return f"neurons {self.full_name!r} of {self.owner.describe()}"

    def beside(self, of: Parameters, suffix: str) -> NeuronGroup:
        """As many neurons of another kind, which belong to these."""
        group = NeuronGroup(of, self.shape)
        group.location, group.completes, group.suffix = self.location, self, suffix
        if self.owner is not None:
            self.owner.adopt(group)
        return group

    def drive(self, source: Pins | Term) -> None:
        """Add a source. Raises CoreletError for one of another shape, or out of reach."""
        if isinstance(source, Wired):
            source._spent(self)
        term = source if isinstance(source, Term) else None
        if term is None:
            if not isinstance(source, Pins):
                raise CoreletError(
                    f"at {caller()}: {self.describe()} cannot be driven by {shown(source)}; give pins or "
                    "weighted pins, such as +self.x, -self.y, 3 * self.part.output, W @ self.x"
                )
            term = source.term()
        if not _fits(term.shape, self.shape):
            raise CoreletError(
                f"at {caller()}: {self!r} has shape {self.shape}, {term!r} has {term.shape}; give pins "
                "of that shape, of one pin for all neurons, or choose by W @ pins or pins.sum(axis)"
            )
        if self.of.plain and (term.clear or term.drawn or (term.weight != 1).any()):
            raise CoreletError(
                f"at {caller()}: {self!r} is a {type(self.of).__name__}, which takes spikes as they are; "
                f"{term!r} has weights"
            )
        owner = owner_of((self, term.pins))
        owner.adopt(self)
        owner.check_source(term.pins, caller())
        self.terms.append(term)

    def _take(self, source: Pins | Term) -> Wired:
        self.drive(source)
        return Wired(f"{source!r} >> {self!r}", self)


def _fits(shape: Shape, neurons: Shape) -> bool:
    """One pin for all, or shapes of as many axes that are equal where they are not 1."""
    if int(np.prod(shape)) == 1 or shape == neurons:
        return True
    return len(shape) == len(neurons) and all(
        one in (1, other) for one, other in zip(shape, neurons, strict=True)
    )
