"""A member's backup, and what comes back from it."""

from __future__ import annotations

import hashlib
import io
import json
import os
import zipfile
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
from asgiref.sync import async_to_sync
from channels.layers import get_channel_layer
from django.core.exceptions import ValidationError
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import CommandError, call_command
from django.db import InterfaceError, OperationalError
from django.test import Client
from django.utils import timezone

from saliency_core.experiments.columns import Columns
from tests.web import factories, many_methods
from tests.web.api_calls import administrator, script_of
from tests.web.test_comparisons import finished
from webapp.accounts.models import User
from webapp.backups import services
from webapp.backups.restoring import BackupProblem, restore_backup
from webapp.backups.writing import write_backup
from webapp.benchmarks import exports
from webapp.benchmarks.archives import archive_notice, request_archive
from webapp.benchmarks.deletion import BEING_RESTORED, deleted_benchmarks
from webapp.benchmarks.models import Benchmark, BenchmarkShare, BenchmarkTag, SavedView, ShardResult
from webapp.benchmarks.services import resume_benchmark
from webapp.benchmarks.transitions import TransitionRefused
from webapp.jobs.models import Job
from webapp.jobs.services import (
    JobLost,
    claim_job,
    fail_job,
    job_group,
    reclaim_lost_jobs,
    remove_old_jobs,
)
from webapp.jobs.stray_files import remove_stray_job_files
from webapp.library.models import Classifier, Dataset, MethodSettings
from webapp.library.services import discard_weights
from webapp.studio.services import explain_benchmark_images
from workers import jobs, reconciler

pytestmark = pytest.mark.django_db
PAGE = "/account/backup/"
SHA256 = hashlib.sha256(b"the weights").hexdigest()


@pytest.fixture(autouse=True)
def own_state_folder(settings, tmp_path) -> None:
    settings.STATE_DIR = tmp_path
    settings.WEIGHTS_DIR = tmp_path / "weights"
    settings.UPLOADS_DIR = tmp_path / "uploads"
    settings.WEIGHTS_DIR.mkdir()
    settings.UPLOADS_DIR.mkdir()


@pytest.fixture
def member(client: Client) -> User:
    found = factories.member(username="Ada")
    client.force_login(found)
    return found


def everything(benchmark: Benchmark) -> dict[str, object]:
    """All that a benchmark shows and lets take away, without numbers of rows and of the server."""
    for _ in range(40):
        reconciler.reconcile()
        benchmark.refresh_from_db()
        if benchmark.figures_complete:
            break
    places = [
        (m, e)
        for m in range(len(benchmark.specification["methods"]))
        for e in range(len(benchmark.specification["experiments"]))
    ]
    return {
        "figures": benchmark.figures,
        "csv": [
            "".join(exports.image_lines(benchmark, method_index=m, experiment_index=e)) for m, e in places
        ],
        "tables": {name: "".join(exports.table_lines(benchmark, name)) for name in exports.TABLES},
        "latex": exports.latex_text(benchmark),
        "json": exports.results_json(benchmark),
        "report": exports.report_text(benchmark).replace(f"#{benchmark.pk} ", "# "),
        "comparisons": [row.content for row in benchmark.comparisons.order_by("experiment_index")],
        "tags": sorted(tag.name for tag in benchmark.tags.all()),
        "shares": sorted(share.user.username for share in benchmark.shares.all()),
        # As the log shows them; figures that are computed anew are told of.
        "events": [
            (each.seq, each.kind, each.payload, each.created)
            for each in benchmark.events.exclude(kind="figures")
        ],
        "row": (benchmark.name, benchmark.notes, benchmark.state, benchmark.created, benchmark.finished),
    }


