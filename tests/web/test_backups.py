"""A member's backup, and what comes back from it."""

from __future__ import annotations

import io
import json
import zipfile
from datetime import timedelta
from pathlib import Path

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import CommandError, call_command
from django.test import Client
from django.utils import timezone

from tests.web import factories, many_methods
from tests.web.api_calls import administrator, script_of
from tests.web.test_comparisons import finished
from webapp.accounts.models import User
from webapp.backups import services
from webapp.backups.restoring import BackupProblem, restore_backup
from webapp.backups.writing import write_backup
from webapp.benchmarks import exports
from webapp.benchmarks.models import Benchmark, BenchmarkShare, BenchmarkTag, SavedView
from webapp.jobs.models import Job
from webapp.jobs.services import JobLost, claim_job, remove_old_jobs
from webapp.library.models import Classifier, Dataset, MethodSettings
from workers import jobs, reconciler

pytestmark = pytest.mark.django_db
PAGE = "/account/backup/"


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
    reconciler.reconcile()
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
        "events": [(each.seq, each.kind, each.payload, each.created) for each in benchmark.events.all()],
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
    found.refresh_from_db()
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
    assert found.figures == figures
    assert (found.classifier.state, found.dataset.state) == ("failed", "failed")
    assert found.specification["dataset"]["path"] == ""
    assert len(restored.notes) == 2


@pytest.mark.parametrize(("library", "suffix"), [("torchvision", "safetensors"), ("onnx", "onnx")])
def test_weights_come_back_the_way_of_an_upload(
    library: str, suffix: str, member: User, settings, tmp_path: Path
) -> None:
    factories.classifier(owner=member, name="Mine", library=library, weights_sha256="12" * 32)
    (settings.WEIGHTS_DIR / f"{'12' * 32}.{suffix}").write_bytes(b"the weights")
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
