"""The corelet: a network of neurons that shows only its inputs and outputs.

Rule: a corelet owns ports (:class:`Input`, :class:`Output`), neurons, parts (other corelets) and the
connections between them, and nothing outside it. Corelets nest, so a program is a corelet too;
:meth:`Corelet.build` flattens it to a :class:`~tnemu.networks.logical.LogicalNetwork`.
Source: Amir et al., IJCNN 2013 ("Cognitive computing programming paradigm: a Corelet language").
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from corelets.language import describe
from corelets.language.attributes import add_part, register
from corelets.language.body import Body, body_of
from corelets.language.core import AxonSource, Core, NeuronTemplates, make_core
from corelets.language.draw import draw
from corelets.language.errors import CoreletError, caller
from corelets.language.flatten import flatten
from corelets.language.operators import Wired
from corelets.language.pins import LAST_PIN, Pins
from corelets.language.ports import Input, Output, Port
from corelets.language.raster import Raster, answers
from corelets.language.simulate import Bench, Simulation
from corelets.language.times import Time
from corelets.language.unused import MustUse
from corelets.language.weights import Term
from tnemu.errors import shown, whole
from tnemu.hardware.neuron import MAX_DELAY
from tnemu.networks.logical import LogicalNetwork

_RESERVED = ("build", "_body", "_used", "_built_at")


class _Own:
    """A value of the body as an attribute, whose name a corelet may take for itself."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __get__(self, corelet: Any, _owner: type) -> Any:
        return self if corelet is None else getattr(corelet.__dict__["_body"], self._name)