def test_what_was_backed_up_comes_back_exactly(member: User, tmp_path: Path) -> None:
    colleague = factories.member(username="Grace")
    classifier = factories.classifier(owner=member, name="My VGG")
    benchmark = finished(member, methods=3, experiments=2, failed=(3,), classifier=classifier)
    Benchmark.objects.filter(pk=benchmark.pk).update(name="=1+1", notes="Two lines\nof notes")
    BenchmarkTag.objects.create(benchmark=benchmark, name="thesis")
    BenchmarkShare.objects.create(benchmark=benchmark, user=colleague)
    MethodSettings.objects.create(
        owner=member, classifier=classifier, method="msg_cam", parameters={"groups": 16}
    )
    SavedView.objects.create(owner=member, name="Mine", query="state=succeeded")
    benchmark.refresh_from_db()
    before = everything(benchmark)
    counts = write_backup(member, tmp_path / "backup.zip")
    assert counts == {"benchmarks": 1, "models": 1, "weights": 0, "maps": 0}

    benchmark.delete()
    MethodSettings.objects.all().delete()
    SavedView.objects.all().delete()
    restored = restore_backup(member, tmp_path / "backup.zip")
    assert (restored.benchmarks, restored.settings, restored.views, restored.models) == (1, 1, 1, 0)
    found = Benchmark.objects.owned_by(member).get()
    assert found.classifier == classifier
    assert everything(found) == before
    assert found.figures_complete
    assert MethodSettings.objects.get().parameters == {"groups": 16}
    assert SavedView.objects.get().query == "state=succeeded"

    again = restore_backup(member, tmp_path / "backup.zip")
    assert (again.benchmarks, again.already_there) == (0, 1)
    assert Benchmark.objects.count() == 1


def test_another_installation_has_neither_model_nor_images(member: User, tmp_path: Path) -> None:
    benchmark = finished(
        member, methods=2, experiments=1, classifier=factories.classifier(owner=member, name="Mine")
    )
    figures = benchmark.figures
    write_backup(member, tmp_path / "backup.zip")
    benchmark.delete()
    Classifier.objects.all().delete()
    Dataset.objects.all().delete()
    restored = restore_backup(member, tmp_path / "backup.zip")
    found = Benchmark.objects.get()
    assert everything(found)["figures"] == figures
    assert (found.classifier.state, found.dataset.state) == ("failed", "failed")
    assert found.specification["dataset"]["path"] == ""
    assert len(restored.notes) == 2


@pytest.mark.parametrize(("library", "suffix"), [("torchvision", "safetensors"), ("onnx", "onnx")])
def test_weights_come_back_the_way_of_an_upload(
    library: str, suffix: str, member: User, settings, tmp_path: Path
) -> None:
    factories.classifier(owner=member, name="Mine", library=library, weights_sha256=SHA256)
    (settings.WEIGHTS_DIR / f"{SHA256}.{suffix}").write_bytes(b"the weights")
    assert write_backup(member, tmp_path / "backup.zip", with_weights=True)["weights"] == 1
    Classifier.objects.all().delete()
    restore_backup(member, tmp_path / "backup.zip")
    found = Classifier.objects.get()
    assert (found.state, found.owner) == ("waiting", member)
    assert (settings.UPLOADS_DIR / found.upload).read_bytes() == b"the weights"
    assert found.upload.endswith(f".{suffix}")


def test_a_backup_says_nothing_of_the_server_and_of_others(member: User, tmp_path: Path) -> None:
    own = factories.queued_benchmark(member, dataset=factories.dataset(path="/secret/folder"))
    factories.queued_benchmark()
    write_backup(member, tmp_path / "backup.zip")
    with zipfile.ZipFile(tmp_path / "backup.zip") as archive:
        assert {name.split("/")[1] for name in archive.namelist() if "/" in name} == {str(own.pk)}
        text = b"".join(archive.read(name) for name in archive.namelist())
        assert b"/secret" not in text
        assert member.password.encode() not in text
        assert "python manage.py restore_backup" in archive.read("README.txt").decode()


