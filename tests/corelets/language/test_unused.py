"""A corelet that is built and never used is most likely a mistake: it warns."""

from __future__ import annotations

import gc
import subprocess
import sys
import warnings

import pytest

from corelets import Corelet, CoreletError, Delay, Input, Output, Splitter, UnusedCorelet


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
