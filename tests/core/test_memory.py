from __future__ import annotations

import platform
import subprocess
import sys

import pytest

_PROGRAM = """
import resource, sys
import numpy as np
from saliency_core.scoring.memory import keep_freed_memory
if sys.argv[1] == "keep":
    assert keep_freed_memory()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(20):
    np.ones(64_000_000, dtype=np.uint8)
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


_PILED_UP = """
import os
from pathlib import Path
import numpy as np
from saliency_core.scoring import memory

def resident():
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") // 2**20

assert memory.keep_freed_memory()
before = resident()
kept = []
large = []
for _ in range(200):
    large.append(np.ones(2**20, dtype=np.uint8))
    kept.append(np.ones(200))
large.clear()
piled_up = resident() - before
freed = memory.FreedMemory()
freed.give_back()
too_soon = resident() - before
freed._trimmed -= 60
freed.give_back()
print(piled_up, too_soon, resident() - before)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc keeps memory like this")
def test_what_piles_up_between_small_results_is_given_back_now_and_then() -> None:
    run = subprocess.run([sys.executable, "-c", _PILED_UP], capture_output=True, check=True, text=True)
    piled_up, too_soon, given_back = map(int, run.stdout.split())
    assert piled_up > 190  # megabytes
    assert too_soon > 190
    assert given_back < 20


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc gives memory back like this")
def test_freed_memory_is_used_again_without_new_page_faults() -> None:
    faults = {
        mode: int(
            subprocess.run([sys.executable, "-c", _PROGRAM, mode], capture_output=True, check=True).stdout
        )
        for mode in ("keep", "default")
    }
    # Blocks above 32 MB are given back by default: their pages are new in each of the 20 rounds, or only once.
    assert faults["keep"] * 5 < faults["default"]