def changed(path: Path, name: str, change) -> Path:
    """The backup with one JSON file changed."""
    target = path.with_name("changed.zip")
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(target, "w") as new:
        for each in old.namelist():
            content = old.read(each)
            if each.endswith(name):
                content = json.dumps(change(json.loads(content))).encode()
            new.writestr(each, content)
    return target


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("profile.json", lambda found: {**found, "schema": "other/1"}),
        ("benchmark.json", lambda found: {**found, "specification": {}}),
        ("benchmark.json", lambda found: {**found, "state": "bewitched"}),
        ("benchmark.json", lambda found: {**found, "created": "yesterday"}),
        ("benchmark.json", lambda found: {**found, "shards": [{**found["shards"][0], "method_index": 7}]}),
        (
            "settings.json",
            lambda found: {**found, "methods": [{"method": "none", "parameters": {}, "model": {}}]},
        ),
    ],
)
def test_what_is_no_backup_is_refused_whole(member: User, tmp_path: Path, name: str, change) -> None:
    finished(member, methods=1, experiments=1, images=6)
    write_backup(member, tmp_path / "backup.zip")
    Benchmark.objects.all().delete()
    with pytest.raises(BackupProblem):
        restore_backup(member, changed(tmp_path / "backup.zip", name, change))
    assert Benchmark.objects.count() == 0
    (tmp_path / "text.zip").write_text("no zip")
    with pytest.raises(BackupProblem, match="not a ZIP"):
        restore_backup(member, tmp_path / "text.zip")


def _without_figures(found):
    """A result that says nothing of any figure of its experiment."""
    return {**found, "figures": {"entries": "none"}, "summaries": [{"content": []}], "comparisons": 7}


def test_figures_in_a_changed_backup_are_not_believed(client: Client, member: User, tmp_path: Path) -> None:
    benchmark = finished(member, methods=2, experiments=1, images=6)
    Benchmark.objects.filter(pk=benchmark.pk).update(name="Figures")
    before = everything(benchmark)
    write_backup(member, tmp_path / "backup.zip")
    benchmark.delete()
    restore_backup(member, changed(tmp_path / "backup.zip", "benchmark.json", _without_figures))
    found = Benchmark.objects.get()
    for address in ("/benchmarks/", f"/benchmarks/{found.pk}/"):
        assert client.get(address).status_code == 200
    assert everything(found) == before
    for address in ("/benchmarks/", f"/benchmarks/{found.pk}/"):
        assert client.get(address).status_code == 200


def _in_specification(part: str, **values):
    def change(found):
        specification = found["specification"]
        return {**found, "specification": {**specification, part: {**specification[part], **values}}}

    return change


def _in_model(**values):
    return lambda found: {**found, "model": {**found["model"], **values}}


def _in_shard(**values):
    return lambda found: {**found, "shards": [{**found["shards"][0], **values}]}


