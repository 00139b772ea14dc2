"""Time and peak memory of the bootstrap at the size of ImageNet's validation set.

    OMP_NUM_THREADS=1 python -m benchmarks.bootstrap_speed [--images 50000] [--resamples 2000]

Each case runs in a process of its own, so that the peak is its own (tables included).
"""

from __future__ import annotations

import argparse
import multiprocessing
import resource
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from scipy.sparse import csr_array

from saliency_core.statistics.intervals import IntervalMethod, figure_intervals
from saliency_core.statistics.paired import pairwise_table
from saliency_core.statistics.tables import class_table, mean_of_sums, mean_over_classes, mean_table


def means(images: int, resamples: int, method: IntervalMethod, count: int = 8) -> Any:
    """``count`` means, one row an image."""
    values = np.random.default_rng(1).random((count, images))
    tables = [mean_table(column) for column in values]
    return figure_intervals([(table, mean_of_sums) for table in tables], method=method, resamples=resamples)


def pointing(images: int, resamples: int, method: IntervalMethod, classes: int, dense: bool) -> Any:
    """The pointing game: one to five classes an image, the mean over classes of their accuracies."""
    generator = np.random.default_rng(2)
    groups = np.repeat(np.arange(images), generator.integers(1, 6, images))
    hits = generator.random(len(groups)) < 0.7
    table = class_table(hits, 1, generator.integers(0, classes, len(groups)), classes)
    figure = (table if dense else csr_array(table), mean_over_classes)
    return figure_intervals([figure], groups, method=method, resamples=resamples)


def pairs(images: int, resamples: int, methods: int) -> Any:
    """All pairs of ``methods`` means."""
    values = np.random.default_rng(3).random((methods, images))
    tables = [mean_table(column) for column in values]
    return pairwise_table(tables, mean_of_sums, [None] * methods, resamples=resamples)


CASES: dict[str, tuple[Callable[..., Any], tuple[Any, ...]]] = {
    "8 means, percentile": (means, ("percentile",)),
    "8 means, BCa": (means, ("bca",)),
    "pointing game, 80 classes (160 columns, sparse), percentile": (pointing, ("percentile", 80, False)),
    "pointing game, 80 classes (160 columns, sparse), BCa": (pointing, ("bca", 80, False)),
    "pointing game, 80 classes (160 columns, given dense), percentile": (pointing, ("percentile", 80, True)),
    "pointing game, 1000 classes (2000 columns, sparse), percentile": (pointing, ("percentile", 1000, False)),
    "pointing game, 1000 classes (2000 columns, sparse), BCa": (pointing, ("bca", 1000, False)),
    "all pairs of 8 methods": (pairs, (8,)),
}


def _measure(name: str, images: int, resamples: int) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    function, options = CASES[name]
    start = time.perf_counter()
    function(images, resamples, *options)
    seconds = time.perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(f"{name:66} {seconds:6.2f} s   peak {peak / 1024:5.0f} MB ({before / 1024:.0f} MB at the start)")


def main() -> None:
    parser = argparse.ArgumentParser(description="Time and peak memory of the bootstrap.")
    parser.add_argument("--images", type=int, default=50_000)
    parser.add_argument("--resamples", type=int, default=2000)
    options = parser.parse_args()
    print(f"{options.images:,} images × {options.resamples:,} resamples")
    context = multiprocessing.get_context("spawn")
    for name in CASES:
        process = context.Process(target=_measure, args=(name, options.images, options.resamples))
        process.start()
        process.join()
        if process.exitcode:
            raise SystemExit(f"{name}: ended with {process.exitcode}")


if __name__ == "__main__":
    main()
