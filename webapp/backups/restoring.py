"""Reading a backup back: method settings, saved views and benchmarks, as rows of the member who restores it.

The file may come from anywhere. It is read by name, nothing is unpacked to a path it chooses, sizes are capped, and
what it says of the server (paths, numbers of rows, owners) is never believed: models and data sets are found again by
their SHA-256 and fingerprint among what the member may see. A row that is made for one that is not there keeps neither:
weights and images are had by who has them, not by who names them.

All of the file is looked at before anything is written (`webapp.backups.checking`); then every model and benchmark is
written in a transaction of its own, which is short, so that others can write meanwhile and the job's lease is kept.
Figures are not taken from the file: the reconciler computes them from the measured values, as those of any benchmark.
"""

from __future__ import annotations

import hashlib
import shutil
import uuid
import zipfile
import zlib
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import DatabaseError, transaction
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext as _

from saliency_core.enhancement.description import SLIDING_WINDOW
from saliency_core.errors import SaliscopeError
from saliency_core.experiments.base import create_experiment
from saliency_core.methods.registry import method_description
from webapp.accounts.models import User
from webapp.backups.checking import (
    check_figures,
    checked_classifier,
    checked_columns,
    checked_dataset,
    checked_environment,
    checked_event,
    checked_specification,
    read_json,
)
from webapp.backups.records import BENCHMARK_FIELDS, BENCHMARK_TIMES, SCHEMA, SHARD_FIELDS, SHARD_TIMES
from webapp.benchmarks.deletion import BEING_RESTORED
from webapp.benchmarks.models import (
    Benchmark,
    BenchmarkEvent,
    BenchmarkShare,
    BenchmarkTag,
    SavedView,
    Shard,
    ShardResult,
)
from webapp.common import hints
from webapp.common.database import AWAY, database_time, locked
from webapp.library.model_files import check_model_room
from webapp.library.models import Classifier, Dataset, MethodSettings
from webapp.library.services import discard_upload
from webapp.library.stored_files import stored_file_name

MOST_FILES = 500_000
MOST_BYTES = 64 * 1024**3
MOST_JSON_BYTES = 256 * 1024**2
MOST_RATIO = 1000
AT_ONCE = 500
"""Rows that are written together."""
RESULTS_AT_ONCE = 16
"""Likewise of measured values, which are large."""
COMPUTED = frozenset({"figures", "figures_shards", "figures_complete"})
"""Fields of a benchmark that follow from its measured values."""
_DAMAGES = (
    KeyError, IndexError, TypeError, ValueError, AttributeError, OverflowError, RecursionError, MemoryError,
    NotImplementedError, SaliscopeError, ValidationError, DatabaseError,
)  # fmt: skip
"""What reading a changed file comes to."""

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
    """Restores what is in a backup, benchmark by benchmark; nothing of a file that is damaged or was changed.

    What stops it on the way (`report` may raise, and so does a database that is away) leaves what was restored before;
    the same backup again brings the rest. Raises BackupProblem.
    """
    try:
        with zipfile.ZipFile(file) as archive:
            _check(archive)
            restoring = _Restoring(owner, archive, report)
            restoring.look()
            return restoring.everything()
    except AWAY:
        raise  # Though it is a DatabaseError, it says nothing of the file.
    except (zipfile.BadZipFile, OSError, EOFError, zlib.error) as problem:
        raise BackupProblem(
            _("This is not a ZIP that can be read: %(problem)s.") % {"problem": problem}
        ) from problem
    except _DAMAGES as problem:
        raise BackupProblem(
            _("The backup is damaged or was changed: %(problem)s.") % {"problem": _said(problem)}
        ) from problem


def _said(problem: BaseException) -> str:
    sentences = problem.messages if isinstance(problem, ValidationError) else [str(problem)]
    return f"{type(problem).__name__}: {' '.join(sentences)}"[:500]


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
    return read_json(archive.read(name))