@pytest.mark.parametrize(
    "change",
    [
        _in_model(weights_sha256="*"),
        _in_model(weights_sha256="../" * 20),
        _in_model(library="pickle"),
        _in_model(architecture="../x"),
        _in_model(class_names={"a": 1}),
        _in_model(class_names=[1]),
        _in_model(preprocessing={}),
        _in_model(earlier_preprocessings=["x"]),
        _in_model(output_activation="none"),
        _in_model(name="a\0b"),
        _in_specification("classifier", weights_sha256="ef" * 32),
        _in_specification("classifier", preprocessing={"size": 10**9}),
        _in_specification("classifier", activation=["x"]),
        _in_specification("dataset", fingerprint="../../secret"),
        _in_specification("subset", count="all"),
        _in_specification("subset", count=5),
        _in_specification("dataset", number_of_images=5),
        _in_specification("dataset", fingerprint=""),
        lambda found: {
            **found,
            "number_of_images": 2**31 - 1,
            "specification": {**found["specification"], "subset": {"count": 2**31 - 1, "seed": 0}},
        },
        lambda found: {
            **found,
            "specification": {**found["specification"], "subset": [["count", 6], ["seed", 0]]},
        },
        lambda found: {
            **found,
            "specification": {**found["specification"], "class_mapping": [["dog", ["pug"]]]},
        },
        lambda found: {**found, "specification": {**found["specification"], "precision": []}},
        lambda found: {**found, "specification": {**found["specification"], "methods": []}},
        lambda found: {**found, "dataset": {**found["dataset"], "fingerprint": "*"}},
        lambda found: {**found, "dataset": {**found["dataset"], "ground_truth": [[]]}},
        lambda found: {
            **found,
            "events": [{"kind": "shard_done", "payload": {"start": "x"}, "created": None}],
        },
        lambda found: {**found, "events": [{"kind": "failed", "payload": {"problem": []}, "created": None}]},
        lambda found: {**found, "tags": [{}]},
        lambda found: {**found, "number_of_images": 10**30},
        _in_shard(environment=[]),
        _in_shard(environment={"versions": "x"}),
        _in_shard(stop=10**6),
        _in_shard(results=[0, 0]),
        _in_shard(attempt=float("nan")),
    ],
)
def test_a_changed_backup_is_refused_whole(member: User, settings, tmp_path: Path, change) -> None:
    kept = settings.WEIGHTS_DIR / f"{SHA256}.safetensors"
    kept.write_bytes(b"somebody's weights")
    many_methods.benchmark(member, methods=1, experiments=1, images=6)
    write_backup(member, tmp_path / "backup.zip")
    Benchmark.objects.all().delete()
    Classifier.objects.all().delete()
    before = Dataset.objects.count()
    with pytest.raises(BackupProblem, match="damaged or was changed"):
        restore_backup(member, changed(tmp_path / "backup.zip", "benchmark.json", change))
    assert (Benchmark.objects.count(), Classifier.objects.count(), Dataset.objects.count()) == (0, 0, before)
    assert kept.exists() and list(settings.UPLOADS_DIR.iterdir()) == []


@pytest.mark.parametrize(
    "change",
    [
        lambda columns: columns.scalars.clear(),
        lambda columns: columns.scalars.update({name: np.array([["x"]] * 6) for name in columns.scalars}),
        lambda columns: columns.scalars.update({name: np.array(["x"] * 6) for name in columns.scalars}),
        lambda columns: columns.scalars.update({name: np.full(6, np.inf) for name in columns.scalars}),
        lambda columns: columns.failures.append({"index": "x"}),
        lambda columns: columns.images.__setitem__(0, 7),
    ],
)
def test_measured_values_that_give_no_figures_are_refused(member: User, tmp_path: Path, change) -> None:
    many_methods.benchmark(member, methods=1, experiments=1, images=6)
    write_backup(member, tmp_path / "backup.zip")
    Benchmark.objects.all().delete()
    target = tmp_path / "changed.zip"
    with zipfile.ZipFile(tmp_path / "backup.zip") as old, zipfile.ZipFile(target, "w") as new:
        for name in old.namelist():
            content = old.read(name)
            if name.endswith(".scalars.npz"):
                columns = Columns.unpack(content)
                change(columns)
                content = columns.pack()[0]
            new.writestr(name, content)
    with pytest.raises(BackupProblem, match="damaged or was changed"):
        restore_backup(member, target)
    assert Benchmark.objects.count() == 0


