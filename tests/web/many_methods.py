"""Benchmarks of several methods and experiments, with made-up results that depend only on their numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
from django.db.models.functions import Now

from saliency_core.experiments.base import create_experiment
from saliency_core.experiments.columns import Columns
from tests.web import factories
from webapp.accounts.models import User
from webapp.benchmarks import transitions
from webapp.benchmarks.methods import specified_method
from webapp.benchmarks.models import Benchmark, Shard, ShardResult

METHODS = (
    ("grad_cam", False),
    ("grad_cam", True),
    ("grad_cam_plus_plus", False),
    ("score_cam", False),
    ("msg_cam", False),
    ("rise", False),
    ("group_cam", False),
    ("random_map", False),
)
EXPERIMENTS = (
    ("insertion_deletion", "thesis@1"),
    ("perturbation", "chefer@1"),
    ("average_drop", "score-cam@1"),
    ("sparsity", "gini@1"),
)
CLASSES = ("tabby", "espresso", "castle", "bookcase", "goldfish")


def benchmark(
    owner: User | None = None,
    *,
    methods: int = 8,
    experiments: int = 4,
    images: int = 12,
    per_shard: int = 6,
    done: float = 1.0,
    failed: tuple[int, ...] = (),
    **fields: Any,
) -> Benchmark:
    """A running benchmark with the first `done` of each method's shards finished; its figures are not computed."""
    fields.setdefault("dataset", factories.dataset(number_of_images=max(100, images)))
    found = factories.queued_benchmark(owner, images, **fields)
    specification = found.specification
    specification["methods"] = [
        specified_method(key, {}, {} if enhanced else None) for key, enhanced in METHODS[:methods]
    ]
    specification["experiments"] = [
        {"key": key, "protocol": protocol} for key, protocol in EXPERIMENTS[:experiments]
    ]
    found.specification = specification
    found.save(update_fields=["specification"])
    transitions.start(found)
    for method in range(methods):
        starts = range(0, images, per_shard)
        for number, start in enumerate(starts):
            finished = number < round(done * len(starts))
            shard = Shard.objects.create(
                benchmark=found,
                method_index=method,
                start=start,
                stop=min(start + per_shard, images),
                **_finished() if finished else {},
            )
            if finished:
                deliver(shard, failed)
    found.refresh_from_db()
    return found


def _finished() -> dict[str, Any]:
    environment = {"device": "Test processor", "versions": {"torch": "2.13.0"}}
    return {
        "state": Shard.State.DONE,
        "progress": 1.0,
        "claimed_at": Now(),
        "finished_at": Now(),
        "environment": environment,
    }


def deliver(shard: Shard, failed: tuple[int, ...] = ()) -> None:
    """Results of a shard for every experiment. The image `failed[0]` and so on fails under the first method only."""
    for experiment, entry in enumerate(shard.benchmark.specification["experiments"]):
        measured = columns(
            shard.method_index,
            entry["key"],
            entry["protocol"],
            shard.start,
            shard.stop,
            failed if shard.method_index == 0 else (),
        )
        scalars, curves = measured.pack()
        ShardResult.objects.create(shard=shard, experiment_index=experiment, scalars=scalars, curves=curves)


def columns(
    method: int, key: str, protocol: str, start: int, stop: int, failed: tuple[int, ...] = ()
) -> Columns:
    """Made-up figures; methods with higher numbers have somewhat lower ones, and images vary alike under all."""
    indices = np.array([index for index in range(start, stop) if index not in failed], dtype=np.int64)
    n = len(indices)
    own = np.random.default_rng([method, len(key), start])
    common = np.random.default_rng(7).random(100_000)[indices]
    quality = 0.75 - 0.05 * method
    first = np.clip(0.6 * common + 0.4 * quality + 0.05 * own.standard_normal(n), 0, 1)
    second = np.clip(0.3 * common + 0.2 * (1 - quality) + 0.03 * own.standard_normal(n), 0, 1)
    scalars = {
        "target": indices % len(CLASSES),
        "target_name": np.array([CLASSES[index % len(CLASSES)] for index in indices], dtype="U40"),
        "predicted": indices % len(CLASSES),
        "label": np.where(indices % 4 == 3, (indices + 1) % len(CLASSES), indices % len(CLASSES)),
        "probability": np.clip(0.02 + 0.98 * np.sqrt(common), 0, 1).astype(np.float32),
        **_own_scalars(key, first, second),
        "degenerate": indices % 50 == 49,
        "map_seconds": np.full(n, 0.02 * (method + 1)),
        "seconds": np.full(n, 0.5),
    }
    experiment = create_experiment(key, protocol)
    curves = {}
    for number, curve in enumerate(experiment.curves()):
        points = len(curve.positions(Columns(curves={curve.key: np.empty((0, 113), np.float32)})))
        x = np.linspace(0, 1, points)
        level = first if number == 0 else second
        rising = 1 - (1 - x) ** (1 + 6 * level[:, None])
        curves[curve.key] = (rising if number == 0 else 1 - x ** (0.2 + level[:, None])).astype(np.float32)
    reason = "The file is truncated."
    return Columns(
        indices=indices,
        images=[f"photographs/{index:04}.jpg" for index in indices],
        scalars=scalars,
        curves=curves,
        failures=[
            {"index": index, "image": f"photographs/{index:04}.jpg", "reason": reason}
            for index in failed
            if start <= index < stop
        ],
    )


def _own_scalars(key: str, first: np.ndarray, second: np.ndarray) -> dict[str, np.ndarray]:
    if key == "insertion_deletion":
        return {"insertion_auc": first, "deletion_auc": second, "overall": first - second}
    if key == "perturbation":
        return {
            "negative_auc": first,
            "positive_auc": second,
            "overall": first - second,
            "correct": (first > 0.4).astype(float),
        }
    if key == "average_drop":
        return {"drop": second, "increase": (first > 0.7).astype(float)}
    return {"gini": first, "entropy": 4 * second}