class Corelet(MustUse):
    """Base of all corelets. Ports, parts and neurons become known by assigning them to attributes::

        class Both(Corelet):
            def __init__(self):
                self.x, self.y, self.z = Input(8), Input(8), Output(8)
                self.late = Delay(8, 20)
                self.x >> self.late
                Threshold(at=2)[8](+self.late.output, +self.y) >> self.z

    Attributes may have any name but ``build``. Lists and dicts of corelets are parts too
    (``self.steps = [Relay(8), Relay(8)]`` are ``steps[0]``, ...), lists of ports and an
    :class:`Interface` are ports. ``print`` shows ports, neurons, parts, latency and cores. A corelet
    that is neither a part nor used warns (:class:`UnusedCorelet`).

    ``ports``, ``parts`` and ``cores`` are by name; ``path`` is the attribute path from the outermost
    corelet, ``parent`` the body of the corelet that this is a part of.
    """

    parent, path = _Own("parent"), _Own("path")
    ports, parts, cores = _Own("ports"), _Own("parts"), _Own("cores")

    def __new__(cls, *_arguments: Any, **_keywords: Any) -> Self:
        """A corelet without ports and parts, also where a subclass does not call ``super().__init__``."""
        self = super().__new__(cls)
        self.__dict__["_body"] = Body(cls.__name__, self.__dict__["_built_at"])
        return self

    def __init__(self) -> None:
        pass

    def __setattr__(self, name: str, value: Any) -> None:
        body = body_of(self)
        if name in _RESERVED:
            raise CoreletError(
                f"{name!r} of {body.describe()} cannot be assigned: by it a corelet becomes a network; "
                f"choose another name, such as {name.strip('_')}_"
            )
        value = register(body, name, value)
        self.__dict__[name] = value

    def describe(self) -> str:
        """What an error calls it: class, quoted path, and where it was built."""
        return body_of(self).describe()

    def __repr__(self) -> str:
        return describe.brief(body_of(self))

    def __str__(self) -> str:
        """Ports with codes and latency, neurons, parts, cores; what keeps it from being complete."""
        self._use()
        return describe.full(body_of(self))

    def origin(self) -> dict[str, Any]:
        """What the network is made from, for the record that travels with the board image."""
        return {"corelet": type(self).__name__}

    def model(self, *_: Any, **rasters: Any) -> Any:
        """What the corelet computes, in numpy: define it in your class, with its inputs as arguments.

        Each argument is the raster of the input of that name, bool [T, *shape]; the answer is the
        raster of the output, or a dict of rasters where there are several. Lists of ports come and
        go as lists, interfaces as dicts. Row t of an answer belongs to row t of the inputs: the
        latency, the ticks in which a wave passes, is left out, and :func:`corelets.check` knows it.
        What ``after()`` and ``loop()`` move counts: a model that compares x with what x was 3 ticks
        ago says ``x & later(x, 3)``. Row t depends on rows 0..t only; nothing came before row 0.
        A model without inputs is given ``ticks``, how many rows to answer. With noise it may answer
        probabilities, floats in 0..1.

        Raises CoreletError where a class defines no model. Every corelet of the library has one
        (:mod:`corelets.catalogue`).
        """
        kind = type(self).__name__
        inputs = ", ".join(n for n, p in body_of(self).ports.items() if isinstance(p, Input))
        raise CoreletError(
            f"{Corelet.describe(self)} has no model; define model(self, {inputs}) in {kind}, which "
            "returns the raster of its output"
        )

    # -- parts and neurons -------------------------------------------------------------------------

    def add(self, name: str, part: Corelet) -> Corelet:
        """Make ``part`` a part of this corelet under ``name``, as ``self.name = part`` does.

        Returns the part. Raises CoreletError for what is no corelet, is a part already, or has a
        name that is taken.
        """
        return self._add(name, part)

    def _add(self, name: str, part: Any) -> Any:
        add_part(body_of(self), name, part)
        return part

    def walk(self) -> Iterator[Corelet]:
        """This corelet and everything inside it, outermost first."""
        yield self
        for part in body_of(self).parts.values():
            yield from Corelet.walk(part)

    def _inside(self) -> Iterable[MustUse]:
        return Corelet.walk(self)

    def core(
        self,
        axons: Iterable[AxonSource],
        neurons: NeuronTemplates,
        crossbar: npt.ArrayLike,
        *,
        name: str = "",
        layer: str = "",
        seed: int | None = None,
        elements: npt.ArrayLike | None = None,
    ) -> Core:
        """One core with its matrix: row i of ``crossbar`` is axon i, column j is neuron j.

        ``axons`` lists what drives them, in order: pins, or ``(pins, type)`` with an axon type 0..3
        for all of them or for each (0 if not given); a number 1..256 instead of pins leaves that
        many axons to be connected later.
        ``neurons`` is one template for all, a list of ``(template, count)``, or one record each
        (see :func:`tnemu.hardware.neuron`). ``elements`` says which element of the layer's output
        each neuron computes (-1: none). ``seed`` is the core's noise seed, 32 bits (default: from
        its name, so that it stays when other parts change).

        Raises CoreletError for more than 256 axons or neurons, a crossbar of another shape, a name
        that is taken, and values that would have to be changed to fit; RangeError for parameters
        outside their bits.
        """
        body = body_of(self)
        core, sources = make_core(
            body,
            axons,
            neurons,
            crossbar,
            name=f"core{len(body.cores)}" if name == "" else name,
            layer=layer,
            seed=seed,
            elements=elements,
        )
        body.add_core(core)
        first = 0
        for source in sources:
            if isinstance(source, Pins):
                sink = core.axons[first : first + source.width]
                body.connect(source.flat, sink, source.time, caller())
            first += source.width if isinstance(source, Pins) else source
        return core

    def times(self, count: int) -> Corelet:
        """``count`` of these side by side, as one corelet whose ports have ``count`` rows.

        A port of one pin becomes one of shape (count,), another one of (count, *shape).
        """
        return Times(self, count)

    # -- connections -------------------------------------------------------------------------------

    def connect(self, source: Pins, sink: Pins, delay: int | None = None) -> None:
        """Pin k of ``source`` drives pin k of ``sink``; ``source >> sink`` is the same.

        With ``delay``, 1..15, exactly so many ticks after it was fired, and other inputs wait for
        it. Without, the mapper chooses it, so that what a neuron sees belongs to one wave;
        ``source.after(n)`` comes later than the wave, and ``source.loop(n)`` is feedback.

        A source may drive many sinks. Several sources on one sink merge: it sees a spike when any of
        them spikes; write ``(a | b) >> sink`` to say so, or it warns. A source is an input of this
        corelet, an output of a part or neurons; a sink an output of this corelet, an input of a part
        or axons of a core.

        Raises CoreletError, with the line of the call, for unequal widths, unlike codes, pins out of
        reach, source and sink exchanged, and a delay that is not a whole number in 1..15.
        """
        location = caller()
        time = source.time if isinstance(source, Pins) else Time()
        if delay is not None:
            ticks = whole(
                f"connect() at {location}: delay",
                delay,
                1,
                MAX_DELAY,
                error=CoreletError,
                then="leave it out to let the mapper choose, or say source.after(ticks)",
            )
            if time != Time():
                raise CoreletError(
                    f"connect() at {location}: delay = {ticks} of a source with a time of its own "
                    f"({time}); say one of the two"
                )
            time = Time(delay=ticks)
        body_of(self).connect(source, sink, time, location)

    def __rshift__(self, sink: Any) -> Wired:
        """Drive ``sink`` by this part's output, or a part's inputs by the outputs of the same names."""
        if not isinstance(sink, Corelet):
            return self._sole(Output, ">> " + shown(sink)) >> sink
        mine, theirs = _ports_of(self, Output), _ports_of(sink, Input)
        if len(mine) == len(theirs) == 1:
            (source,), (taker,) = mine.values(), theirs.values()
            source >> taker
        elif set(theirs) == set(mine):
            for name, port in mine.items():
                port >> theirs[name]
        else:
            raise CoreletError(
                f"at {caller()}: {Corelet.describe(self)} has the outputs {shown(list(mine))}, "
                f"{Corelet.describe(sink)} the inputs {shown(list(theirs))}; corelets connect as a whole "
                "by equal names, or by one output and one input: connect these one by one"
            )
        return Wired(f"{Corelet.describe(self)} >> {Corelet.describe(sink)}", sink)

    def _take(self, source: Pins | Term) -> Wired:
        """``source >> self``: by the one input."""
        port = self._sole(Input, "after >>")
        source >> port
        return Wired(f"{source!r} >> {port!r}", self)

    def _sole(self, kind: type[Port], why: str) -> Any:
        ports = _ports_of(self, kind)
        if len(ports) != 1:
            raise CoreletError(
                f"at {caller()}: {Corelet.describe(self)} {why}: it has {len(ports)} {kind.kind}s "
                f"({', '.join(ports) or 'none'}), so name one of them"
            )
        return next(iter(ports.values()))

    # -- use ---------------------------------------------------------------------------------------

    def simulate(
        self,
        given: Mapping[str, npt.ArrayLike] | None = None,
        /,
        *,
        ticks: int | None = None,
        probe: Any = (),
        engine: str | None = None,
        noise_seed: int | None = None,
        board: Any = None,
        **rasters: Any,
    ) -> Simulation:
        """What it does alone, on the smallest board that holds it: ``c.simulate(x=raster).z``.

        Every input gets a raster by its name, bool [T, *shape] or [T, width] (or as a dict, for names
        that are arguments of this method); None where it stays silent. ``ticks`` runs longer than T,
        or says how long where there are no inputs. ``probe`` is a name or pins, or a list of them:
        ``"part.sums"``, ``c.part.sums[:2]``, ``c.part.sums.potential``. ``noise_seed`` gives other
        noise, as for :class:`tnemu.Emulator`. ``board`` is a board, its name or file.

        Row t of the answers and of what is probed belongs to row t of the inputs; ``result.latency``
        says how many ticks later it came. Raises CoreletError for rasters that do not fit, FitError
        for what no board holds.
        """
        bench = Bench(self, board)
        given = {**(given or {}), **rasters}
        return bench.run(given, ticks=ticks, probe=probe, engine=engine, noise_seed=noise_seed)

    def draw(self, path: str | Path, depth: int = 3) -> Path:
        """Draw ports, neurons, parts and wires to ``path``, an .svg file; parts open to ``depth``."""
        self._use()
        return draw(self, path, depth)

    def build(self) -> LogicalNetwork:
        """The flat network: cores in the order they were made, connectors named like the ports.

        Raises CoreletError, with file and line, for connections that lead nowhere; warns
        (:class:`CoreletWarning`) of what is most likely a mistake.
        """
        for corelet in Corelet.walk(self):
            corelet._use()
        return flatten(body_of(self), type(self).origin(self))


