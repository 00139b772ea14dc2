"""Rows for tests, with sensible values for all that a test does not care about."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import numpy as np
from django.db.models.functions import Now
from PIL import Image

from saliency_core.datasets.base import open_dataset
from saliency_core.experiments.columns import Columns
from webapp.accounts.models import User
from webapp.accounts.services import sign_up
from webapp.benchmarks.models import Benchmark, Shard, WorkerNode
from webapp.benchmarks.services import create_benchmark
from webapp.library.dataset_looks import row_fields
from webapp.library.models import Classifier, Dataset

_numbers = itertools.count(1)
PASSWORD = "correct horse battery"
LAYERS = [
    {"name": "features.0", "kind": "Conv2d", "channels": 8, "height": 224, "width": 224},
    {"name": "features.29", "kind": "ReLU", "channels": 512, "height": 14, "width": 14},
]


def member(**fields: Any) -> User:
    return sign_up(username=fields.pop("username", f"member{next(_numbers)}"), password=PASSWORD, **fields)


def classifier(**fields: Any) -> Classifier:
    values = {
        "name": f"Model {next(_numbers)}",
        "library": "torchvision",
        "architecture": "vgg16",
        "family": "cnn",
        "preprocessing": {
            "pipeline": "squash",
            "size": 224,
            "mean": [0.485, 0.456, 0.406],
            "std": [0.229, 0.224, 0.225],
            "interpolation": "bilinear",
        },
        "description": {"layers": LAYERS, "default_layer": "features.29", "family": "cnn"},
        "state": Classifier.State.READY,
        "weights_sha256": "ab" * 32,
    }
    return Classifier.objects.create(**values | fields)


def dataset(**fields: Any) -> Dataset:
    values = {
        "name": f"Photographs {next(_numbers)}",
        "format": "image-folder",
        "path": "/nowhere",
        "fingerprint": "cd" * 32,
        "number_of_images": 100,
    }
    return Dataset.objects.create(**values | fields)


def masked_dataset(folder: Path, **fields: Any) -> Dataset:
    """Two images of 32 × 24 pixels, "cat" and "dog", whose objects are their left halves."""
    for name, colour in (("cat", "teal"), ("dog", "brown")):
        for part in ("images", "masks"):
            (folder / part).mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (32, 24), colour).save(folder / "images" / f"{name}.png")
        mask = Image.new("L", (32, 24), 0)
        mask.paste(255, (0, 0, 16, 24))
        mask.save(folder / "masks" / f"{name}.png")
    (folder / "labels.csv").write_text("image,label\ncat.png,cat\ndog.png,dog\n")
    values = {"format": "masked-folder", "path": str(folder)}
    return dataset(**values | row_fields(open_dataset("masked-folder", folder), folder) | fields)


def node(**fields: Any) -> WorkerNode:
    values = {
        "name": f"worker{next(_numbers)}",
        "kind": WorkerNode.Kind.BENCHMARK,
        "device": "Test processor",
        "started_at": Now(),
        "heartbeat_at": Now(),
    }
    row = WorkerNode.objects.create(**values | fields)
    row.refresh_from_db()
    return row


def queued_benchmark(owner: User | None = None, images: int = 10, **fields: Any) -> Benchmark:
    """One method (grad_cam, with `parameters` and `enhancement`) and one experiment, unless `methods` and
    `experiments` say which; `class_mapping`, `stratified` and `subset_seed` as the service takes them.
    """
    method = {
        "key": "grad_cam",
        "parameters": fields.pop("parameters", {}),
        "enhancement": fields.pop("enhancement", None),
    }
    return create_benchmark(
        owner=owner or member(),
        classifier=fields.pop("classifier", None) or classifier(),
        dataset=fields.pop("dataset", None) or dataset(),
        number_of_images=images,
        methods=fields.pop("methods", None) or [method],
        experiments=fields.pop("experiments", None)
        or [{"key": "insertion_deletion", "protocol": "thesis@1"}],
        **fields,
    )


def running_benchmark(
    owner: User | None = None, images: int = 10, per_shard: int = 4, **fields: Any
) -> Benchmark:
    """A benchmark that has been started, cut into shards of the given size."""
    from webapp.benchmarks import transitions

    benchmark = queued_benchmark(owner, images, **fields)
    for method_index in range(len(benchmark.specification["methods"])):
        for start in range(0, images, per_shard):
            Shard.objects.create(
                benchmark=benchmark,
                method_index=method_index,
                start=start,
                stop=min(images, start + per_shard),
            )
    transitions.start(benchmark)
    return benchmark


def columns(start: int, stop: int, *, failed: tuple[int, ...] = ()) -> Columns:
    """Figures that depend only on the image: insertion_auc = (index + 1) / 100, deletion_auc = half of that."""
    measured = [index for index in range(start, stop) if index not in failed]
    insertion = (np.array(measured, dtype=np.float64) + 1) / 100
    return Columns(
        indices=np.array(measured, dtype=np.int64),
        images=[f"{index:03}.jpg" for index in measured],
        scalars={
            "target": np.array([index % 3 for index in measured]),
            "target_name": np.array([f"class {index % 3}" for index in measured], dtype="U40"),
            "label": np.full(len(measured), -1),
            "probability": np.linspace(0.05, 0.95, len(measured)),
            "insertion_auc": insertion,
            "deletion_auc": insertion / 2,
            "overall": insertion / 2,
            "degenerate": np.zeros(len(measured), dtype=bool),
            "seconds": np.ones(len(measured)),
        },
        curves={
            name: np.tile(insertion[:, None], (1, 113)).astype(np.float32)
            for name in ("insertion", "deletion")
        },
        failures=[
            {"index": index, "image": f"{index:03}.jpg", "reason": "truncated"}
            for index in failed
            if start <= index < stop
        ],
    )
