"""How vector instructions are written: a thin layer over LLVM's intermediate language.

Why at all: a core has 256 neurons and a crossbar row has 256 bits, one for each. What the inner loop
wants is "add this weight vector where these bits are 1" on whole vectors, with all 256 sums in
registers. Plain numba code cannot say that; the compiler's own vector types can, portably: LLVM turns
``select(bits, weights, 0)`` into one masked add on AVX-512, and into compare-and-blend sequences on
AVX2 or ARM. No instruction of any one processor is named here.

How to read it: a function marked ``@instruction`` emits code when the kernel that calls it is
compiled. Its arguments are plain 64-bit integers; those named ``*_at`` are addresses. ``Emit`` wraps
the builder so that bodies read like array expressions: a vector is a value of N lanes, arithmetic
works lane by lane, and ``choose(mask, a, b)`` picks a where the mask is 1.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any

from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic

I1, I8, I16, I32, I64 = (ir.IntType(bits) for bits in (1, 8, 16, 32, 64))


class Emit:
    """Builder helper: addresses are 64-bit integers, vectors are (type, lanes)."""

    def __init__(self, builder: Any) -> None:
        self.b = builder

    def word(self, value: int) -> Any:
        """A constant of 64 bits."""
        return ir.Constant(I64, value)

    def at(self, base: Any, offset: int) -> Any:
        """The address ``offset`` bytes after ``base``."""
        return self.b.add(base, self.word(offset)) if offset else base

    def load(self, address: Any, kind: Any, lanes: int = 1) -> Any:
        """A vector (a scalar for one lane) from an address aligned to one element."""
        full = ir.VectorType(kind, lanes) if lanes > 1 else kind
        loaded = self.b.load(self.b.inttoptr(address, full.as_pointer()))
        loaded.align = kind.width // 8
        return loaded

    def store(self, value: Any, address: Any) -> None:
        """The inverse of :meth:`load`."""
        stored = self.b.store(value, self.b.inttoptr(address, value.type.as_pointer()))
        kind = value.type.element if isinstance(value.type, ir.VectorType) else value.type
        stored.align = kind.width // 8

    def fill(self, kind: Any, lanes: int, value: int) -> Any:
        """A vector with the same constant in every lane."""
        return ir.Constant(ir.VectorType(kind, lanes), [value] * lanes)

    def spread(self, scalar: Any, lanes: int) -> Any:
        """A vector with ``scalar``, known at run time, in every lane."""
        first = self.b.insert_element(self.fill(scalar.type, lanes, 0), scalar, ir.Constant(I32, 0))
        return self.b.shuffle_vector(first, first, self.fill(I32, lanes, 0))

    def part(self, vector: Any, start: int, lanes: int) -> Any:
        """Lanes start .. start + lanes - 1 of a vector."""
        picked = ir.Constant(ir.VectorType(I32, lanes), list(range(start, start + lanes)))
        return self.b.shuffle_vector(vector, vector, picked)

    def joined(self, first: Any, second: Any) -> Any:
        """One vector with the lanes of two."""
        lanes = 2 * first.type.count
        return self.b.shuffle_vector(
            first, second, ir.Constant(ir.VectorType(I32, lanes), list(range(lanes)))
        )

    def least(self, integer: Any, most: int) -> Any:
        """The integer, or ``most`` if it is larger."""
        smaller = self.b.icmp_signed("<", integer, self.word(most))
        return self.b.select(smaller, integer, self.word(most))

    def choose(self, mask: Any, yes: Any, no: Any) -> Any:
        """``yes`` where the mask is 1, ``no`` elsewhere; lane by lane."""
        return self.b.select(mask, yes, no)

    def bits(self, integer: Any) -> Any:
        """An integer's bits as a mask, lowest bit = lane 0."""
        return self.b.bitcast(integer, ir.VectorType(I1, integer.type.width))

    def packed(self, mask: Any) -> Any:
        """The inverse of :meth:`bits`."""
        return self.b.bitcast(mask, ir.IntType(mask.type.count))

    def call(self, name: str, result: Any, *arguments: Any) -> Any:
        """Call an LLVM intrinsic by its full name; it returns type ``result``."""
        kind = ir.FunctionType(result, [a.type for a in arguments])
        return self.b.call(cgutils.get_or_insert_function(self.b.module, kind, name), arguments)

    def add_saturating(self, x: Any, y: Any) -> Any:
        """x + y, kept at the largest or smallest signed value where it would not fit."""
        name = f"v{x.type.count}i{x.type.element.width}"
        return self.call(f"llvm.sadd.sat.{name}", x.type, x, y)

    def larger(self, x: Any, y: Any) -> Any:
        """The larger of x and y, taken as unsigned."""
        name = f"v{x.type.count}i{x.type.element.width}"
        return self.call(f"llvm.umax.{name}", x.type, x, y)

    def clamp(self, vector: Any, low: Any, high: Any) -> Any:
        """min(max(vector, low), high), signed; low and high are vectors too."""
        name = f"v{vector.type.count}i{vector.type.element.width}"
        least = self.call(f"llvm.smin.{name}", vector.type, vector, high)
        return self.call(f"llvm.smax.{name}", vector.type, least, low)

    def ones(self, words: Any) -> Any:
        """Number of 1 bits in each of four 64-bit words."""
        return self.call("llvm.ctpop.v4i64", words.type, words)

    def any_bit(self, vector: Any) -> Any:
        """The bitwise OR of all lanes, a scalar: 0 where no bit is set."""
        name = f"llvm.vector.reduce.or.v{vector.type.count}i{vector.type.element.width}"
        return self.call(name, vector.type.element, vector)

    def loop(
        self, count: Any, carried: Sequence[Any], body: Callable[[Any, list[Any]], list[Any]]
    ) -> list[Any]:
        """carried = body(i, carried) for i in 0..count-1; returns the last ``carried``."""
        b = self.b
        before, turn, after = (
            b.basic_block,
            b.append_basic_block("turn"),
            b.append_basic_block("after"),
        )
        b.cbranch(b.icmp_signed(">", count, self.word(0)), turn, after)
        b.position_at_end(turn)
        index = b.phi(I64)
        values = [b.phi(v.type) for v in carried]
        updated = body(index, list(values))
        last = b.basic_block
        following = b.add(index, self.word(1))
        for phi, first, later in zip(
            [index, *values], [self.word(0), *carried], [following, *updated], strict=True
        ):
            phi.add_incoming(first, before)
            phi.add_incoming(later, last)
        b.cbranch(b.icmp_signed("<", following, count), turn, after)
        b.position_at_end(after)
        results = [b.phi(v.type) for v in carried]
        for phi, first, later in zip(results, carried, updated, strict=True):
            phi.add_incoming(first, before)
            phi.add_incoming(later, last)
        return results


def instruction(emit: Callable[..., None]) -> Any:
    """Make emit(e, *integers) callable from compiled code: every argument is a 64-bit integer."""

    def typed(_context: Any, *kinds: Any) -> Any:
        def generate(context: Any, builder: Any, _signature: Any, values: Any) -> Any:
            emit(Emit(builder), *values)
            return context.get_dummy_value()

        return types.void(*[types.int64] * len(kinds)), generate

    # numba checks calls against the signature that this attribute gives.
    typed.__signature__ = inspect.signature(emit)
    typed.__name__, typed.__doc__ = emit.__name__, emit.__doc__
    return intrinsic(typed)
