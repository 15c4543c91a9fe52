"""The kernels name no processor: with narrower vectors they agree as well, and they lower to ARM's.

NUMBA_CPU_NAME alone would keep the features of this computer's processor; with NUMBA_CPU_FEATURES
empty numba takes those of the processor that is named.
"""

from __future__ import annotations

import os
import platform
import re
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parents[1]
HASWELL = {"NUMBA_CPU_NAME": "haswell", "NUMBA_CPU_FEATURES": ""}
BASELINE = {"NUMBA_CPU_NAME": "generic", "NUMBA_CPU_FEATURES": ""}

AGREE = """
import sys, pytest
from tnemu.emulator import warm
from tnemu.emulator.engines.compiled.kernels import lanes, tick
warm.warm()
print(sum(tick.advance.stats.cache_misses.values()))
if len(sys.argv) == 1:
    sys.exit()
for kernel in (tick.advance, lanes.advance_lanes):
    (assembly,) = kernel.inspect_asm().values()
    assert not any(register in assembly for register in sys.argv[1].split(",")), "too wide"
sys.exit(pytest.main(["-q", "-p", "no:cacheprovider", *sys.argv[2:]]))
"""
# What numba links and compiles is seen before it is made x86's, except for its reference counting.
AARCH64 = """
import sys
from llvmlite import binding
from numba.core.codegen import CPUCodeLibrary
binding.initialize_all_targets()
binding.initialize_all_asmprinters()
try:
    target = binding.Target.from_triple("aarch64-unknown-linux-gnu")
    finish = CPUCodeLibrary._optimize_final_module
except (AttributeError, RuntimeError) as error:
    print(error)
    sys.exit(77)
modules = {}
def keep(library):
    modules[library._final_module.name] = str(library._final_module)
    finish(library)
CPUCodeLibrary._optimize_final_module = keep
from tnemu.emulator import warm
warm.warm()
machine = target.create_target_machine(opt=3)
X86 = "declare i8 @llvm.x86.atomic.sub.cc.i64(ptr, i64, i32 immarg)"
PLAIN = '''define i8 @last_reference(ptr %p, i64 %n, i32 %condition) {
  %old = atomicrmw sub ptr %p, i64 %n monotonic
  %last = icmp eq i64 %old, %n
  %answer = zext i1 %last to i8
  ret i8 %answer
}
'''
for name in ("advance", "advance_lanes"):
    lines = [
        PLAIN if line.startswith(X86) else line.replace("llvm.x86.atomic.sub.cc.i64", "last_reference")
        for line in modules[name].splitlines()
        if not line.startswith(("target triple", "target datalayout"))
    ]
    module = binding.parse_assembly("\\n".join(lines))
    module.triple, module.data_layout = machine.triple, str(machine.target_data)
    options = binding.create_pipeline_tuning_options(speed_level=3)
    passes = binding.create_pass_builder(machine, options)
    passes.getModulePassManager().run(module, passes)
    print(machine.emit_assembly(module))
"""


def run(script: str, *arguments: str, folder: Path, **environment: str) -> str:
    """What a script prints in a process that keeps its compiled code in ``folder``."""
    clean = {k: v for k, v in os.environ.items() if not k.startswith("NUMBA_")}
    done = subprocess.run(
        [sys.executable, "-c", script, *arguments],
        env=clean | {"TNEMU_CACHE_DIR": str(folder), **environment},
        capture_output=True,
        text=True,
        timeout=280,
    )
    if done.returncode == 77:
        pytest.skip(f"no code for aarch64 can be made: {done.stdout.strip()}")
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return done.stdout


needs_x86 = pytest.mark.skipif(platform.machine() != "x86_64", reason="names processors of x86-64")


@pytest.mark.slow
@pytest.mark.timeout(900)
@needs_x86
def test_engines_agree_with_narrower_vectors_and_processors_do_not_share_code(tmp_path):
    """Of 256 and of 128 bits; in one folder, as when a home is shared, numba compiles for each anew."""
    tests = [
        "test_engines_agree.py::test_engines_agree",
        "test_lanes.py",
        "compiled/test_threads.py::test_any_number_of_threads_gives_the_reference_result",
    ]
    chosen = [str(HERE / test) for test in tests]
    for processor, too_wide in ((HASWELL, "%zmm,{%k"), (BASELINE, "%zmm,%ymm")):
        told = run(AGREE, too_wide, *chosen, folder=tmp_path, **processor)
        assert told.splitlines()[0] == "1"
    for processor in (HASWELL, BASELINE):
        assert run(AGREE, folder=tmp_path, **processor) == "0\n"


@pytest.mark.slow
def test_kernels_lower_to_vectors_of_arm(tmp_path):
    """Both tick loops become AArch64 assembly: lanes of 8, 16, 32 and 64 bits, population count."""
    assembly = run(AARCH64, folder=tmp_path)
    found = set(re.findall(r"\t(\w+)\tv\d+\.(16b|8h|4s|2d)", assembly))
    wanted = {("add", "8h"), ("add", "4s"), ("smin", "4s"), ("smax", "4s"), ("cnt", "16b")}
    assert wanted <= found
    assert {"16b", "8h", "4s", "2d"} <= {lanes for _, lanes in found}
