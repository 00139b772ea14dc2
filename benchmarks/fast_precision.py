"""How far the precision "fast" moves the figures of insertion and deletion.

    python -m benchmarks.fast_precision --dataset FOLDER [--limit 200] --model NAME --weights FILE [--method grad_cam]

Both precisions score the same maps (which are fp32 always) of the same images. Printed are the means of both, their
difference in points of 100, and the largest difference of a single image.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator

import numpy as np

from saliency_core import create_method, load_classifier
from saliency_core.datasets.base import Dataset, open_dataset
from saliency_core.datasets.subset import subset_indices
from saliency_core.experiments.base import create_experiment
from saliency_core.experiments.columns import Columns
from saliency_core.experiments.runner import run_benchmark
from saliency_core.scoring.batch_size import find_batch_size
from saliency_core.scoring.scorer import Scorer

FIGURES = ("insertion_auc", "deletion_auc", "overall")
GOAL_POINTS = 0.05


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--dataset", required=True)
    parser.add_argument("--format", default="image-folder")
    parser.add_argument("--limit", type=int, default=200)
    parser.add_argument("--model", required=True)
    parser.add_argument("--weights")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--method", default="grad_cam")
    options = parser.parse_args()
    dataset = open_dataset(options.format, options.dataset)
    for line in compared(
        options.model, options.weights, options.device, options.method, dataset, options.limit
    ):
        print(line, flush=True)


def compared(
    model: str, weights: str | None, device: str, method: str, dataset: Dataset, limit: int
) -> Iterator[str]:
    """Line by line what both precisions give on ``limit`` images."""
    classifier = load_classifier(model, weights=weights, device=device)
    indices = subset_indices(len(dataset), min(limit, len(dataset)), seed=0)
    found: dict[str, Columns] = {}
    for precision in ("fp32", "fast"):
        find_batch_size(classifier, precision)
        start = time.perf_counter()
        [found[precision]] = run_benchmark(
            classifier,
            dataset,
            indices,
            create_method(method, classifier),
            [create_experiment("insertion_deletion", "thesis@1")],
            Scorer(classifier, precision=precision),
        )
        yield f"{precision}: {(time.perf_counter() - start) / len(indices):.3f} s an image"
    yield f"{classifier.title}, {method}, {len(found['fp32'])} images; points of 100"
    for figure in FIGURES:
        full, fast = (100 * found[precision].scalars[figure] for precision in ("fp32", "fast"))
        moved = fast.mean() - full.mean()
        verdict = "within" if abs(moved) <= GOAL_POINTS else "OVER"
        yield (
            f"{figure}: fp32 {full.mean():.3f}, fast {fast.mean():.3f}, moved {moved:+.4f} ({verdict} {GOAL_POINTS}); "
            f"largest of one image {np.abs(fast - full).max():.3f}"
        )


if __name__ == "__main__":
    main()