class _Restoring:
    def __init__(self, owner: User, archive: zipfile.ZipFile, report: Report) -> None:
        self.owner, self.archive, self.report = owner, archive, report
        self.names = set(archive.namelist())
        self.restored = Restored()
        self.classifiers: dict[str, Classifier] = {}
        self.folders = [
            f"benchmarks/{number}"
            for number in sorted(
                {
                    int(name.split("/")[1])
                    for name in self.names
                    if name.endswith("/benchmark.json") and name.startswith("benchmarks/")
                }
            )
        ]

    def look(self) -> None:
        """Reads all that will be written, and writes nothing. Raises one of _DAMAGES where anything is not as it should
        be.
        """
        for fields in self.own_models():
            self._check_weights(fields)
        self.method_settings()
        self.views()
        for number, folder in enumerate(self.folders):
            record = self.record(folder)
            if not self._is_there(record):
                self._check_weights(record["model"])
                self._check_results(record, folder, self._within(number, 0.0))
            self._within(number, 0.0)(1.0)

    def everything(self) -> Restored:
        for fields in self.own_models():
            # Others come back when something needs them.
            if self._model_file(fields):
                self.classifier(fields)
        self.settings()
        for number, folder in enumerate(self.folders):
            self.benchmark(folder, self._within(number, 0.5))
            self._within(number, 0.5)(1.0)
        return self.restored

    def _within(self, number: int, before: float) -> Report:
        """Reports the share of one benchmark as a share of the whole, half of which is to look at all of it."""
        return lambda share: self.report(before + 0.5 * (number + share) / len(self.folders))

    # --- models and settings -------------------------------------------------------------------------------

    def own_models(self) -> list[dict[str, Any]]:
        return [checked_classifier(record) for record in _read(self.archive, "models.json")]

    def method_settings(self) -> list[tuple[dict[str, Any], str, dict[str, Any]]]:
        """(model, method, parameters) of each."""
        found = []
        for each in _read(self.archive, "settings.json")["methods"]:
            known = (
                SLIDING_WINDOW if each["method"] == SLIDING_WINDOW.key else method_description(each["method"])
            )
            values = known.validate(each["parameters"])
            parameters = {name: values[name] for name in each["parameters"]}
            found.append((checked_classifier(each["model"]), known.key, parameters))
        return found

    def views(self) -> dict[str, str]:
        """Addresses of saved views by name."""
        views = _read(self.archive, "settings.json")["views"]
        return {str(view["name"])[:60]: str(view["query"])[:2000] for view in views}

    def settings(self) -> None:
        for model, method, parameters in self.method_settings():
            MethodSettings.objects.update_or_create(
                owner=self.owner,
                classifier=self.classifier(model),
                method=method,
                defaults={"parameters": parameters},
            )
            self.restored.settings += 1
        for name, query in self.views().items():
            SavedView.objects.update_or_create(owner=self.owner, name=name, defaults={"query": query})
            self.restored.views += 1

    def classifier(self, fields: Mapping[str, Any]) -> Classifier:
        """The model of a record: the same weights among what the member may see, else a new one of their own."""
        identity = repr(sorted(fields.items()))
        if identity not in self.classifiers:
            self.classifiers[identity] = self._found(fields) or self._new_classifier(fields)
        return self.classifiers[identity]

    def _found(self, fields: Mapping[str, Any]) -> Classifier | None:
        visible = Classifier.objects.visible_to(self.owner)
        if fields["key"]:
            return visible.filter(key=fields["key"]).first()
        alike = visible.filter(
            library=fields["library"],
            architecture=fields["architecture"],
            preprocessing=fields["preprocessing"],
        )
        if fields["weights_sha256"]:
            same = alike.filter(weights_sha256=fields["weights_sha256"])
            found = same.filter(name=fields["name"]).first() or same.first()
            if found is not None:
                return found
        # What an earlier restoring made has no weights, or no worker has looked at them yet.
        made = alike.filter(owner=self.owner, name=fields["name"], weights_sha256="")
        return made.exclude(state=Classifier.State.READY).first()

    def _new_classifier(self, fields: Mapping[str, Any]) -> Classifier:
        # Its weights are those that a worker finds in the file; that a record names some gives nobody access to them.
        kept = {
            name: value
            for name, value in fields.items()
            if name not in ("key", "name", "family", "weights_sha256")
        }
        classifier = Classifier(owner=self.owner, family=fields["family"], **kept)
        weights = self._model_file(fields)
        if weights and not self._has_room(weights):
            classifier.state = Classifier.State.FAILED
            classifier.problem = _(
                "Restored from a backup without weights, as your models may take no more room. Delete models that you "
                "no longer need, and import this one again."
            )
            note = _("There is no room for the weights of %(name)s.")
        elif weights:
            # A model file is a program: it goes the way of every upload.
            classifier.upload = self._upload(weights)
            classifier.state = Classifier.State.WAITING
            note = ""
        else:
            classifier.state = Classifier.State.FAILED
            classifier.problem = _(
                "Restored from a backup without weights. Import the model again to use it."
            )
            note = _("The weights of %(name)s were not in the backup.")
        try:
            with transaction.atomic():
                # As in an import: two at once must not both take the last room, nor the same name.
                locked(User.objects.filter(pk=self.owner.pk)).first()
                if classifier.upload:
                    check_model_room(self.owner, self.archive.getinfo(weights).file_size)
                classifier.name = self._free_name(Classifier.objects.filter(owner=self.owner), fields["name"])
                classifier.full_clean(exclude=["description", "compatibility", "owner"])
                classifier.save()
                hints.wake_studio()
        except BaseException:
            discard_upload(classifier)
            raise
        if note:
            self.restored.notes.append(note % {"name": classifier.name})
        self.restored.models += 1
        return classifier

    def _model_file(self, fields: Mapping[str, Any]) -> str:
        """The name within the archive of a model's weights, or of the ONNX file that it is; empty if not there."""
        name = f"models/{stored_file_name(fields['library'], fields['weights_sha256'])}"
        return name if fields["weights_sha256"] and name in self.names else ""

    def _check_weights(self, fields: Mapping[str, Any]) -> None:
        """Raises ValueError where a file is not what its name says: its name alone must not pass for having it."""
        name = self._model_file(fields)
        if name:
            with self.archive.open(name) as file:
                if hashlib.file_digest(file, "sha256").hexdigest() != fields["weights_sha256"]:
                    raise ValueError(f"{name} has another SHA-256 than its name says")

    def _has_room(self, weights: str) -> bool:
        try:
            check_model_room(self.owner, self.archive.getinfo(weights).file_size)
        except ValidationError:
            return False
        return True

    def _upload(self, name: str) -> str:
        target = f"{uuid.uuid4().hex}/{Path(name).name}"
        path = settings.UPLOADS_DIR / target
        path.parent.mkdir(parents=True)
        try:
            with self.archive.open(name) as source, path.open("wb") as file:
                shutil.copyfileobj(source, file)
        except BaseException:
            shutil.rmtree(path.parent, ignore_errors=True)
            raise
        return target

    def _free_name(self, rows: Any, name: str) -> str:
        name, number = name[:90], 1
        free = name
        while rows.filter(name=free).exists():
            number += 1
            free = f"{name} ({number})"
        return free

    def dataset(self, fields: Mapping[str, Any]) -> Dataset:
        if fields["fingerprint"]:
            visible = Dataset.objects.visible_to(self.owner).filter(fingerprint=fields["fingerprint"])
            found = visible.filter(name=fields["name"]).first() or visible.first()
            if found is not None:
                return found
        own = Dataset.objects.filter(owner=self.owner)
        # What an earlier restoring made.
        made = own.filter(name=fields["name"], path="", upload="", fingerprint="", format=fields["format"])
        found = made.filter(state=Dataset.State.FAILED).first()
        if found is not None:
            return found
        # Without the fingerprint: by that alone a worker's machine would fetch the images of whoever has them.
        kept = {name: value for name, value in fields.items() if name not in ("name", "fingerprint")}
        name = self._free_name(own, fields["name"])
        dataset = Dataset(
            owner=self.owner,
            name=name,
            state=Dataset.State.FAILED,
            problem=_("Restored from a backup, which has no images. Upload or register the data set again."),
            **kept,
        )
        dataset.full_clean(exclude=["owner", "path", "ground_truth", "classes", "problems"])
        dataset.save()
        self.restored.notes.append(
            _("The data set %(name)s is not here: its images cannot be shown.") % {"name": name}
        )
        return dataset

    # --- benchmarks ----------------------------------------------------------------------------------------

    def record(self, folder: str) -> dict[str, Any]:
        """A benchmark's record, checked, but for its measured values."""
        found = dict(_read(self.archive, f"{folder}/benchmark.json"))
        found["model"], found["dataset"] = (
            checked_classifier(found["model"]),
            checked_dataset(found["dataset"]),
        )
        found["specification"] = checked_specification(
            found["specification"], found["model"], found["dataset"]
        )
        if found["number_of_images"] != found["specification"]["subset"]["count"]:
            raise ValueError("a benchmark has another number of images than its specification")
        found |= {name: _moment(found[name]) for name in BENCHMARK_TIMES}
        if found["created"] is None:
            raise ValueError("a benchmark was never queued")
        for name in ("tags", "shared_with"):
            if not isinstance(found[name], list) or not all(isinstance(each, str) for each in found[name]):
                raise TypeError(f"{name} of a benchmark are no list of texts")
        found["events"] = [(*checked_event(each), _moment(each["created"])) for each in found["events"]]
        found["shards"] = list(self._shard_fields(found))
        self._benchmark(found).clean_fields(
            exclude=["owner", "classifier", "dataset", "specification", "figures"]
        )
        return found

    def _benchmark(self, record: Mapping[str, Any]) -> Benchmark:
        fields = {name: record[name] for name in BENCHMARK_FIELDS if name not in COMPUTED}
        if fields["state"] in Benchmark.UNFINISHED:
            fields["state"] = Benchmark.State.CANCELLED
        return Benchmark(
            owner=self.owner,
            specification=record["specification"],
            last_event_seq=len(record["events"]),
            figures_shards=sum(shard["state"] == Shard.State.DONE for shard in record["shards"]),
            **fields,
        )

    def _shard_fields(self, record: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
        """Fields of each shard, with `results`: indices of the experiments that it has values of."""
        specification, seen = record["specification"], set()
        methods, experiments = (len(specification[name]) for name in ("methods", "experiments"))
        for each in record["shards"]:
            fields = {name: each[name] for name in SHARD_FIELDS}
            fields |= {name: _moment(each[name]) for name in SHARD_TIMES}
            if fields["state"] == Shard.State.RUNNING:
                fields["state"] = Shard.State.WAITING
            place = fields["method_index"], fields["start"]
            if not (0 <= place[0] < methods and 0 <= place[1] < fields["stop"] <= record["number_of_images"]):
                raise ValueError("a shard is of no method or of no images")
            if place in seen or len(set(each["results"])) != len(each["results"]):
                raise ValueError("a shard is there twice")
            if any(type(index) is not int or not 0 <= index < experiments for index in each["results"]):
                raise ValueError("a result is of no experiment")
            seen.add(place)
            fields["environment"] = checked_environment(fields["environment"])
            Shard(**fields).clean_fields(exclude=["benchmark", "environment"])
            yield {**fields, "results": list(each["results"])}

    def _check_results(self, record: Mapping[str, Any], folder: str, share: Report) -> None:
        names: dict[tuple[int, int], list[str]] = defaultdict(list)
        for shard in record["shards"]:
            for experiment in shard["results"]:
                names[shard["method_index"], experiment].append(_result_name(folder, shard, experiment))
        for number, ((_method, index), parts) in enumerate(names.items()):
            share(number / len(names))
            chosen = record["specification"]["experiments"][index]
            columns = [checked_columns(*self._packed(name)) for name in parts]
            check_figures(columns, create_experiment(chosen["key"], chosen["protocol"]))

    def _packed(self, name: str) -> tuple[bytes, bytes]:
        return self.archive.read(f"{name}.scalars.npz"), self.archive.read(f"{name}.curves.npz")

    def _is_there(self, record: Mapping[str, Any]) -> bool:
        """Again the same backup: what is there stays as it is."""
        own = Benchmark.objects.owned_by(self.owner)
        return own.filter(created=record["created"], number_of_images=record["number_of_images"]).exists()

    def benchmark(self, folder: str, share: Report) -> None:
        record = self.record(folder)
        if self._is_there(record):
            self.restored.already_there += 1
            return
        benchmark = self._benchmark(record)
        benchmark.classifier, benchmark.dataset = (
            self.classifier(record["model"]),
            self.dataset(record["dataset"]),
        )
        specification, dataset = benchmark.specification, benchmark.dataset
        specification["classifier"] = {**specification["classifier"], "id": benchmark.classifier.pk}
        specification["dataset"] = {**specification["dataset"], "id": dataset.pk, "path": dataset.path}
        if record["state"] in Benchmark.UNFINISHED:
            self.restored.notes.append(
                _("Benchmark #%(number)s was not finished: it is restored as cancelled and can be resumed.")
                % {"number": int(record["number"])}
            )
        self._write(benchmark, record, folder, share)
        self.restored.benchmarks += 1

    def _write(self, benchmark: Benchmark, record: Mapping[str, Any], folder: str, share: Report) -> None:
        """Bit by bit, and until all of it is there deleted, so that nobody meets a part of it."""
        final = {"state": benchmark.state, "problem": benchmark.problem}
        benchmark.state, benchmark.problem, benchmark.deleted = (
            Benchmark.State.CANCELLED,
            BEING_RESTORED,
            database_time(),
        )
        try:
            shards = self._begin(benchmark, record)
            names = [
                (shard, experiment, _result_name(folder, fields, experiment))
                for shard, fields in zip(shards, record["shards"], strict=True)
                for experiment in fields["results"]
            ]
            for first in range(0, len(names), RESULTS_AT_ONCE):
                share(first / len(names))
                # Read before they are written: a transaction holds up everybody on SQLite.
                results = [self._result(*each) for each in names[first : first + RESULTS_AT_ONCE]]
                ShardResult.objects.bulk_create(results)
            times = {name: record[name] for name in BENCHMARK_TIMES}
            Benchmark.objects.filter(pk=benchmark.pk).update(
                **final, **times, deleted=None, figures_complete=False
            )
        except BaseException:
            Benchmark.objects.filter(pk=benchmark.pk).delete()
            raise

    @transaction.atomic
    def _begin(self, benchmark: Benchmark, record: Mapping[str, Any]) -> list[Shard]:
        """All but the measured values. What an earlier attempt at it left, whose process was killed, is removed."""
        left = Benchmark.objects.filter(owner=self.owner, deleted__isnull=False, problem=BEING_RESTORED)
        left.delete()
        benchmark.save()
        for tag in {tag[:40] for tag in record["tags"]}:
            BenchmarkTag.objects.create(benchmark=benchmark, name=tag)
        for user in User.objects.filter(username__in=record["shared_with"]).exclude(pk=self.owner.pk):
            BenchmarkShare.objects.create(benchmark=benchmark, user=user)
        self._write_events(benchmark, record["events"])
        shards = [
            Shard(benchmark=benchmark, **{name: each[name] for name in (*SHARD_FIELDS, *SHARD_TIMES)})
            for each in record["shards"]
        ]
        return list(Shard.objects.bulk_create(shards, batch_size=AT_ONCE))

    def _result(self, shard: Shard, experiment: int, name: str) -> ShardResult:
        scalars, curves = self._packed(name)
        return ShardResult(shard=shard, experiment_index=experiment, scalars=scalars, curves=curves)

    def _write_events(self, benchmark: Benchmark, events: list[tuple[str, dict[str, Any], Any]]) -> None:
        rows = [
            BenchmarkEvent(benchmark=benchmark, seq=number + 1, kind=kind, payload=payload)
            for number, (kind, payload, _created) in enumerate(events)
        ]
        BenchmarkEvent.objects.bulk_create(rows, batch_size=AT_ONCE)
        # The moment of a new row is now, whatever it is given.
        for row, (_kind, _payload, created) in zip(rows, events, strict=True):
            row.created = created
        BenchmarkEvent.objects.bulk_update(rows, ["created"], batch_size=AT_ONCE)


def _result_name(folder: str, shard: Mapping[str, Any], experiment: int) -> str:
    return f"{folder}/shards/{shard['method_index']}-{shard['start']}-{experiment}"


def _moment(text: str | None) -> datetime | None:
    if text is None:
        return None
    moment = parse_datetime(text)
    if moment is None or moment.tzinfo is None:
        raise ValueError(f"{text!r:.80} is not a moment")
    return moment