def test_whoever_names_weights_and_images_does_not_have_them(
    client: Client, member: User, settings, tmp_path: Path
) -> None:
    """A backup of a colleague's weights and images by their SHA-256 alone, restored by somebody else."""
    colleague = factories.member(username="Grace")
    model = factories.classifier(owner=colleague, name="Secret", weights_sha256=SHA256)
    images = factories.dataset(owner=colleague, name="Secret images", fingerprint="ef" * 32)
    (settings.WEIGHTS_DIR / f"{SHA256}.safetensors").write_bytes(b"the weights")
    theirs = finished(colleague, methods=1, experiments=1, images=6, classifier=model, dataset=images)
    write_backup(colleague, tmp_path / "backup.zip")
    restore_backup(member, tmp_path / "backup.zip")
    mine = Benchmark.objects.owned_by(member).get()
    assert (mine.classifier.owner, mine.classifier.weights_sha256) == (member, "")
    assert (mine.dataset.owner, mine.dataset.fingerprint) == (member, "")
    assert write_backup(member, tmp_path / "own.zip", with_weights=True)["weights"] == 0
    Benchmark.objects.filter(pk=mine.pk).update(state="cancelled")
    mine.refresh_from_db()
    with pytest.raises(TransitionRefused, match="weights that it was begun with"):
        resume_benchmark(mine)
    Classifier.objects.filter(pk=model.pk).update(shared_with_lab=True)
    with pytest.raises(TransitionRefused, match="images that it was begun with"):
        resume_benchmark(mine)
    Dataset.objects.filter(pk=images.pk).update(shared_with_lab=True)
    resume_benchmark(mine)

    drawn = explain_benchmark_images(owner=member, benchmark=mine, images=[("00000.jpg", 1)])
    of_colleague = explain_benchmark_images(owner=colleague, benchmark=theirs, images=[("00000.jpg", 1)])
    assert drawn["00000.jpg"].digest != of_colleague["00000.jpg"].digest

    restore_backup(member, tmp_path / "backup.zip")
    assert Classifier.objects.filter(owner=member).count() == 1


def test_a_file_that_is_not_what_its_name_says_is_refused(member: User, settings, tmp_path: Path) -> None:
    factories.classifier(owner=member, name="Mine", weights_sha256="12" * 32)
    (settings.WEIGHTS_DIR / f"{'12' * 32}.safetensors").write_bytes(b"other weights")
    write_backup(member, tmp_path / "backup.zip", with_weights=True)
    Classifier.objects.all().delete()
    with pytest.raises(BackupProblem, match="another SHA-256"):
        restore_backup(member, tmp_path / "backup.zip")
    assert Classifier.objects.count() == 0 and list(settings.UPLOADS_DIR.iterdir()) == []


@pytest.mark.parametrize("name", ["*", "?" * 64, "../x", ""])
def test_only_a_sha256_names_files_to_remove(settings, name: str) -> None:
    kept = settings.WEIGHTS_DIR / f"{SHA256}.safetensors"
    kept.write_bytes(b"weights")
    discard_weights(name)
    assert kept.exists()
    discard_weights(SHA256)
    assert not kept.exists()


def test_a_path_in_a_changed_backup_is_not_believed(member: User, tmp_path: Path) -> None:
    finished(member, methods=1, experiments=1, images=6, dataset=factories.dataset(path="/right"))
    write_backup(member, tmp_path / "backup.zip")
    Benchmark.objects.all().delete()

    def lie(found):
        found["specification"]["dataset"]["path"] = "/etc"
        return {**found, "owner": 1}

    restore_backup(member, changed(tmp_path / "backup.zip", "benchmark.json", lie))
    assert Benchmark.objects.get().specification["dataset"]["path"] == "/right"


