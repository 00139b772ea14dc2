"""A backup: everything that is a member's own, in one ZIP from which it can be restored.

README.txt                         what is what
profile.json                       the member
settings.json                      method settings, saved views
models.json, models/*              records of the member's own models; weights where they were asked for
studio.json                        records of the maps asked for in the studio
benchmarks/N/benchmark.json        specification, state, figures, notes, tags, shares, log, shards
benchmarks/N/shards/*.npz          the measured values, exactly
benchmarks/N/*.csv, results.json, report.txt, images/*.csv   the same to read
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from django.conf import settings
from django.utils import timezone

from saliency_core.output.folder import file_names
from webapp.accounts.models import User
from webapp.backups.records import (
    SCHEMA,
    benchmark_record,
    classifier_record,
    profile_record,
    settings_record,
    studio_records,
)
from webapp.benchmarks import exports
from webapp.benchmarks.models import Benchmark, ShardResult
from webapp.benchmarks.results import places_of
from webapp.library.models import Classifier
from webapp.library.stored_files import stored_file_name

Report = Callable[[float], None]


def write_backup(
    owner: User, path: Path, *, with_weights: bool = False, report: Report = lambda _share: None
) -> dict[str, Any]:
    """Writes the member's backup to `path` in one step and returns what is in it, counted. `report` is told the share
    that is done, and may raise to stop.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    benchmarks = list(Benchmark.objects.owned_by(owner).order_by("pk"))
    own = list(Classifier.objects.owned_by(owner))
    try:
        with zipfile.ZipFile(part, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
            _json(archive, "profile.json", profile_record(owner))
            _json(archive, "settings.json", settings_record(owner))
            _json(archive, "models.json", [classifier_record(each) for each in own])
            maps = studio_records(owner)
            _json(archive, "studio.json", maps)
            weights = _write_weights(archive, own) if with_weights else []
            for number, benchmark in enumerate(benchmarks):

                def within(share: float, number: int = number) -> None:
                    report((number + share) / len(benchmarks))

                _write_benchmark(archive, benchmark, within)
            counts = {
                "benchmarks": len(benchmarks),
                "models": len(own),
                "weights": len(weights),
                "maps": len(maps),
            }
            archive.writestr("README.txt", _readme(owner, counts))
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
    return counts


def _write_weights(archive: zipfile.ZipFile, classifiers: list[Classifier]) -> list[str]:
    """The weights that are there, each once."""
    written = []
    # Of those that a worker has found: a row alone says nothing of whose weights they are.
    ready = [each for each in classifiers if each.is_ready]
    files = {each.weights_sha256: stored_file_name(each.library, each.weights_sha256) for each in ready}
    for digest, name in files.items():
        file = settings.WEIGHTS_DIR / name
        if digest and file.is_file():
            # Weights hardly get smaller.
            archive.write(file, f"models/{name}", zipfile.ZIP_STORED)
            written.append(digest)
    return written


def _write_benchmark(archive: zipfile.ZipFile, benchmark: Benchmark, report: Report) -> None:
    folder = f"benchmarks/{benchmark.pk}"
    _json(archive, f"{folder}/benchmark.json", benchmark_record(benchmark))
    results = ShardResult.objects.filter(shard__benchmark=benchmark).select_related("shard").order_by("pk")
    total = max(1, results.count())
    for number, result in enumerate(results.iterator(chunk_size=8)):
        name = f"{folder}/shards/{result.shard.method_index}-{result.shard.start}-{result.experiment_index}"
        archive.writestr(f"{name}.scalars.npz", bytes(result.scalars))
        archive.writestr(f"{name}.curves.npz", bytes(result.curves))
        report(0.6 * (number + 1) / total)
    archive.writestr(f"{folder}/report.txt", exports.report_text(benchmark))
    archive.writestr(f"{folder}/results.json", exports.results_json(benchmark, with_images=False))
    for name in exports.TABLES:
        archive.writestr(f"{folder}/{name}.csv", "".join(exports.table_lines(benchmark, name)))
    places = places_of(benchmark)
    names = file_names(exports.summarised_results(benchmark))
    for number, ((method, experiment), name) in enumerate(zip(places, names, strict=True)):
        lines = exports.image_lines(benchmark, method_index=method, experiment_index=experiment)
        with archive.open(f"{folder}/images/{name}.csv", "w") as file:
            for line in lines:
                file.write(line.encode())
        report(0.6 + 0.4 * (number + 1) / len(places))


def _json(archive: zipfile.ZipFile, name: str, content: Any) -> None:
    archive.writestr(name, json.dumps(content, ensure_ascii=False, indent=1, default=str))


def _readme(owner: User, counts: dict[str, int]) -> str:
    return f"""Saliscope backup ({SCHEMA})

Of {owner.username}, account number {owner.account_number}, made {timezone.now():%Y-%m-%d %H:%M} UTC.
{counts["benchmarks"]} benchmarks, {counts["models"]} own models ({counts["weights"]} with weights),
{counts["maps"]} maps of the studio.

profile.json       name, number, e-mail, language, theme; no password, no tokens
settings.json      method settings by model, and saved views of the list of benchmarks
models.json        own models: architecture, SHA-256 of the weights, preprocessing, class names
models/            their weights as safetensors, or networks as ONNX, if they were asked for
studio.json        what was asked for in the studio: image, class, method and parameters of every map
benchmarks/N/      benchmark number N
  benchmark.json     specification, state, figures, notes, tags, shares, log
  shards/            measured values, as NumPy archives, exactly as they were delivered
  report.txt         figures with intervals and provenance
  results.json       figures, curves, bins and classes (saliscope-results/1)
  summary.csv, classes.csv, bins.csv, curves.csv; images/: one row an image of each method and experiment

Values in results.json are fractions of 1 where the unit is percent; in the CSV tables they are in the unit that the
column "unit" names, but for the tables of images, whose values are as measured. Images of data sets are not in here.

To restore: Account, Backup, "Restore"; or on the server
  python manage.py restore_backup FILE --owner NAME
"""