class Times(Corelet):
    """``count`` copies of a corelet side by side; its ports are theirs, one row for each copy.

    Copy k has the noise of its own name. Raises CoreletError for a corelet that is a part already,
    and for a count that is no whole number of at least 1.
    """

    def __init__(self, corelet: Corelet, count: int) -> None:
        body = body_of(corelet)
        if body is None or body.parent is not None:
            what = shown(corelet) if body is None else f"{body.describe()}, a part already,"
            raise CoreletError(f"{what} cannot be taken {shown(count)} times; give a new corelet")
        number = whole(
            f"{body.describe()}: times(count): count", count, 1, LAST_PIN, error=CoreletError
        )
        self._kind = type(corelet).__name__
        self._copies = [corelet, *(_copy(corelet) for _ in range(number - 1))]
        for name, port in body.ports.items():
            if "[" in name or "." in name:
                raise CoreletError(
                    f"{body.describe()}: port {name!r} is one of several, which have no rows; copy "
                    "corelets of single ports"
                )
            shape = (number, *port.shape) if port.width > 1 else (number,)
            setattr(self, name, type(port)(shape, port.code))
        for k, part in enumerate(self._copies):
            for name, inner in body_of(part).ports.items():
                mine = body_of(self).ports[name][k].reshape(inner.shape)
                if isinstance(inner, Input):
                    mine >> inner
                else:
                    inner >> mine

    def model(self, **rasters: Raster) -> dict[str, Raster]:
        """Each copy by its own model."""
        found: dict[str, list[Raster]] = {}
        for k, part in enumerate(self._copies):
            mine = answers(part, {name: raster[:, k] for name, raster in rasters.items()})
            for name, raster in mine.items():
                found.setdefault(name, []).append(raster)
        ports = body_of(self).ports
        return {
            name: np.stack(rows, axis=1).reshape(-1, *ports[name].shape)
            for name, rows in found.items()
        }


def _copy(corelet: Corelet) -> Corelet:
    """The same corelet once more, with noise of its own."""
    twin = copy.deepcopy(corelet)
    for inner in Corelet.walk(twin):
        for core in body_of(inner).cores:
            core.seed = None
    return twin


def _ports_of(corelet: Corelet, kind: type[Port]) -> dict[str, Port]:
    return {n: port for n, port in body_of(corelet).ports.items() if isinstance(port, kind)}