def test_the_page_makes_downloads_and_restores(client: Client, member: User) -> None:
    benchmark = finished(member, methods=1, experiments=1, images=6)
    assert client.post(PAGE).status_code == 302
    client.post(PAGE)
    job = Job.objects.get()
    assert f"/ws/jobs/{job.pk}/" in client.get(PAGE).content.decode()
    download = f"{PAGE}{job.pk}/saliscope-backup.zip"
    assert client.get(download).status_code == 404
    jobs.run_waiting_jobs()
    html = client.get(PAGE).content.decode()
    assert "1 benchmark," in html and download in html
    answer = client.get(download)
    content = b"".join(answer.streaming_content)
    assert answer["Content-Length"] == str(len(content)) == str(Job.objects.get().size)
    benchmark.delete()
    upload = SimpleUploadedFile("backup.zip", content)
    assert client.post(f"{PAGE}restore/", {"file": upload}).status_code == 302
    jobs.run_waiting_jobs()
    assert Benchmark.objects.owned_by(member).count() == 1
    assert "1 benchmark restored" in client.get(PAGE).content.decode()
    refused = client.post(f"{PAGE}restore/", {"file": SimpleUploadedFile("x.zip", b"nothing")})
    assert refused.status_code == 422 and "This is not a ZIP" in refused.content.decode()
    assert client.post(f"{PAGE}{job.pk}/delete/").status_code == 302
    assert not job.path.exists()


def test_nobody_else_has_a_members_backup(client: Client, member: User) -> None:
    job = services.request_backup(owner=member)
    jobs.run_waiting_jobs()
    addresses = [f"{PAGE}{job.pk}/{name}" for name in ("cancel/", "delete/")]
    download = f"{PAGE}{job.pk}/saliscope-backup.zip"
    for stranger in (factories.member(), administrator()):
        client.force_login(stranger)
        assert client.get(download).status_code == 404
        assert {client.post(address).status_code for address in addresses} == {404}
        assert script_of(stranger).get(f"backups/{job.pk}").status_code == 404
    client.logout()
    assert client.get(download)["Location"].startswith("/sign-in/")
    assert script_of(member).get(f"backups/{job.pk}").json()["state"] == "ready"


def test_a_cancelled_backup_stops_and_leaves_nothing(client: Client, member: User) -> None:
    many_methods.benchmark(member, methods=1, experiments=1)
    job = services.request_backup(owner=member)
    claimed = claim_job()
    client.post(f"{PAGE}{job.pk}/cancel/")

    def report(_share: float) -> None:
        from webapp.jobs.services import report_progress

        report_progress(claimed, 0.5)

    with pytest.raises(JobLost):
        write_backup(member, claimed.path, report=report)
    assert list(claimed.path.parent.iterdir()) == []
    job.refresh_from_db()
    assert job.state == "cancelled"


def test_backups_are_kept_for_a_while(member: User) -> None:
    for _ in range(4):
        services.request_backup(owner=member)
        jobs.run_waiting_jobs()
    kept = list(Job.objects.all())
    assert len(kept) == services.KEPT_BACKUPS
    Job.objects.filter(pk=kept[0].pk).update(finished=timezone.now() - timedelta(days=4))
    assert remove_old_jobs() == 1
    assert not kept[0].path.exists() and kept[1].path.exists()


def test_a_lost_job_is_done_again(member: User) -> None:
    job = services.request_backup(owner=member)
    claim_job()
    Job.objects.update(lease_expires=timezone.now() - timedelta(seconds=1))
    reconciler.reconcile()
    assert jobs.run_waiting_jobs() == 1
    job.refresh_from_db()
    assert (job.state, job.attempt) == ("ready", 2)


def _restoring(member: User, tmp_path: Path) -> Job:
    """A backup of one benchmark that waits for being restored; the benchmark is gone."""
    many_methods.benchmark(member, methods=1, experiments=1, images=60, per_shard=2)
    write_backup(member, tmp_path / "backup.zip")
    Benchmark.objects.all().delete()
    upload = SimpleUploadedFile("backup.zip", (tmp_path / "backup.zip").read_bytes())
    return services.request_restoring(owner=member, upload=upload)


