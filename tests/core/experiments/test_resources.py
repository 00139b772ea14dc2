from __future__ import annotations

import math
import time
from pathlib import Path

import pytest
import torch

from saliency_core.experiments import resources
from saliency_core.experiments.resources import measured_resources
from saliency_core.scoring.memory import keep_freed_memory

CPU = torch.device("cpu")
PEAK_KNOWN = Path("/proc/self/clear_refs").exists()


def work(megabytes: int) -> None:
    torch.ones(megabytes * 250_000).sum()  # four bytes each, freed again at once


def test_seconds_are_those_of_the_work_inside() -> None:
    with measured_resources(CPU, memory=False) as taken:
        assert math.isnan(taken.seconds)
        time.sleep(0.05)
    time.sleep(0.02)
    assert taken.seconds >= 0.05
    assert math.isnan(taken.megabytes)


@pytest.mark.skipif(not PEAK_KNOWN, reason="this system does not tell a process its peak of memory")
def test_peak_is_counted_from_the_start_though_freed_memory_is_kept() -> None:
    keep_freed_memory()  # as every scorer does: without further measures the third peak would hide in the first
    kept = torch.ones(25_000_000)  # 100 MB that are there before
    peaks = []
    for megabytes in (200, 50, 200):
        with measured_resources(CPU) as taken:
            work(megabytes)
        peaks.append(taken.megabytes)
    assert peaks == pytest.approx([200, 50, 200], abs=20)
    assert len(kept) == 25_000_000


def test_memory_is_nan_where_the_system_does_not_tell(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resources, "_PROCESS", tmp_path / "nothing")
    with measured_resources(CPU) as taken:
        work(1)
    assert math.isnan(taken.megabytes)
    assert taken.seconds > 0


def test_nothing_is_said_of_work_that_fails() -> None:
    with pytest.raises(ZeroDivisionError), measured_resources(CPU, memory=False) as taken:
        _ = 1 / 0
    assert math.isnan(taken.seconds)
