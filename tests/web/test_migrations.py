"""From the tables of the previous release, with rows in them, to today's and back."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.test import Client
from django.utils import timezone

from tests.web import factories
from tests.web.api_calls import finished_benchmark
from webapp.accounts.models import User
from webapp.benchmarks.figures import refresh_figures
from webapp.benchmarks.models import Benchmark, ShardResult
from webapp.library.models import Classifier, Dataset

pytestmark = pytest.mark.django_db(transaction=True)

RELEASED = [
    ("accounts", "0002_api_tokens"),
    ("library", "0001_initial"),
    ("benchmarks", "0003_result_summaries"),
    ("studio", "0003_pictures_and_curves"),
    ("jobs", None),
    ("audit", None),
]
"""The last migrations of the release before sharing, names, uploads of data sets and the audit log came."""
NEWER_TABLES = {
    "audit_auditevent",
    "benchmarks_benchmarkpin",
    "benchmarks_benchmarkshare",
    "benchmarks_benchmarktag",
    "benchmarks_savedview",
    "jobs_job",
    "jobs_jobturn",
    "library_methodsettings",
    "studio_studioturn",
}


def migrate(targets: list[tuple[str, str | None]]) -> Any:
    """Brings the tables to these migrations; the models as they were then."""
    MigrationExecutor(connection).migrate(targets)
    loader = MigrationExecutor(connection).loader
    return loader.project_state([each for each in targets if each[1]]).apps


def newest() -> list[tuple[str, str]]:
    return MigrationExecutor(connection).loader.graph.leaf_nodes()


@pytest.fixture
def released() -> Iterator[Any]:
    yield lambda: migrate(RELEASED)
    migrate(newest())


def test_rows_of_the_previous_release_come_through(released: Any, client: Client) -> None:
    owner = factories.member(username="ada")
    measured = finished_benchmark(owner)
    figures, results = measured.figures, packed(measured)
    assert len(results) == 2
    old = released()
    assert set(connection.introspection.table_names()) & NEWER_TABLES == set()
    # What the release itself would have written, beside what it finds of the benchmark.
    assert old.get_model("benchmarks", "Benchmark").objects.get(pk=measured.pk).figures == figures
    now = timezone.now()
    member = old.get_model("accounts", "User").objects.create(
        username="bob", password="!", account_number=20_002, language="zh-hans", theme="dark"
    )
    model = old.get_model("library", "Classifier").objects.create(
        owner=member, name="Mine", library="timm", architecture="resnet18", family="cnn", state="ready"
    )
    photographs = old.get_model("library", "Dataset").objects.create(
        name="Old photographs", format="image-folder", path="/old", fingerprint="ef" * 32, number_of_images=7
    )
    queued = old.get_model("benchmarks", "Benchmark").objects.create(
        owner=member,
        classifier=model,
        dataset=photographs,
        specification={**measured.specification, "tables": "of the release"},
        number_of_images=7,
    )
    old.get_model("benchmarks", "Shard").objects.create(benchmark=queued, method_index=0, start=0, stop=7)
    old.get_model("accounts", "ApiToken").objects.create(
        owner=member, name="night run", prefix="sali_abc", sha256="12" * 32, created=now
    )
    migrate(newest())

    member = User.objects.get(username="bob")
    assert (member.account_number, member.language, member.theme) == (20_002, "zh-hans", "dark")
    assert (member.keyboard_shortcuts, member.session_key) == (True, "")
    assert [token.name for token in member.api_tokens.all()] == ["night run"]
    model = Classifier.objects.get(name="Mine")
    assert (model.owner, model.output_activation, model.shared_with_lab) == (member, "softmax", False)
    photographs = Dataset.objects.get(name="Old photographs")
    assert (photographs.owner, photographs.state, photographs.number_of_images) == (None, "ready", 7)
    waiting = Benchmark.objects.get(pk=queued.pk)
    assert (waiting.state, waiting.name, waiting.deleted, waiting.shared_with_lab) == (
        "queued",
        "",
        None,
        False,
    )
    assert waiting.specification["tables"] == "of the release"
    assert [(shard.start, shard.stop, shard.state) for shard in waiting.shards.all()] == [(0, 7, "waiting")]
    # Measured before, shown after: the same bytes, and the same figures computed from them anew.
    again = Benchmark.objects.get(pk=measured.pk)
    assert packed(again) == results
    assert again.figures == figures
    again.summaries.all().delete()
    assert refresh_figures(again, announce=False)[0] == figures
    client.force_login(User.objects.get(pk=owner.pk))
    assert client.get(f"/benchmarks/{again.pk}/").status_code == 200
    assert client.get("/benchmarks/").status_code == 200
    # Nobody sees more than before.
    assert list(Benchmark.objects.visible_to(member)) == [waiting]


def test_names_that_were_unique_in_the_lab_still_are(released: Any) -> None:
    old = released()
    old.get_model("library", "Dataset").objects.create(
        name="Photographs", format="image-folder", path="/a", fingerprint="ef" * 32, number_of_images=1
    )
    migrate(newest())
    assert Dataset.objects.get(name="Photographs").owner is None
    # A member's own may have the same name now.
    factories.dataset(name="Photographs", owner=factories.member())
    assert Dataset.objects.filter(name="Photographs").count() == 2


def packed(benchmark: Benchmark) -> list[tuple[bytes, bytes]]:
    rows = ShardResult.objects.filter(shard__benchmark=benchmark).order_by("shard__start", "experiment_index")
    return [(bytes(row.scalars), bytes(row.curves)) for row in rows]
