"""A corelet that is built and never used is most likely a mistake: it warns."""

from __future__ import annotations

import gc
import inspect
import subprocess
import sys
import warnings

import numpy as np
import pytest

from corelets import Corelet, CoreletError, Delay, Dense, Input, Output, Splitter, UnusedCorelet
from tnemu.errors import TnemuError
from tnemu.networks import integer


class Backwards(Corelet):
    """Wires an output to an input, which is refused."""

    def __init__(self):
        self.x, self.z = Input(1), Output(1)
        self.connect(self.z, self.x)


def unused_lines(make):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UnusedCorelet)
        gc.collect()  # what other tests left
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", UnusedCorelet)
        make()
        gc.collect()
    return [(str(w.message), w.filename, w.lineno) for w in caught if w.category is UnusedCorelet]


def test_a_corelet_built_and_never_used_warns_with_file_and_line():
    line = test_a_corelet_built_and_never_used_warns_with_file_and_line.__code__.co_firstlineno + 1
    ((message, file, where),) = unused_lines(lambda: Splitter(2, 3))
    assert (file, where) == (__file__, line + 1)
    assert message == (
        f"Splitter ({__file__}:{line + 1}) was built and never used: make it a part of a corelet "
        "that is used, or call build()"
    )


def test_parts_and_built_corelets_do_not_warn():
    # Delay holds relays: only the outermost that nobody used is named.
    assert unused_lines(lambda: Delay(2, 40).build()) == []
    ((message, _, _),) = unused_lines(lambda: Delay(2, 40))
    assert message.startswith("Delay (")


@pytest.mark.parametrize(("last", "warned"), [("pass", True), ("raise RuntimeError", False)])
def test_a_program_that_ends_with_an_error_is_not_told_what_it_did_not_use(last, warned):
    program = f"import corelets\nrelay = corelets.Relay(3)\n{last}\n"
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert ("<string>:2: UnusedCorelet: Relay" in ended.stderr) == warned
    assert ("RuntimeError" in ended.stderr) != warned


def test_a_corelet_whose_construction_failed_does_not_warn():
    def fail():
        with pytest.raises(CoreletError):
            Backwards()

    assert unused_lines(fail) == []


class Raises(Corelet):
    """Fails for a reason that is none of ours."""

    def __init__(self, width):
        self.x = Input(width)
        raise RuntimeError


def test_a_corelet_whose_construction_failed_with_any_error_does_not_warn():
    numbers = np.zeros(2, np.int32)
    bad = integer.Dense("d", np.full((1, 2, 2), 5, np.int8), numbers, np.arange(2, dtype=np.int32))

    def fail():
        with pytest.raises(RuntimeError):
            Raises(3)
        with pytest.raises(TypeError):
            Raises()
        with pytest.raises(TnemuError):
            Dense.of(bad)

    assert unused_lines(fail) == []


def test_a_layer_of_a_file_warns_with_the_line_that_took_it():
    numbers = np.zeros(2, np.int32)
    layer = integer.Dense("d", np.zeros((1, 2, 2), np.int8), numbers, np.arange(2, dtype=np.int32))
    ((message, file, _),) = unused_lines(lambda: Dense.of(layer))
    assert message.startswith(f"Dense ({__file__}:")
    assert file == __file__


def test_a_corelet_shows_the_parameters_of_its_constructor():
    assert list(inspect.signature(Splitter).parameters) == ["width", "copies"]
    assert list(inspect.signature(Raises).parameters) == ["width"]