def test_a_restoring_that_is_stopped_begins_anew(member: User, tmp_path: Path, monkeypatch) -> None:
    job = _restoring(member, tmp_path)

    def stop(*_: object) -> None:
        # As the signal does, when half of the values are written.
        if ShardResult.objects.count() >= 16:
            raise jobs.Stopped

    with monkeypatch.context() as stopping:
        stopping.setattr(jobs, "REPORT_SECONDS", 0.0)
        stopping.setattr(jobs.services, "report_progress", stop)
        with pytest.raises(jobs.Stopped):
            jobs.run_job(claim_job())
    job.refresh_from_db()
    assert (job.state, job.attempt, job.path.exists()) == ("waiting", 0, True)
    assert Benchmark.objects.count() == 0
    jobs.run_waiting_jobs()
    job.refresh_from_db()
    assert (job.state, job.content["benchmarks"], job.path.exists()) == ("ready", 1, False)
    assert ShardResult.objects.count() == 30


@pytest.mark.parametrize("away", [OperationalError, InterfaceError])
def test_a_database_that_is_away_is_no_damage_of_the_file(
    member: User, tmp_path: Path, monkeypatch, away: type[Exception]
) -> None:
    job = _restoring(member, tmp_path)

    def lost(*_: object) -> None:
        raise away("server closed the connection unexpectedly")

    with monkeypatch.context() as patched:
        patched.setattr(jobs.signal, "signal", lambda *_: None)
        patched.setattr("webapp.backups.restoring._Restoring._result", lost)
        assert jobs.main() == 1
    job.refresh_from_db()
    assert (job.state, job.problem, job.path.exists()) == ("running", "", True)
    Job.objects.update(lease_expires=timezone.now() - timedelta(seconds=1))
    assert reclaim_lost_jobs() == 1
    assert jobs.run_waiting_jobs() == 1
    job.refresh_from_db()
    assert (job.state, job.content["benchmarks"]) == ("ready", 1)
    assert ShardResult.objects.count() == 30


def test_figures_of_what_is_half_restored_wait_until_all_of_it_is_there(member: User) -> None:
    benchmark = finished(member, methods=1, experiments=1, images=6)
    rows = Benchmark.objects.filter(pk=benchmark.pk)
    rows.update(
        state="cancelled", deleted=timezone.now(), problem=BEING_RESTORED, figures={}, figures_complete=False
    )
    reconciler.complete_ended_benchmark()
    assert rows.values_list("figures", "figures_complete").get() == ({}, False)
    rows.update(state="succeeded", deleted=None, problem="")
    while not rows.get().figures_complete:
        reconciler.complete_ended_benchmark()
    assert rows.get().figures["images"] == 6


def test_a_restoring_that_is_cancelled_stops(
    client: Client, member: User, tmp_path: Path, monkeypatch
) -> None:
    job = _restoring(member, tmp_path)
    monkeypatch.setattr(jobs, "REPORT_SECONDS", 0.0)
    report = jobs.services.report_progress

    def cancel_half_way(its: Job, progress: float) -> None:
        if progress > 0.5:
            client.post(f"{PAGE}{job.pk}/cancel/")
        report(its, progress)

    monkeypatch.setattr(jobs.services, "report_progress", cancel_half_way)
    jobs.run_waiting_jobs()
    job.refresh_from_db()
    assert (job.state, job.path.exists()) == ("cancelled", False)
    assert Benchmark.objects.count() == 0


def test_who_lost_a_restoring_leaves_the_file_to_who_has_it(member: User, tmp_path: Path) -> None:
    job = _restoring(member, tmp_path)
    lost = claim_job()
    Job.objects.update(lease_expires=timezone.now() - timedelta(seconds=1))
    assert reclaim_lost_jobs() == 1
    assert not fail_job(lost, "too late")
    assert job.path.exists()
    assert jobs.run_waiting_jobs() == 1
    job.refresh_from_db()
    assert job.state == "ready"


