"""Benchmarks of several methods and experiments: summaries, comparisons, pages and what is taken away."""

from __future__ import annotations

import csv
import io
import json
import re
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.core.management import call_command
from django.test import Client
from django.urls import reverse

from saliency_core.output.comparison import compare, significance_marks
from saliency_core.output.json_document import read_json
from tests.web import factories, many_methods
from webapp.accounts.models import User
from webapp.benchmarks import archives, exports, summaries
from webapp.benchmarks.archive_writing import write_archive
from webapp.benchmarks.experiment_page import ExperimentPage
from webapp.benchmarks.figures import headline, refresh_figures
from webapp.benchmarks.models import Benchmark, ResultSummary
from webapp.benchmarks.results import results
from webapp.benchmarks.selectors import benchmarks_for
from webapp.jobs.models import Job
from webapp.jobs.services import JobLost
from webapp.studio.models import Explanation
from workers import jobs, reconciler

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def few_resamples(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("RESAMPLES", "INTERIM_RESAMPLES"):
        monkeypatch.setattr(summaries, name, 50)


@pytest.fixture
def member(client: Client) -> User:
    user = factories.member()
    client.force_login(user)
    return user


def finished(owner: User | None = None, **fields: Any) -> Benchmark:
    """With all its intervals and comparisons."""
    found = many_methods.benchmark(owner, **fields)
    reconciler.finish(found)
    while not Benchmark.objects.get(pk=found.pk).figures_complete:
        reconciler.complete_ended_benchmark()
    found.refresh_from_db()
    return found


def page_of(benchmark: Benchmark, query: str = "") -> ExperimentPage:
    from django.http import QueryDict

    return ExperimentPage(benchmark, QueryDict(query))


# --- results and summaries -----------------------------------------------------------------------------------


def test_results_are_every_method_under_every_experiment() -> None:
    benchmark = many_methods.benchmark(methods=3, experiments=2, images=6)
    found = results(benchmark)
    assert [(each.title, each.experiment.protocol.full_name) for each in found] == [
        ("Grad-CAM", "insertion-deletion/thesis@1"),
        ("Grad-CAM", "perturbation/chefer@1"),
        ("Grad-CAM + enhancement", "insertion-deletion/thesis@1"),
        ("Grad-CAM + enhancement", "perturbation/chefer@1"),
        ("Grad-CAM++", "insertion-deletion/thesis@1"),
        ("Grad-CAM++", "perturbation/chefer@1"),
    ]
    assert [len(each.columns) for each in found] == [6] * 6
    assert found[0].dataset["measured"] == 6
    assert found[0].environment["device"] == "Test processor"
    assert found[0].preprocessing["size"] == 224


def test_figures_have_an_entry_for_every_method_under_every_experiment() -> None:
    benchmark = finished(methods=2, experiments=2, images=12, failed=(3,))
    entries = benchmark.figures["entries"]
    assert [(entry["method"], entry["experiment"]) for entry in entries] == [(0, 0), (0, 1), (1, 0), (1, 1)]
    assert [entry["images"] for entry in entries] == [11, 11, 12, 12]
    assert (benchmark.figures["images"], benchmark.figures["failed"]) == (12, 1)
    assert all(entry["complete"] for entry in entries)
    measured = np.concatenate(
        [
            many_methods.columns(1, "insertion_deletion", "thesis@1", start, start + 6).scalars["overall"]
            for start in (0, 6)
        ]
    )
    overall = entries[2]["figures"]["overall"]
    assert overall["value"] == pytest.approx(measured.mean())
    assert overall["low"] < overall["value"] < overall["high"]


def test_large_benchmarks_have_cheap_interim_figures_and_all_intervals_at_the_end(monkeypatch: Any) -> None:
    monkeypatch.setattr(summaries, "FEW_UNITS", 4)
    benchmark = many_methods.benchmark(methods=1, experiments=1, images=18, per_shard=6, done=2 / 3)
    refresh_figures(benchmark)
    row = ResultSummary.objects.get()
    assert (row.results, row.complete, row.content["images"]) == (2, False, 12)
    assert row.content["figures"]["overall"]["low"] is None
    parts = [
        many_methods.columns(0, "insertion_deletion", "thesis@1", start, start + 6) for start in (0, 6, 12)
    ]
    expected = np.concatenate([part.curves["insertion"] for part in parts[:2]]).mean(0)
    assert row.content["curves"]["insertion"]["mean"] == pytest.approx(expected.tolist(), abs=1e-5)
    assert row.content["curves"]["insertion"]["low"] is None
    # The next result is added to the sums of those before.
    last = benchmark.shards.get(start=12)
    last.__class__.objects.filter(pk=last.pk).update(state="done")
    many_methods.deliver(last)
    refresh_figures(benchmark)
    row.refresh_from_db()
    expected = np.concatenate([part.curves["insertion"] for part in parts]).mean(0)
    assert row.content["curves"]["insertion"]["mean"] == pytest.approx(expected.tolist(), abs=1e-5)
    assert row.running["results"] == 3
    reconciler.finish(benchmark)
    row.refresh_from_db()
    assert row.complete
    assert row.content["figures"]["overall"]["low"] is not None
    assert row.content["curves"]["insertion"]["low"] is not None


def test_nothing_is_computed_twice(monkeypatch: Any) -> None:
    benchmark = finished(methods=2, experiments=1)
    monkeypatch.setattr(summaries, "summarise_result", None)
    monkeypatch.setattr(summaries, "compare", None)
    figures, _ = refresh_figures(benchmark)
    assert figures == benchmark.figures
    assert not summaries.complete_next(benchmark)


def test_results_that_went_away_are_forgotten() -> None:
    benchmark = many_methods.benchmark(methods=2, experiments=1)
    refresh_figures(benchmark)
    benchmark.shards.filter(method_index=1).first().results.all().delete()
    benchmark.shards.filter(method_index=1).last().results.all().delete()
    figures, _ = refresh_figures(benchmark)
    assert [entry["method"] for entry in figures["entries"]] == [0]


def test_a_benchmark_that_is_resumed_is_completed_again() -> None:
    from webapp.benchmarks import transitions

    benchmark = many_methods.benchmark(methods=2, experiments=1, images=12, per_shard=6, done=0.5)
    transitions.cancel(benchmark)
    for _ in range(4):
        reconciler.complete_ended_benchmark()
    assert Benchmark.objects.get().figures_complete
    transitions.resume(benchmark)
    transitions.start(benchmark)
    for shard in benchmark.shards.filter(state="waiting"):
        many_methods.deliver(shard)
    benchmark.shards.update(state="done")
    for _ in range(5):
        reconciler.reconcile()
    benchmark.refresh_from_db()
    assert (benchmark.state, benchmark.figures_complete) == ("succeeded", True)
    assert [entry["images"] for entry in benchmark.figures["entries"]] == [12, 12]
    assert benchmark.comparisons.get().content["figures"]["overall"]["images"] == 12


def test_what_cannot_be_computed_is_not_tried_for_ever(monkeypatch: Any) -> None:
    benchmark = many_methods.benchmark(methods=1, experiments=1)
    reconciler.finish(benchmark)

    def broken(_benchmark: Benchmark) -> bool:
        raise ValueError("no")

    monkeypatch.setattr(reconciler, "complete_figures", broken)
    Benchmark.objects.update(figures_complete=False)
    reconciler.complete_ended_benchmark()
    assert Benchmark.objects.get().figures_complete


# --- comparisons ---------------------------------------------------------------------------------------------


def test_marks_are_those_of_the_comparison_against_the_reference() -> None:
    benchmark = finished(methods=3, experiments=1, images=40, per_shard=20)
    shown = page_of(benchmark, "reference=1")
    found = {
        (row["look"].index, cell["figure"].key): cell["difference"]["mark"]
        for row in shown.matrix()
        for cell in row["cells"]
        if cell["difference"] and cell["difference"]["mark"]
    }
    compared = compare(results(benchmark), reference=1, resamples=50)
    assert found == significance_marks(compared) != {}
    expected = {pair.first: pair for pair in compared.figures[0].pairs}
    rows = {row["look"].index: row for row in shown.difference_rows()}
    assert set(rows) == set(expected) == {0, 2}
    for method, pair in expected.items():
        for name in ("value", "low", "high", "rank_biserial"):
            assert rows[method][name] == pytest.approx(getattr(pair.difference, name))
        assert (rows[method]["wins"], rows[method]["losses"]) == (
            pair.difference.wins,
            pair.difference.losses,
        )
        assert rows[method]["p"] == pytest.approx(pair.p_wilcoxon_holm)


def test_methods_that_differ_in_a_parameter_are_told_apart() -> None:
    benchmark = many_methods.benchmark(methods=2, experiments=1)
    specification = benchmark.specification
    second = {**specification["methods"][0], "parameters": {"layer": "features.0"}}
    specification["methods"] = [
        {**specification["methods"][0], "parameters": {"layer": "features.29"}},
        second,
    ]
    benchmark.specification = specification
    assert [look.title for look in page_of(benchmark).looks] == [
        "Grad-CAM (layer features.29)",
        "Grad-CAM (layer features.0)",
    ]
    assert len({(look.colour, look.dash) for look in page_of(benchmark).looks}) == 2


def test_the_headline_is_the_first_figure_of_the_best_method() -> None:
    benchmark = finished(methods=3, experiments=2)
    found = headline(benchmark)
    values = {
        entry["method"]: entry["figures"]["insertion_auc"]["value"]
        for entry in benchmark.figures["entries"]
        if entry["experiment"] == 0
    }
    assert found.figure.key == "insertion_auc"
    assert found.method_index == max(values, key=values.get)
    assert headline(factories.queued_benchmark()) is None


# --- pages ---------------------------------------------------------------------------------------------------


QUERIES = (
    "",
    "experiment=1&figure=positive_auc&reference=2&sort=-disagreement",
    "experiment=2&sort=m1&page=2&maps=0&maps=4&class_sort=-m2",
    "experiment=3&figure=entropy&class_sort=images",
    "experiment=x&figure=?&reference=-1&sort=é&page=0&maps=99&class_page=99999999&hidden=1",
)


@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_the_page_shows_whatever_the_address_asks_for(client: Client, member: User, language: str) -> None:
    client.cookies["django_language"] = language
    benchmark = finished(member, methods=5, experiments=4, images=6, failed=(3,))
    for query in QUERIES:
        for name in ("detail", "live_parts", "images", "classes"):
            response = client.get(f"{reverse(f'benchmarks:{name}', args=[benchmark.pk])}?{query}")
            assert response.status_code == 200, name
            assert not re.search(rb"<[a-z][^>]*\s(?:on[a-z]+|style)=", response.content), name


def test_images_are_sorted_by_disagreement(client: Client, member: User) -> None:
    benchmark = finished(member, methods=3, experiments=1, images=10)
    address = reverse("benchmarks:images", args=[benchmark.pk])
    table = client.get(f"{address}?sort=-disagreement&figure=overall").context["table"]
    shown = [row["cells"][-1]["value"] for row in table.rows]
    assert shown == sorted(shown, reverse=True)
    for row in table.rows:
        values = [cell["value"] for cell in row["cells"][:-1]]
        assert row["cells"][-1]["value"] == pytest.approx(max(values) - min(values), abs=1e-6)


def test_an_image_that_failed_under_one_method_is_there_with_the_others(client: Client, member: User) -> None:
    benchmark = finished(member, methods=2, experiments=1, images=6, failed=(3,))
    response = client.get(reverse("benchmarks:detail", args=[benchmark.pk]))
    row = response.context["table"].rows[3]
    assert row["image"] == "photographs/0003.jpg"
    assert row["cells"][0]["value"] is None and row["cells"][1]["value"] is not None
    (failure,) = response.context["failures"]["rows"]
    assert [look.title for look in failure["looks"]] == ["Grad-CAM"]


def test_maps_are_asked_for_by_method(client: Client, member: User) -> None:
    benchmark = finished(member, methods=2, experiments=1, images=6)
    address = reverse("benchmarks:maps", args=[benchmark.pk])
    asked = {"method": "1", "image": ["photographs/0001.jpg"] * 2, "target": ["1", "4"]}
    (answer,) = client.post(address, asked).json()["maps"]
    assert (answer["image"], answer["method"], answer["target"]) == ("photographs/0001.jpg", 1, 1)
    assert Explanation.objects.get().enhancement != {}


def test_pages_need_few_queries_however_many_methods(
    client: Client, member: User, django_assert_max_num_queries: Any
) -> None:
    benchmark = finished(member, methods=8, experiments=4, images=6)
    # Session and member, the benchmark, progress and times, summaries, comparison, classes, log; and once for all
    # the results of the eight methods; what the member may see of model and data set, tags, shares, relatives.
    for name, most in (("detail", 37), ("live_parts", 24), ("images", 10), ("classes", 6)):
        with django_assert_max_num_queries(most):
            address = reverse(f"benchmarks:{name}", args=[benchmark.pk])
            assert client.get(f"{address}?reference=0&experiment=1").status_code == 200
    many_methods.benchmark(member, methods=2, experiments=1, images=6)
    # Session and member; models, data sets and tags to filter by; the states; the page and its number of rows, their
    # tags and finished images; saved views.
    with django_assert_max_num_queries(11):
        assert client.get(reverse("benchmarks:list")).status_code == 200


def test_a_benchmark_of_version_0_1_still_shows(client: Client, member: User) -> None:
    """Its columns name neither the predicted class nor the time of a map, and it has no summaries yet."""
    benchmark = factories.running_benchmark(member, images=4, per_shard=4)
    scalars, curves = factories.columns(0, 4).pack()
    shard = benchmark.shards.get()
    shard.results.create(scalars=scalars, curves=curves)
    Benchmark.objects.update(
        state="succeeded", finished=benchmark.started, figures={"images": 4, "entries": []}
    )
    address = reverse("benchmarks:detail", args=[benchmark.pk])
    assert client.get(address).status_code == 200
    for _ in range(3):
        reconciler.reconcile()
    page = client.get(address).content.decode()
    assert "2.50" in page
    assert benchmarks_for(member).get().figures["entries"][0]["figures"]["insertion_auc"]["value"] == 0.025


def test_figures_of_version_0_1_become_an_entry() -> None:
    from importlib import import_module

    from django.apps import apps

    benchmark = factories.queued_benchmark()
    old = {"mean": 0.5, "low": 0.4, "high": 0.6, "n": 3}
    Benchmark.objects.update(
        figures={"images": 3, "failed": 1, "degenerate": 0, "overall": old, "accuracy": None}
    )
    import_module("webapp.benchmarks.migrations.0003_result_summaries").figures_by_method(apps, None)
    benchmark.refresh_from_db()
    (entry,) = benchmark.figures["entries"]
    assert entry["figures"] == {"overall": {"value": 0.5, "low": 0.4, "high": 0.6, "n": 3}}
    assert (entry["images"], entry["failed"]) == (3, 1)


# --- what is taken away --------------------------------------------------------------------------------------


def test_tables_have_all_methods_and_experiments(client: Client, member: User) -> None:
    benchmark = finished(member, methods=3, experiments=2, failed=(3,))
    rows = list(csv.DictReader(io.StringIO("".join(exports.table_lines(benchmark, "summary")))))
    assert len({(row["method"], row["enhancement"], row["protocol"]) for row in rows}) == 6
    row = next(row for row in rows if row["figure"] == "overall")
    kept = benchmark.figures["entries"][0]["figures"]["overall"]
    assert [float(row[end]) for end in ("value", "low", "high")] == pytest.approx(
        [100 * kept[end] for end in ("value", "low", "high")]
    )
    for name in exports.TABLES:
        response = client.get(reverse("benchmarks:table", args=[benchmark.pk, name]))
        assert response.status_code == 200
        assert f'filename="benchmark-{benchmark.pk}-{name}.csv"' in response["Content-Disposition"]
    assert client.get(reverse("benchmarks:table", args=[benchmark.pk, "nothing"])).status_code == 404


def test_each_method_has_its_table_of_images(client: Client, member: User) -> None:
    benchmark = finished(member, methods=2, experiments=2, failed=(3,))
    address = reverse("benchmarks:images_csv", args=[benchmark.pk])
    tables = {
        query: list(csv.DictReader(io.StringIO(client.get(f"{address}?{query}").content.decode())))
        for query in ("", "method=1&experiment=1")
    }
    assert [row["status"] for row in tables[""]].count("failed") == 1
    assert "insertion_auc" in tables[""][0]
    assert "negative_auc" in tables["method=1&experiment=1"][0]
    for query in ("method=2", "experiment=2", "method=x"):
        assert client.get(f"{address}?{query}").status_code == 404


def test_latex_json_and_report(client: Client, member: User) -> None:
    benchmark = finished(member, methods=3, experiments=2)
    latex = client.get(reverse("benchmarks:latex", args=[benchmark.pk])).content.decode()
    assert latex.count(r"\begin{table}") == 2
    assert r"Grad-CAM + enhancement" in latex
    document = json.loads(client.get(reverse("benchmarks:json", args=[benchmark.pk])).content)
    assert [len(each.result.columns) for each in read_json(document)] == [12] * 6
    report = client.get(reverse("benchmarks:report", args=[benchmark.pk])).content.decode()
    for part in ("insertion-deletion/thesis@1", "perturbation/chefer@1", "Grad-CAM++"):
        assert part in report


def test_the_archive_has_everything(client: Client, member: User, settings: Any, tmp_path: Path) -> None:
    settings.STATE_DIR = tmp_path
    benchmark = finished(member, methods=3, experiments=1)
    archives.request_archive(owner=member, benchmark=benchmark)
    jobs.run_waiting_jobs()
    response = client.get(reverse("benchmarks:archive", args=[benchmark.pk]))
    with zipfile.ZipFile(io.BytesIO(b"".join(response.streaming_content))) as archive:
        names = {name.partition("/")[2] for name in archive.namelist()}
        readme = archive.read(f"benchmark-{benchmark.pk}/README.txt").decode()
        # It says what every file is, and what the figures are.
        assert all(name.partition("/")[0] in readme for name in names)
        assert "insertion_auc (percent, higher is better)" in readme
        assert (
            "path" not in json.loads(archive.read(f"benchmark-{benchmark.pk}/specification.json"))["dataset"]
        )
    assert {"report.txt", "summary.csv", "classes.csv", "bins.csv", "curves.csv", "comparison.csv"} <= names
    assert {"results.json", "tables.tex", "benchmark.txt", "README.txt"} <= names
    assert len([name for name in names if name.startswith("images/")]) == 3
    for kind in ("mean-curves", "intervals", "by-confidence", "spread", "critical-difference"):
        for ending in ("png", "svg"):
            assert f"figures/insertion-deletion-thesis@1-{kind}.{ending}" in names
    # Nothing else is left, and the command writes the same by hand.
    assert [path.name for path in (tmp_path / "jobs").iterdir()] == [f"archive-{Job.objects.get().pk}.zip"]
    call_command("export_benchmark", str(benchmark.pk), str(tmp_path / "by-hand.zip"), stdout=io.StringIO())
    with zipfile.ZipFile(tmp_path / "by-hand.zip") as archive:
        assert {name.partition("/")[2] for name in archive.namelist()} == names


def test_an_archive_is_made_by_a_job_that_the_page_shows(
    client: Client, member: User, settings: Any, tmp_path: Path
) -> None:
    settings.STATE_DIR = tmp_path
    benchmark = finished(member, methods=2, experiments=1)
    page = reverse("benchmarks:detail", args=[benchmark.pk])
    make, cancel, address = (
        reverse(f"benchmarks:{name}", args=[benchmark.pk])
        for name in ("make_archive", "cancel_archive", "archive")
    )
    refused = client.get(address, follow=True)
    assert "There is no ZIP at the moment" in refused.content.decode()
    assert client.post(make)["Location"] == f"{page}#files-title"
    client.post(make)  # pressed twice
    job = Job.objects.get()
    shown = client.get(page).content.decode()
    assert f'data-job="/ws/jobs/{job.pk}/"' in shown and f'"{make}"' not in shown
    client.post(cancel)
    job.refresh_from_db()
    assert job.state == "cancelled" and f'"{make}"' in client.get(page).content.decode()

    client.post(make)
    jobs.run_waiting_jobs()
    job = Job.objects.get()
    assert job.state == "ready" and job.size == job.path.stat().st_size
    shown = client.get(page).content.decode()
    assert "Download everything (ZIP)" in shown and f'"{make}"' not in shown
    assert client.get(address)["Content-Length"] == str(job.size)
    # What is new is in a new archive; the one that is there can be fetched until then.
    Benchmark.objects.update(figures_shards=1)
    shown = client.get(page).content.decode()
    assert (
        "Download everything (ZIP)" in shown and f'"{make}"' in shown and "there are newer results" in shown
    )
    client.post(make)
    assert not job.path.exists() and Job.objects.get().state == "waiting"


def test_an_archive_that_fails_or_is_stopped_leaves_nothing_and_says_why(
    client: Client, member: User, settings: Any, tmp_path: Path
) -> None:
    settings.STATE_DIR = tmp_path
    benchmark = finished(member, methods=2, experiments=1)
    reached: list[float] = []

    def stop(share: float) -> None:
        reached.append(share)
        if share > 0.5:
            raise JobLost

    with pytest.raises(JobLost):
        write_archive(benchmark, tmp_path / "stopped.zip", stop)
    assert reached == sorted(reached) and len(reached) > 5
    assert list(tmp_path.iterdir()) == []

    job = archives.request_archive(owner=member, benchmark=benchmark)
    (tmp_path / "jobs").write_text("in the way")
    jobs.run_waiting_jobs()
    job.refresh_from_db()
    assert job.state == "failed"
    shown = client.get(reverse("benchmarks:detail", args=[benchmark.pk])).content.decode()
    assert "The ZIP could not be made." in shown
    assert archives.archive_notice(member, job.pk) == {
        "job": job.pk,
        "name": str(benchmark),
        "state": "failed",
        "url": f"/benchmarks/{benchmark.pk}/",
    }
    assert archives.archive_notice(factories.member(), job.pk) is None


@pytest.mark.parametrize(
    ("images_per_second", "images", "expensive"),
    # A map is one forward and one backward pass, or three forward ones: 25 maps take 7.5 s at 10 a second, 75 s at one.
    [(10.0, 40, []), (1.0, 40, [0, 1]), (1.0, 4, []), (None, 40, [])],
)
def test_maps_that_take_long_wait_for_a_press_of_the_button(
    images_per_second: float | None, images: int, expensive: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    benchmark = factories.queued_benchmark(
        images=images, methods=[{"key": "grad_cam"}, {"key": "grad_cam_plus_plus"}]
    )
    if images_per_second is not None:
        benchmark.classifier.rates.create(
            device="Test processor", precision="fp32", images_per_second=images_per_second, batch_size=8
        )
    monkeypatch.setattr(ExperimentPage, "images", images)
    assert page_of(benchmark).expensive_maps == expensive
