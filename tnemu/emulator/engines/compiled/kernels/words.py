"""The instructions that work on one word: bits, addresses, and what threads share."""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba.core import types
from numba.extending import intrinsic

from tnemu.emulator.engines.compiled.kernels.emit import I1, I8, I16, I32, I64, Emit, instruction


@instruction
def prefetch(e, address):
    """Ask for the cache line at ``address``; by the time it is read, it has come."""
    pointer = e.b.inttoptr(address, I8.as_pointer())
    options = [ir.Constant(I32, option) for option in (0, 2, 1)]  # read, keep in L2, data
    e.call("llvm.prefetch.p0", ir.VoidType(), pointer, *options)


@intrinsic
def lowest_bit(_context: Any, _word: Any) -> Any:
    """Index of the lowest 1 bit of a 64-bit word that is not 0."""

    def generate(_context: Any, builder: Any, _signature: Any, values: Any) -> Any:
        return builder.cttz(values[0], ir.Constant(I1, 1))

    return types.int64(types.uint64), generate


@intrinsic
def lowest_bit_or_64(_context: Any, _word: Any) -> Any:
    """Index of the lowest 1 bit of a 64-bit word; 64 if it is 0."""

    def generate(_context: Any, builder: Any, _signature: Any, values: Any) -> Any:
        return builder.cttz(values[0], ir.Constant(I1, 0))

    return types.int64(types.uint64), generate


@intrinsic
def ones_in(_context: Any, _word: Any) -> Any:
    """Number of 1 bits of a 64-bit word."""

    def generate(_context: Any, builder: Any, _signature: Any, values: Any) -> Any:
        return builder.ctpop(values[0])

    return types.int64(types.uint64), generate


@intrinsic
def set_bits(_context: Any, _address: Any, _bits: Any) -> Any:
    """Set bits of the uint64 at an address; returns what it was. Not atomic."""

    def generate(_context: Any, builder: Any, _signature: Any, values: Any) -> Any:
        e = Emit(builder)
        word = e.load(values[0], I64)
        e.store(builder.or_(word, values[1]), values[0])
        return word

    return types.uint64(types.int64, types.uint64), generate


@intrinsic
def count_up(_context: Any, _address: Any, _most: Any) -> Any:
    """Add 1 to the int64 at an address unless it is ``most``; returns what it was. Not atomic."""

    def generate(_context: Any, builder: Any, _signature: Any, values: Any) -> Any:
        e = Emit(builder)
        count = e.load(values[0], I64)
        more = builder.icmp_signed("<", count, values[1])
        e.store(builder.add(count, builder.zext(more, I64)), values[0])
        return count

    return types.int64(types.int64, types.int64), generate


@intrinsic
def word_at(_context: Any, _address: Any) -> Any:
    """The uint64 at an address."""

    def generate(_context: Any, builder: Any, _signature: Any, values: Any) -> Any:
        return Emit(builder).load(values[0], I64)

    return types.uint64(types.int64), generate


@intrinsic
def integer_at(_context: Any, _address: Any) -> Any:
    """The int64 at an address."""

    def generate(_context: Any, builder: Any, _signature: Any, values: Any) -> Any:
        return Emit(builder).load(values[0], I64)

    return types.int64(types.int64), generate


@intrinsic
def word_8(_context: Any, _address: Any) -> Any:
    """The uint8 at an address."""

    def generate(_context: Any, builder: Any, _signature: Any, values: Any) -> Any:
        return builder.zext(Emit(builder).load(values[0], I8), I64)

    return types.int64(types.int64), generate


@intrinsic
def word_16(_context: Any, _address: Any) -> Any:
    """The uint16 at an address."""

    def generate(_context: Any, builder: Any, _signature: Any, values: Any) -> Any:
        return builder.zext(Emit(builder).load(values[0], I16), I64)

    return types.int64(types.int64), generate


@intrinsic
def word_32(_context: Any, _address: Any) -> Any:
    """The uint32 at an address."""

    def generate(_context: Any, builder: Any, _signature: Any, values: Any) -> Any:
        return builder.zext(Emit(builder).load(values[0], I32), I64)

    return types.int64(types.int64), generate


@instruction
def put_8(e, address, value):
    """Write the low 8 bits of ``value``."""
    e.store(e.b.trunc(value, I8), address)


@instruction
def put_16(e, address, value):
    """Write the low 16 bits of ``value``."""
    e.store(e.b.trunc(value, I16), address)


@instruction
def put_32(e, address, value):
    """Write the low 32 bits of ``value``."""
    e.store(e.b.trunc(value, I32), address)


@instruction
def put_64(e, address, value):
    """Write all of ``value``."""
    e.store(value, address)


@instruction
def add_at(e, address, amount):
    """Add to the int64 at an address. Not atomic."""
    e.store(e.b.add(e.load(address, I64), amount), address)


@intrinsic
def drain_bytes(_context: Any, _address: Any) -> Any:
    """Which of the 64 bytes at an address are not 0, as bits; sets all to 0."""

    def generate(_context: Any, builder: Any, _signature: Any, values: Any) -> Any:
        e = Emit(builder)
        none = e.fill(I8, 64, 0)
        there = builder.icmp_unsigned("!=", e.load(values[0], I8, 64), none)
        e.store(none, values[0])
        return e.packed(there)

    return types.uint64(types.int64), generate


@intrinsic
def atomic_add(_context: Any, _address: Any, _amount: Any) -> Any:
    """Add to the int64 at an address, seen by all threads in one order; returns the old value."""

    def generate(_context: Any, builder: Any, _signature: Any, values: Any) -> Any:
        pointer = builder.inttoptr(values[0], I64.as_pointer())
        return builder.atomic_rmw("add", pointer, values[1], "seq_cst")

    return types.int64(types.int64, types.int64), generate


@instruction
def let_others_run(e):
    """Give the processor to another thread or process that wants it (POSIX sched_yield)."""
    e.call("sched_yield", I32)