def test_nothing_is_seen_of_a_benchmark_before_all_of_it_is_there(
    client: Client, member: User, tmp_path: Path
) -> None:
    _restoring(member, tmp_path)
    seen = []

    def report(share: float) -> None:
        seen.append((Benchmark.objects.owned_by(member).count(), deleted_benchmarks(member).count()))

    restore_backup(member, tmp_path / "backup.zip", report)
    assert seen[-1] == (1, 0) and set(seen[:-1]) == {(0, 0)}
    # A process was killed: what it left is removed by the next attempt.
    Benchmark.objects.update(deleted=timezone.now(), problem=BEING_RESTORED, created=timezone.now())
    restore_backup(member, tmp_path / "backup.zip")
    assert Benchmark.objects.count() == 1 and Benchmark.objects.owned_by(member).count() == 1


def test_two_restorings_at_once_are_refused(member: User, tmp_path: Path) -> None:
    job = _restoring(member, tmp_path)
    with pytest.raises(ValidationError, match="is being restored"):
        services.request_restoring(owner=member, upload=SimpleUploadedFile("backup.zip", b"PK\x03\x04"))
    assert list(job.path.parent.iterdir()) == [job.path]


def test_members_are_told_of_a_job_that_was_lost(member: User, settings, tmp_path: Path) -> None:
    benchmark = many_methods.benchmark(member, methods=1, experiments=1, images=6)
    job = request_archive(owner=member, benchmark=benchmark)
    layer, channel = get_channel_layer(), async_to_sync(get_channel_layer().new_channel)()
    async_to_sync(layer.group_add)(job_group(job.pk), channel)
    claim_job()
    Job.objects.update(attempt=3, lease_expires=timezone.now() - timedelta(seconds=1))
    job.path.parent.mkdir(parents=True, exist_ok=True)
    job.path.write_bytes(b"half")
    assert reclaim_lost_jobs() == 0
    job.refresh_from_db()
    assert (job.state, job.path.exists()) == ("failed", False)
    assert archive_notice(member, job.pk)["state"] == "failed"
    heard = []
    while not heard or heard[-1]["type"] != "job.changed":
        heard.append(async_to_sync(layer.receive)(channel))


def test_files_of_jobs_that_are_gone_are_removed_after_a_while(member: User, tmp_path: Path) -> None:
    job = services.request_backup(owner=member)
    jobs.run_waiting_jobs()
    folder = job.path.parent
    strays = [folder / "archive-9999.zip", folder / f"backup-{job.pk}.part", folder / f"uploading-{'a' * 32}"]
    kept = [folder / f"backup-{job.pk}.zip", folder / "notes.txt"]
    for path in (*strays, kept[1]):
        path.write_bytes(b"x")
    assert remove_stray_job_files() == 0
    for path in folder.iterdir():
        os.utime(path, (0, 0))
    assert remove_stray_job_files() == 3
    assert sorted(folder.iterdir()) == sorted(kept)


def test_commands(member: User, tmp_path: Path) -> None:
    benchmark = finished(member, methods=1, experiments=1, images=6)
    file = tmp_path / "by-hand.zip"
    call_command("write_backup", str(file), owner="ada", stdout=io.StringIO())
    benchmark.delete()
    output = io.StringIO()
    call_command("restore_backup", str(file), owner="ada", stdout=output)
    assert output.getvalue().startswith("1 benchmarks, 0 method settings")
    with pytest.raises(CommandError, match="no member"):
        call_command("restore_backup", str(file), owner="nobody")


def test_scripts(member: User) -> None:
    script = script_of(member)
    made = script.post("backups", {"with_weights": False})
    assert made.status_code == 202
    number = made.json()["id"]
    jobs.run_waiting_jobs()
    found = script.get(f"backups/{number}").json()
    assert found["state"] == "ready" and found["size"] > 0
    content = b"".join(script.get(f"backups/{number}/backup.zip").streaming_content)
    assert len(content) == found["size"]
    assert script.get("backups").json()["count"] == 1
    assert script.delete(f"backups/{number}").status_code == 204
    assert script.get("backups").json()["count"] == 0
