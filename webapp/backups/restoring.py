"""Reading a backup back: method settings, saved views and benchmarks, as rows of the member who restores it.

The file may come from anywhere. It is read by name, nothing is unpacked to a path it chooses, sizes are capped, and
what it says of the server (paths, numbers of rows, owners) is never believed: models and data sets are found again by
their SHA-256 and fingerprint among what the member may see.
"""

from __future__ import annotations

import json
import shutil
import uuid
import zipfile
import zlib
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext as _

from saliency_core.enhancement.description import SLIDING_WINDOW
from saliency_core.errors import ParameterError
from saliency_core.experiments.base import create_experiment
from saliency_core.experiments.columns import Columns
from saliency_core.methods.registry import method_description
from webapp.accounts.models import User
from webapp.backups.records import (
    BENCHMARK_FIELDS,
    BENCHMARK_TIMES,
    CLASSIFIER_FIELDS,
    DATASET_FIELDS,
    SCHEMA,
    SHARD_FIELDS,
    SHARD_TIMES,
)
from webapp.benchmarks.models import (
    Benchmark,
    BenchmarkEvent,
    BenchmarkShare,
    BenchmarkTag,
    ResultComparison,
    ResultSummary,
    SavedView,
    Shard,
    ShardResult,
)
from webapp.benchmarks.summaries import result_counts
from webapp.common import hints
from webapp.library.models import Classifier, Dataset, MethodSettings
from webapp.library.stored_files import stored_file_name

MOST_FILES = 500_000
MOST_BYTES = 64 * 1024**3
MOST_JSON_BYTES = 256 * 1024**2
MOST_RATIO = 1000

Report = Callable[[float], None]


class BackupProblem(Exception):
    """The file can't be restored; the message says why."""


@dataclass
class Restored:
    """What was brought back. `notes`: sentences on what could not be, or came back otherwise."""

    benchmarks: int = 0
    already_there: int = 0
    settings: int = 0
    views: int = 0
    models: int = 0
    notes: list[str] = field(default_factory=list)

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


def restore_backup(owner: User, file: Path, report: Report = lambda _share: None) -> Restored:
    """Restores everything or nothing. Raises BackupProblem."""
    try:
        with zipfile.ZipFile(file) as archive, transaction.atomic():
            _check(archive)
            return _Restoring(owner, archive, report).everything()
    except (zipfile.BadZipFile, OSError, EOFError, zlib.error) as problem:
        raise BackupProblem(
            _("This is not a ZIP that can be read: %(problem)s.") % {"problem": problem}
        ) from problem
    except (KeyError, TypeError, ValueError, AttributeError, ParameterError, ValidationError) as problem:
        raise BackupProblem(
            _("The backup is damaged or was changed: %(problem)s.")
            % {"problem": f"{type(problem).__name__}: {problem}"}
        ) from problem


def _check(archive: zipfile.ZipFile) -> None:
    infos = archive.infolist()
    if len(infos) > MOST_FILES or sum(info.file_size for info in infos) > MOST_BYTES:
        raise BackupProblem(_("The backup is larger than can be restored."))
    for info in infos:
        if info.file_size > MOST_RATIO * max(1, info.compress_size) + 1_000_000:
            raise BackupProblem(_("The backup has a part that is packed in a way no backup is."))
    if "profile.json" not in archive.namelist() or _read(archive, "profile.json").get("schema") != SCHEMA:
        raise BackupProblem(
            _("This is not a backup of the form %(schema)s: choose the ZIP as it was downloaded.")
            % {"schema": SCHEMA}
        )


def _read(archive: zipfile.ZipFile, name: str) -> Any:
    if archive.getinfo(name).file_size > MOST_JSON_BYTES:
        raise BackupProblem(_("%(name)s is larger than can be restored.") % {"name": name})
    return json.loads(archive.read(name))


