"""Kills drawn at random, one after the other, while benchmarks run; the figures at the end are those of a quiet run."""

from __future__ import annotations

import random
import time
from collections import Counter

from tests.faults import faults
from tests.faults.laboratory import IMAGES, MILLISECONDS, Laboratory
from tests.faults.trials import FINAL_WITHIN_SECONDS
from tests.faults.watching import compare, look, queue

PAUSE_SECONDS = (1.0, 12.0)
KILLS = (
    faults.pool_child,
    faults.worker,
    faults.workers_and_reconciler,
    faults.supervisor,
    faults.web_server,
    faults.broker,
    faults.flush_all,
)


def soak(laboratory: Laboratory, seconds: float, seed: int) -> tuple[str, bool]:
    """A report in Markdown, and whether all is as it must be."""
    drawn = random.Random(seed)
    kills = (*KILLS, faults.database_killed) if laboratory.postgres else KILLS
    done: Counter[str] = Counter()
    benchmarks: list[int] = []
    end = time.monotonic() + seconds
    watched = laboratory.observer
    while time.monotonic() < end:
        # One that runs and one that waits, so that there is always something to disturb.
        open_ones = [each for each in benchmarks if _is_open(watched.progress(each))]
        while len(open_ones) < 2:
            benchmarks.append(queue(laboratory.application, IMAGES, MILLISECONDS))
            open_ones.append(benchmarks[-1])
        time.sleep(drawn.uniform(*PAUSE_SECONDS))
        kill = drawn.choice(kills)
        try:
            kill(laboratory, benchmarks[-1])
        except AssertionError:
            continue  # What was to be killed is being started again.
        done[kill.__name__] += 1
    begin = time.monotonic()
    finals = [watched.wait(each, final=True, seconds=600) for each in benchmarks]
    settled = time.monotonic() - begin
    outcomes = [compare(look(laboratory.application, each), laboratory.undisturbed) for each in benchmarks]
    lost, twice = sum(each.lost for each in outcomes), sum(each.twice for each in outcomes)
    difference = max(each.difference for each in outcomes)
    well = None not in finals and all(each.state == "succeeded" and not each.gaps for each in outcomes)
    lines = [
        f"Seed {seed}, {seconds:g} s, {sum(done.values())} kills, {len(benchmarks)} benchmarks of {IMAGES} images.",
        "",
        "| killed | times |",
        "| --- | --: |",
        *(f"| {name.replace('_', ' ')} | {count} |" for name, count in sorted(done.items())),
        "",
        f"All in their final state {settled:.1f} s after the last kill; shards retried "
        f"{sum(each.retries for each in outcomes)}, images lost {lost}, images twice {twice}, figure difference "
        f"{difference:g}.",
    ]
    failed = [
        f"#{number}: {each}"
        for number, each in zip(benchmarks, outcomes, strict=True)
        if each.lost or each.gaps
    ]
    # Two benchmarks may be open at the end, so that twice the usual time is granted.
    passed = well and (lost, twice, difference) == (0, 0, 0.0) and settled <= 2 * FINAL_WITHIN_SECONDS
    return "\n".join([*lines, *failed]), passed


def _is_open(found: tuple[str, int] | None) -> bool:
    return found is None or found[0] in ("queued", "running")
