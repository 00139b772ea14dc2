"""Rows as JSON for a backup. What is written here is read by `webapp.backups.restoring`."""

from __future__ import annotations

from typing import Any

from webapp.accounts.models import User
from webapp.benchmarks.models import Benchmark, SavedView
from webapp.library.models import Classifier, MethodSettings
from webapp.studio.models import Explanation

SCHEMA = "saliscope-backup/1"
"""Name and version of a backup's form; a change that readers must know of raises the number."""

BENCHMARK_FIELDS = (
    "name",
    "notes",
    "shared_with_lab",
    "specification_sha256",
    "number_of_images",
    "state",
    "problem",
    "figures",
    "figures_shards",
    "figures_complete",
)
BENCHMARK_TIMES = ("created", "started", "finished")
SHARD_FIELDS = ("method_index", "start", "stop", "state", "attempt", "environment", "problem")
SHARD_TIMES = ("claimed_at", "finished_at")
CLASSIFIER_FIELDS = (
    "key",
    "name",
    "library",
    "architecture",
    "output_activation",
    "family",
    "preprocessing",
    "earlier_preprocessings",
    "class_names",
    "weights_sha256",
)
DATASET_FIELDS = ("name", "format", "fingerprint", "number_of_images", "ground_truth")


def profile_record(owner: User) -> dict[str, Any]:
    return {
        "schema": SCHEMA,
        "username": owner.username,
        "account_number": owner.account_number,
        "email": owner.email,
        "language": owner.language,
        "theme": owner.theme,
        "member_since": owner.date_joined.isoformat(),
    }


def settings_record(owner: User) -> dict[str, Any]:
    own = MethodSettings.objects.visible_to(owner).select_related("classifier")
    return {
        "methods": [
            {
                "model": classifier_record(each.classifier),
                "method": each.method,
                "parameters": each.parameters,
            }
            for each in own
        ],
        "views": [{"name": view.name, "query": view.query} for view in SavedView.objects.visible_to(owner)],
    }


def classifier_record(classifier: Classifier) -> dict[str, Any]:
    return {name: getattr(classifier, name) for name in CLASSIFIER_FIELDS}


def studio_records(owner: User) -> list[dict[str, Any]]:
    maps = Explanation.objects.visible_to(owner).select_related("classifier", "dataset")
    return [
        {
            "model": each.classifier.name,
            "weights_sha256": each.classifier.weights_sha256,
            "dataset": each.dataset.name if each.dataset else None,
            "image": each.image,
            "class": each.target,
            "method": each.method,
            "parameters": each.parameters,
            "enhancement": each.enhancement,
            "pipeline": each.pipeline,
            "size": each.size,
            "digest": each.digest,
            "state": each.state,
            "seconds": each.seconds,
            "curves": each.curves,
            "created": each.created.isoformat(),
        }
        for each in maps.iterator(chunk_size=500)
    ]


def benchmark_record(benchmark: Benchmark) -> dict[str, Any]:
    specification = dict(benchmark.specification)
    # Where data lie on the server is nobody's business elsewhere.
    specification["dataset"] = {
        name: value for name, value in specification["dataset"].items() if name != "path"
    }
    return {
        "schema": SCHEMA,
        "number": benchmark.pk,
        **{name: getattr(benchmark, name) for name in BENCHMARK_FIELDS},
        **{name: _moment(getattr(benchmark, name)) for name in BENCHMARK_TIMES},
        "specification": specification,
        "model": classifier_record(benchmark.classifier),
        "dataset": {name: getattr(benchmark.dataset, name) for name in DATASET_FIELDS},
        "tags": [tag.name for tag in benchmark.tags.all()],
        "shared_with": [share.user.username for share in benchmark.shares.select_related("user")],
        "events": [
            {"kind": each.kind, "payload": each.payload, "created": _moment(each.created)}
            for each in benchmark.events.order_by("seq")
        ],
        "shards": [
            {
                **{name: getattr(shard, name) for name in SHARD_FIELDS},
                **{name: _moment(getattr(shard, name)) for name in SHARD_TIMES},
                "results": sorted(result.experiment_index for result in shard.results.all()),
            }
            for shard in benchmark.shards.prefetch_related("results")
        ],
        "summaries": [
            {
                "method": row.method_index,
                "experiment": row.experiment_index,
                "complete": row.complete,
                "content": row.content,
                "classes": row.classes,
            }
            for row in benchmark.summaries.defer("running")
        ],
        "comparisons": [
            {"experiment": row.experiment_index, "content": row.content}
            for row in benchmark.comparisons.all()
        ],
    }


def _moment(value: Any) -> str | None:
    return value.isoformat() if value else None