class _Restoring:
    def __init__(self, owner: User, archive: zipfile.ZipFile, report: Report) -> None:
        self.owner, self.archive, self.report = owner, archive, report
        self.names = set(archive.namelist())
        self.restored = Restored()
        self.classifiers: dict[str, Classifier] = {}

    def everything(self) -> Restored:
        self.models()
        self.settings()
        folders = sorted(
            {
                int(name.split("/")[1])
                for name in self.names
                if name.endswith("/benchmark.json") and name.startswith("benchmarks/")
            }
        )
        for number, folder in enumerate(folders):
            self.benchmark(f"benchmarks/{folder}")
            self.report((number + 1) / len(folders))
        return self.restored

    # --- models and settings -------------------------------------------------------------------------------

    def models(self) -> None:
        """Own models whose weights are in the backup; the others come back when something needs them."""
        for record in _read(self.archive, "models.json"):
            if self._model_file(record):
                self.classifier(record)

    def settings(self) -> None:
        found = _read(self.archive, "settings.json")
        for each in found["methods"]:
            parameters = dict(each["parameters"])
            if each["method"] == SLIDING_WINDOW.key:
                SLIDING_WINDOW.validate(parameters)
            else:
                method_description(each["method"]).validate(parameters)
            MethodSettings.objects.update_or_create(
                owner=self.owner,
                classifier=self.classifier(each["model"]),
                method=each["method"],
                defaults={"parameters": parameters},
            )
            self.restored.settings += 1
        for view in found["views"]:
            SavedView.objects.update_or_create(
                owner=self.owner, name=str(view["name"])[:60], defaults={"query": str(view["query"])[:2000]}
            )
            self.restored.views += 1

    def classifier(self, record: Mapping[str, Any]) -> Classifier:
        """The model of a record: the same weights among what the member may see, else a new one of their own."""
        identity = json.dumps(record, sort_keys=True)
        if identity not in self.classifiers:
            self.classifiers[identity] = self._found(record) or self._new_classifier(record)
        return self.classifiers[identity]

    def _found(self, record: Mapping[str, Any]) -> Classifier | None:
        visible = Classifier.objects.visible_to(self.owner)
        if record["key"]:
            return visible.filter(key=record["key"]).first()
        alike = visible.filter(
            library=record["library"],
            architecture=record["architecture"],
            weights_sha256=record["weights_sha256"],
            preprocessing=record["preprocessing"],
        )
        return alike.filter(name=record["name"]).first() or alike.first()

    def _new_classifier(self, record: Mapping[str, Any]) -> Classifier:
        fields = {name: record[name] for name in CLASSIFIER_FIELDS if name not in ("key", "name")}
        classifier = Classifier(
            owner=self.owner,
            name=self._free_name(Classifier.objects.filter(owner=self.owner), record["name"]),
            **fields,
        )
        weights = self._model_file(record)
        if weights:
            # A model file is a program: it goes the way of every upload.
            classifier.upload = self._upload(weights)
            classifier.state = Classifier.State.WAITING
            transaction.on_commit(hints.wake_studio)
        else:
            classifier.state = Classifier.State.FAILED
            classifier.problem = _(
                "Restored from a backup without weights. Import the model again to use it."
            )
            self.restored.notes.append(
                _("The weights of %(name)s were not in the backup.") % {"name": classifier.name}
            )
        classifier.full_clean(exclude=["description", "owner"])
        classifier.save()
        self.restored.models += 1
        return classifier

    def _model_file(self, record: Mapping[str, Any]) -> str:
        """The name within the archive of a model's weights, or of the ONNX file that it is; empty if not there."""
        name = f"models/{stored_file_name(record['library'], record['weights_sha256'])}"
        return name if name in self.names else ""

    def _upload(self, name: str) -> str:
        target = f"{uuid.uuid4().hex}/{Path(name).name}"
        path = settings.UPLOADS_DIR / target
        path.parent.mkdir(parents=True)
        with self.archive.open(name) as source, path.open("wb") as file:
            shutil.copyfileobj(source, file)
        return target

    def _free_name(self, rows: Any, name: str) -> str:
        name, number = str(name)[:90], 1
        free = name
        while rows.filter(name=free).exists():
            number += 1
            free = f"{name} ({number})"
        return free

    def dataset(self, record: Mapping[str, Any]) -> Dataset:
        visible = Dataset.objects.visible_to(self.owner).filter(fingerprint=record["fingerprint"])
        found = visible.filter(name=record["name"]).first() or visible.first()
        if found is not None:
            return found
        fields = {name: record[name] for name in DATASET_FIELDS if name != "name"}
        name = self._free_name(Dataset.objects.filter(owner=self.owner), record["name"])
        dataset = Dataset(
            owner=self.owner,
            name=name,
            state=Dataset.State.FAILED,
            problem=_("Restored from a backup, which has no images. Upload or register the data set again."),
            **fields,
        )
        dataset.full_clean(exclude=["owner", "path", "ground_truth", "classes", "problems"])
        dataset.save()
        self.restored.notes.append(
            _("The data set %(name)s is not here: its images cannot be shown.") % {"name": name}
        )
        return dataset

    # --- benchmarks ----------------------------------------------------------------------------------------

    def benchmark(self, folder: str) -> None:
        record = _read(self.archive, f"{folder}/benchmark.json")
        created = _moment(record["created"])
        # Again the same backup: what is there stays as it is.
        if (
            Benchmark.objects.owned_by(self.owner)
            .filter(created=created, number_of_images=record["number_of_images"])
            .exists()
        ):
            self.restored.already_there += 1
            return
        classifier, dataset = self.classifier(record["model"]), self.dataset(record["dataset"])
        specification = _checked_specification(record["specification"])
        specification["classifier"] = {**specification["classifier"], "id": classifier.pk}
        specification["dataset"] = {**specification["dataset"], "id": dataset.pk, "path": dataset.path}
        fields = {name: record[name] for name in BENCHMARK_FIELDS}
        if fields["state"] in Benchmark.UNFINISHED:
            fields["state"] = Benchmark.State.CANCELLED
            self.restored.notes.append(
                _("Benchmark #%(number)s was not finished: it is restored as cancelled and can be resumed.")
                % {"number": record["number"]}
            )
        benchmark = Benchmark(
            owner=self.owner,
            classifier=classifier,
            dataset=dataset,
            specification=specification,
            last_event_seq=len(record["events"]),
            **fields,
        )
        benchmark.full_clean(exclude=["owner", "specification", "figures"])
        benchmark.save()
        times = {name: _moment(record[name]) for name in BENCHMARK_TIMES}
        Benchmark.objects.filter(pk=benchmark.pk).update(**times)
        for tag in record["tags"]:
            BenchmarkTag.objects.create(benchmark=benchmark, name=str(tag)[:40])
        for user in User.objects.filter(username__in=record["shared_with"]).exclude(pk=self.owner.pk):
            BenchmarkShare.objects.create(benchmark=benchmark, user=user)
        self._events(benchmark, record["events"])
        for shard in record["shards"]:
            self._shard(benchmark, shard, folder)
        self._summaries(benchmark, record)
        self.restored.benchmarks += 1

    def _events(self, benchmark: Benchmark, events: list[Mapping[str, Any]]) -> None:
        for number, event in enumerate(events):
            row = BenchmarkEvent.objects.create(
                benchmark=benchmark,
                seq=number + 1,
                kind=str(event["kind"])[:40],
                payload=dict(event["payload"]),
            )
            BenchmarkEvent.objects.filter(pk=row.pk).update(created=_moment(event["created"]))

    def _shard(self, benchmark: Benchmark, record: Mapping[str, Any], folder: str) -> None:
        fields = {name: record[name] for name in SHARD_FIELDS}
        if fields["state"] == Shard.State.RUNNING:
            fields["state"] = Shard.State.WAITING
        methods, experiments = (len(benchmark.specification[name]) for name in ("methods", "experiments"))
        if not (0 <= fields["method_index"] < methods and 0 <= fields["start"] < fields["stop"]):
            raise ValueError("a shard is of no method or of no images")
        shard = Shard(benchmark=benchmark, **fields, **{name: _moment(record[name]) for name in SHARD_TIMES})
        shard.full_clean(exclude=["benchmark", "environment"])
        shard.save()
        for experiment in record["results"]:
            if not 0 <= experiment < experiments:
                raise ValueError("a result is of no experiment")
            name = f"{folder}/shards/{shard.method_index}-{shard.start}-{experiment}"
            scalars, curves = (self.archive.read(f"{name}.{part}.npz") for part in ("scalars", "curves"))
            Columns.unpack(scalars, curves)  # Raises ValueError for anything but columns.
            ShardResult.objects.create(
                shard=shard, experiment_index=experiment, scalars=scalars, curves=curves
            )

    def _summaries(self, benchmark: Benchmark, record: Mapping[str, Any]) -> None:
        """As they were, but for which results they are of: those have new numbers."""
        counts = result_counts(benchmark)
        for row in record["summaries"]:
            place = row["method"], row["experiment"]
            if place in counts:
                ResultSummary.objects.create(
                    benchmark=benchmark,
                    method_index=place[0],
                    experiment_index=place[1],
                    results=counts[place][0],
                    newest=counts[place][1],
                    complete=bool(row["complete"]),
                    content=dict(row["content"]),
                    classes=list(row["classes"]),
                )
        for row in record["comparisons"]:
            members = [(method, row["experiment"]) for method in row["content"]["methods"]]
            if members and all(place in counts for place in members):
                ResultComparison.objects.create(
                    benchmark=benchmark,
                    experiment_index=row["experiment"],
                    results=sum(counts[place][0] for place in members),
                    newest=max(counts[place][1] for place in members),
                    content=dict(row["content"]),
                )


def _checked_specification(specification: Mapping[str, Any]) -> dict[str, Any]:
    """A copy, if it is one that pages and workers understand. Raises ParameterError, KeyError or TypeError."""
    for each in specification["experiments"]:
        create_experiment(each["key"], each["protocol"])
    for method in specification["methods"]:
        method_description(method["key"]).validate(method["parameters"])
        if method.get("enhancement") is not None:
            SLIDING_WINDOW.validate(method["enhancement"])
    for name, keys in {
        "classifier": ("name", "library", "architecture", "weights_sha256", "preprocessing"),
        "dataset": ("name", "format", "fingerprint", "number_of_images"),
        "subset": ("count", "seed"),
    }.items():
        for key in keys:
            specification[name][key]
    str(specification["precision"])
    return dict(specification)


def _moment(text: str | None) -> datetime | None:
    if text is None:
        return None
    moment = parse_datetime(text)
    if moment is None or moment.tzinfo is None:
        raise ValueError(f"{text!r} is not a moment")
    return moment
