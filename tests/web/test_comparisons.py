"""Comparing results of several benchmarks: what the address says, which tables there are, tests on common images."""

from __future__ import annotations

import csv
import io
import json

import pytest
from django.test import Client
from django.urls import reverse

from tests.web import factories, many_methods
from webapp.accounts.models import User
from webapp.benchmarks.models import Benchmark, BenchmarkShare
from webapp.comparisons import pairing
from webapp.comparisons.choice import read_choice
from webapp.comparisons.page import ComparisonPage
from webapp.jobs.models import Job
from webapp.jobs.services import claim_job
from webapp.studio.models import Explanation
from workers import jobs, reconciler

pytestmark = pytest.mark.django_db
COMPARE = "/benchmarks/compare/"


@pytest.fixture
def member(client: Client) -> User:
    found = factories.member()
    client.force_login(found)
    return found


def finished(owner: User, **fields) -> Benchmark:
    """A benchmark with all its figures."""
    benchmark = many_methods.benchmark(owner, **fields)
    for _ in range(40):
        reconciler.reconcile()
        benchmark.refresh_from_db()
        if benchmark.figures_complete:
            return benchmark
    raise AssertionError("not completed")


def shown(user: User, query: str) -> ComparisonPage:
    from django.http import QueryDict

    return ComparisonPage(user, read_choice(user, QueryDict(query)))


def test_the_address_names_results(member: User) -> None:
    first, second = (many_methods.benchmark(member, methods=3) for _ in range(2))
    query = f"result={first.pk}.2&result={second.pk}.0&result={first.pk}.2&result=junk&result={first.pk}.9"
    choice = shown(member, f"{query}&experiment=perturbation&reference={second.pk}.0").choice
    assert [each.name for each in choice.chosen] == [f"{first.pk}.2", f"{second.pk}.0"]
    assert choice.unknown == [f"{first.pk}.9", "junk"]
    assert (choice.experiment, choice.reference) == ("perturbation", f"{second.pk}.0")
    assert [each.place for each in choice.measured] == [(first.pk, 2, 1), (second.pk, 0, 1)]


def test_whole_benchmarks_become_their_results(client: Client, member: User) -> None:
    first, second = (many_methods.benchmark(member, methods=2, experiments=1) for _ in range(2))
    answer = client.get(f"{COMPARE}?benchmark={first.pk}&benchmark={second.pk}")
    names = [f"{each.pk}.{index}" for each in (first, second) for index in range(2)]
    assert answer["Location"] == f"{COMPARE}?" + "&".join(f"result={name}" for name in names)


def test_twenty_results_at_most(member: User) -> None:
    rows = [many_methods.benchmark(member, methods=8, experiments=1, images=1) for _ in range(3)]
    choice = shown(member, "&".join(f"benchmark={row.pk}" for row in rows)).choice
    assert (len(choice.chosen), choice.left_out) == (20, 4)


def test_who_sees_what(client: Client, member: User) -> None:
    theirs = finished(factories.member(), methods=2, experiments=1)
    query = f"?result={theirs.pk}.0"
    page = client.get(COMPARE + query).content.decode()
    assert f"not shared with you: {theirs.pk}.0" in page
    assert theirs.classifier.name not in page
    files = [("comparison", "csv"), ("differences", "csv"), ("comparison", "tex"), ("comparison", "json")]
    addresses = [reverse("comparisons:download", args=file) + query for file in files]
    assert {client.get(address).status_code for address in addresses} == {404}
    asked = {"method": "0", "image": "00000.jpg"}
    assert client.post(reverse("comparisons:maps") + query, asked).status_code == 404
    BenchmarkShare.objects.create(benchmark=theirs, user=member)
    assert {client.get(address).status_code for address in [COMPARE + query, *addresses]} == {200}
    client.logout()
    assert {client.get(address).status_code for address in [COMPARE + query, *addresses]} == {302}


def test_results_of_one_protocol_share_a_table_with_tests(client: Client, member: User) -> None:
    dataset = factories.dataset()
    first = finished(member, methods=2, experiments=1, dataset=dataset, images=30)
    second = finished(member, methods=3, experiments=1, dataset=dataset, images=30)
    query = f"result={first.pk}.0&result={second.pk}.2&reference={first.pk}.0"
    page = shown(member, query)
    (table,) = page.tables()
    assert [row["reference"] for row in table["rows"]] == [True, False]
    assert table["warnings"] == []
    difference = page.differences(page.figure)[1]
    values = [page.interval(place, page.figure)["value"] for place in (0, 1)]
    assert difference["value"] == pytest.approx(values[1] - values[0])
    assert difference["n"] == 30
    assert sum(difference[name] for name in ("wins", "losses", "ties")) == 30
    html = client.get(f"{COMPARE}?{query}").content.decode()
    assert f"{difference['wins']} / {difference['losses']} / {difference['ties']}" in html
    assert "Bold: the best of its column, as shown." in html


def test_the_numbers_are_those_of_one_benchmarks_own_page(member: User) -> None:
    benchmark = finished(member, methods=3, experiments=1, images=20)
    page = shown(member, f"benchmark={benchmark.pk}&reference={benchmark.pk}.1")
    kept = benchmark.comparisons.get().content["figures"]["overall"]["pairs"]
    own = next(pair for pair in kept if (pair["first"], pair["second"]) == (1, 2))
    found = page._differences["overall"][2]
    turned = [-own["value"], -own["high"], -own["low"], own["p_wilcoxon"]]
    assert [found[name] for name in ("value", "low", "high", "p_wilcoxon")] == pytest.approx(turned, rel=1e-9)


def test_only_common_images_are_tested(member: User) -> None:
    dataset = factories.dataset()
    large = finished(member, methods=1, experiments=1, dataset=dataset, images=24)
    small = finished(member, methods=2, experiments=1, dataset=dataset, images=12)
    page = shown(member, f"result={large.pk}.0&result={small.pk}.1")
    assert page.differences(page.figure)[1]["n"] == 12
    (table,) = page.tables()
    assert [row["letters"] for row in table["rows"]] == ["", "a"]
    assert "other images" in table["warnings"][0]["text"]
    assert not any(cell["best"] for row in table["rows"] for cell in row["cells"])


def test_images_that_do_not_overlap_are_said_so(client: Client, member: User) -> None:
    dataset = factories.dataset()
    first = finished(member, methods=1, experiments=1, dataset=dataset, images=6, per_shard=6)
    second = many_methods.benchmark(member, methods=1, experiments=1, dataset=dataset, images=6, done=0)
    shard = second.shards.first()
    second.shards.exclude(pk=shard.pk).delete()
    many_methods.Shard.objects.filter(pk=shard.pk).update(start=50, stop=60, **many_methods._finished())
    shard.refresh_from_db()
    many_methods.deliver(shard)
    for _ in range(4):
        reconciler.reconcile()
    query = f"result={first.pk}.0&result={second.pk}.0"
    assert "No image in common with the reference" in client.get(f"{COMPARE}?{query}").content.decode()
    (table,) = shown(member, query).pair_tables()
    assert table["rows"][0]["difference"] is None and table["rows"][0]["apart"]


def test_protocols_and_data_sets_have_tables_of_their_own(client: Client, member: User) -> None:
    first = finished(member, methods=2, experiments=1)
    other = finished(member, methods=2, experiments=1, dataset=factories.dataset(fingerprint="ef" * 32))
    rise = many_methods.benchmark(member, methods=2, experiments=1)
    rise.specification["experiments"] = [{"key": "insertion_deletion", "protocol": "rise@1"}]
    rise.save()
    for _ in range(6):
        reconciler.reconcile()
    query = "&".join(f"result={each.pk}.{index}" for each in (first, other, rise) for index in range(2))
    page = shown(member, query)
    assert [len(table["rows"]) for table in page.tables()] == [2, 2, 2]
    assert "3 protocols or data sets" in client.get(f"{COMPARE}?{query}").content.decode()
    together = shown(member, f"{query}&together=1")
    (table,) = together.tables()
    assert [row["letters"] for row in table["rows"]] == ["", "", "b", "b", "a", "a"]
    # Best among those that compare with the reference, and no test across tables.
    best = [any(cell["best"] for cell in row["cells"]) for row in table["rows"]]
    assert best[2:] == [False] * 4 and any(best)
    assert set(together.differences(together.figure)) == {1, 3, 5}
    html = client.get(f"{COMPARE}?{query}&together=1").content.decode()
    assert "as you asked" in html and html.count('<sup class="letters">a</sup>') > 10
    assert "Bold: the best of its column among results without letters, as shown." in html


def test_what_is_not_finished_is_marked_and_not_tested(member: User) -> None:
    dataset = factories.dataset()
    done = finished(member, methods=1, experiments=1, dataset=dataset)
    running = many_methods.benchmark(member, methods=1, experiments=1, dataset=dataset, done=0.5)
    reconciler.reconcile()
    page = shown(member, f"result={done.pk}.0&result={running.pk}.0")
    (table,) = page.tables()
    assert "is not complete" in table["warnings"][0]["text"]
    assert page.paired.content is None and page.paired.job is None


def test_settings_that_differ(client: Client, member: User) -> None:
    first = finished(member, methods=1, experiments=1, images=6, subset_seed=1)
    second = finished(member, methods=2, experiments=1, images=6, subset_seed=2)
    query = f"result={first.pk}.0&result={second.pk}.1"
    from webapp.comparisons.settings_table import setting_rows

    rows = {row.title: row.values for row in setting_rows(shown(member, query).measured)}
    assert rows["Seed"] == ("1", "2")
    assert rows["Enhancement"] == ("no", "yes")
    assert "Fingerprint" not in rows and "torch" not in rows
    assert "torch" in client.get(f"{COMPARE}?{query}&settings=all").content.decode()


def test_large_comparisons_are_computed_by_a_job(
    client: Client, member: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    benchmark = finished(member, methods=3, experiments=1)
    at_once = shown(member, f"benchmark={benchmark.pk}").paired.content
    from webapp.comparisons import page

    monkeypatch.setattr(page, "FEW_VALUES", 10)
    query = "&".join(f"result={benchmark.pk}.{index}" for index in range(3))
    html = client.get(f"{COMPARE}?{query}").content.decode()
    job = Job.objects.get()
    assert f'data-job="/ws/jobs/{job.pk}/"' in html
    client.get(f"{COMPARE}?{query}")
    assert Job.objects.count() == 1
    assert jobs.run_waiting_jobs() == 1
    job.refresh_from_db()
    assert job.state == Job.State.READY
    assert json.loads(json.dumps(at_once)) == job.content
    assert 'data-socket="/ws/jobs' not in client.get(f"{COMPARE}?{query}").content.decode()


def test_another_choice_takes_the_place_of_the_comparison_that_waits(
    client: Client, member: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    benchmark = finished(member, methods=3, experiments=1)
    from webapp.comparisons import page

    monkeypatch.setattr(page, "FEW_VALUES", 1)

    def compare(*methods: int) -> None:
        query = "&".join(f"result={benchmark.pk}.{index}" for index in methods)
        assert client.get(f"{COMPARE}?{query}").status_code == 200

    def states() -> list[str]:
        return list(Job.objects.filter(owner=member).order_by("pk").values_list("state", flat=True))

    compare(0, 1)
    assert claim_job() is not None
    compare(0, 2)
    archive = Job.objects.create(owner=member, kind=Job.Kind.ARCHIVE)
    Job.objects.create(owner=factories.member(), kind=Job.Kind.COMPARISON, digest="ab" * 32)
    compare(1, 2)
    # What is under way is done, and only comparisons give way.
    assert states() == ["running", "cancelled", "waiting", "waiting"]
    assert Job.objects.filter(state="waiting").count() == 3
    archive.delete()
    # What somebody else wants too is done.
    third = Job.objects.get(owner=member, state="waiting")
    Job.objects.create(owner=factories.member(), kind=Job.Kind.COMPARISON, digest=third.digest)
    compare(0, 1, 2)
    assert states() == ["running", "cancelled", "waiting", "waiting"]
    # Asked for once more, an older one takes nobody's place.
    compare(1, 2)
    assert states() == ["running", "cancelled", "waiting", "waiting"]


def test_members_are_served_in_turn(member: User) -> None:
    other = factories.member()
    for owner in (member, member, member, other, other):
        Job.objects.create(owner=owner, kind=Job.Kind.COMPARISON)
    owners = [job.owner for job in iter(claim_job, None)]
    assert owners == [member, other, member, other, member]


def test_ranks_over_settings(member: User) -> None:
    rows = [
        finished(
            member, methods=4, experiments=1, classifier=factories.classifier(weights_sha256=f"{number:064}")
        )
        for number in range(4)
    ]
    page = shown(member, "&".join(f"benchmark={row.pk}" for row in rows))
    found = page.ranks_over_settings()
    assert found["settings"] == 4
    assert [round(row["rank"] * 4) % 1 for row in found["rows"]] == [0] * 4
    assert shown(member, f"benchmark={rows[0].pk}").ranks_over_settings() is None


def test_only_complete_benchmarks_of_the_same_settings_are_ranked_over_them(member: User) -> None:
    def settings(number: int) -> Benchmark:
        weights = factories.classifier(weights_sha256=f"{number:064}")
        return finished(member, methods=4, experiments=1, classifier=weights)

    rows = [settings(number) for number in range(5)]
    query = "&".join(f"benchmark={row.pk}" for row in rows)
    assert shown(member, query).ranks_over_settings()["settings"] == 5
    Benchmark.objects.filter(pk=rows[0].pk).update(state=Benchmark.State.PAUSED)
    assert shown(member, query).ranks_over_settings()["settings"] == 4
    # Half of the second one's methods now were measured in another precision: too few are left in either setting.
    other = many_methods.benchmark(member, methods=4, experiments=1, classifier=rows[1].classifier)
    other.specification["precision"] = "fast"
    other.save(update_fields=["specification"])
    for _ in range(20):
        reconciler.reconcile()
    names = [f"{rows[1].pk}.{index}" for index in (0, 1)] + [f"{other.pk}.{index}" for index in (2, 3)]
    mixed = "&".join(f"benchmark={row.pk}" for row in rows[2:]) + "".join(f"&result={name}" for name in names)
    assert shown(member, mixed).ranks_over_settings() is None


def test_a_method_that_a_setting_has_twice_is_not_ranked_over_settings(member: User) -> None:
    rows = [
        finished(
            member, methods=4, experiments=1, classifier=factories.classifier(weights_sha256=f"{number:064}")
        )
        for number in range(4)
    ]
    again = finished(member, methods=1, experiments=1, classifier=rows[0].classifier, dataset=rows[0].dataset)
    assert again.specification["methods"][0]["key"] == "grad_cam"
    query = "&".join(f"benchmark={row.pk}" for row in [*rows, again])
    found = shown(member, query).ranks_over_settings()
    assert (found["settings"], len(found["rows"])) == (4, 3)


def test_a_figure_without_a_better_end_has_no_front(member: User) -> None:
    benchmark = finished(member, methods=3, experiments=2)
    page = shown(member, f"benchmark={benchmark.pk}&experiment=perturbation&figure=correct")
    assert (page.figure.key, page.figure.better) == ("correct", "")
    (table,) = page.costs.tables()
    assert [point["front"] for point in table["points"]] == [False, False, False]


def test_the_front_of_cost_and_score(member: User) -> None:
    benchmark = finished(member, methods=4, experiments=1)
    page = shown(member, f"benchmark={benchmark.pk}&cost=forwards")
    (table,) = page.costs.tables()
    assert table["x_title"] == "Forward passes per map"
    front = [point for point in table["points"] if point["front"]]
    scores = [point["score"]["value"] for point in front]
    assert front and scores == sorted(scores)
    # Whoever is not on the front is beaten by somebody who is.
    for point in table["points"]:
        if not point["front"]:
            assert any(
                each["cost"]["value"] <= point["cost"]["value"]
                and each["score"]["value"] >= point["score"]["value"]
                for each in front
            )


def test_images_with_the_largest_disagreement(client: Client, member: User) -> None:
    benchmark = finished(member, methods=3, experiments=1, images=12)
    page = shown(member, f"benchmark={benchmark.pk}")
    (group,) = page.images.groups()
    spreads = [row["disagreement"] for row in group["rows"]]
    assert len(spreads) == 6 and spreads == sorted(spreads, reverse=True)
    values = [cell["value"] for cell in group["rows"][0]["cells"]]
    assert max(values) - min(values) == pytest.approx(spreads[0], abs=1e-6)
    link = group["rows"][0]["studio"][0]["url"]
    assert f"model={benchmark.classifier_id}" in link and "grad_cam_plus_plus-variant=paper" in link
    address = f"{reverse('comparisons:maps')}?benchmark={benchmark.pk}"
    image, target = group["rows"][0]["image"], group["rows"][0]["cells"][2]["target"]
    found = client.post(address, {"method": "2", "image": image, "target": str(target)}).json()["maps"]
    assert [(each["image"], each["method"], each["state"]) for each in found] == [(image, 2, "waiting")]
    assert client.post(address, {"method": "3", "image": image}).status_code == 404


@pytest.mark.parametrize("private", ["dataset", "classifier"])
def test_images_of_a_benchmark_shared_with_its_figures_only_are_not_drawn(
    client: Client, member: User, private: str
) -> None:
    owner = factories.member()
    parts = {"dataset": {}, "classifier": {}}
    parts[private] = {"owner": owner, "name": "Mine"}
    theirs = finished(
        owner,
        methods=2,
        experiments=1,
        images=12,
        dataset=factories.dataset(path="/images", **parts["dataset"]),
        classifier=factories.classifier(**parts["classifier"]),
    )
    BenchmarkShare.objects.create(benchmark=theirs, user=member)
    query = f"result={theirs.pk}.0&result={theirs.pk}.1"
    html = client.get(f"{COMPARE}?{query}").content.decode()
    assert "shares the figures only" in html and "Images with the largest disagreement" in html
    assert "data-map=" not in html and "Open in the studio" not in html
    row = shown(member, query).images.groups()[0]["rows"][0]
    asked = {"method": "0", "image": row["image"], "target": str(row["cells"][0]["target"])}
    address = f"{reverse('comparisons:maps')}?{query}"
    assert client.post(address, asked).status_code == 404
    assert Explanation.objects.count() == 0
    client.force_login(owner)
    html = client.get(f"{COMPARE}?{query}").content.decode()
    assert "data-map=" in html and "Open in the studio" in html and "shares the figures only" not in html
    assert client.post(address, asked).status_code == 200


def test_downloads(client: Client, member: User) -> None:
    benchmark, again = (finished(member, methods=2, experiments=1) for _ in range(2))
    query = f"?benchmark={benchmark.pk}&benchmark={again.pk}"

    def text(name: str, ending: str) -> str:
        answer = client.get(reverse("comparisons:download", args=[name, ending]) + query)
        assert f'filename="{name}.{ending}"' in answer["Content-Disposition"]
        return answer.content.decode()

    rows = list(csv.DictReader(io.StringIO(text("comparison", "csv"))))
    assert len({(row["model"], row["method_title"], row["enhancement"]) for row in rows}) == 4
    tests = list(csv.DictReader(io.StringIO(text("differences", "csv"))))
    assert {row["figure"] for row in tests} == {"insertion_auc", "deletion_auc", "overall"}
    document = json.loads(text("comparison", "json"))
    assert document["schema"] == "saliscope-comparison/1"
    assert [each["result"] for each in document["results"]] == [
        f"{row.pk}.{m}" for row in (benchmark, again) for m in (0, 1)
    ]
    assert r"\begin{tabular}" in text("comparison", "tex")
    assert "Differences to the reference" in text("comparison", "txt")
    assert client.get(reverse("comparisons:download", args=["comparison", "exe"]) + query).status_code == 404


def test_results_are_found_added_moved_and_removed(client: Client, member: User) -> None:
    first = many_methods.benchmark(member, methods=2, classifier=factories.classifier(name="VGG of Monday"))
    second = many_methods.benchmark(member, methods=2)
    html = client.get(f"{COMPARE}?result={second.pk}.0&q=monday").content.decode()
    assert f"?result={second.pk}.0&amp;result={first.pk}.1" in html
    html = client.get(f"{COMPARE}?result={second.pk}.0&result={first.pk}.1&q=nothing+at+all").content.decode()
    assert f'href="?result={first.pk}.1&amp;result={second.pk}.0' in html
    assert "No benchmark has that" in html
    client.cookies["django_language"] = "zh-hans"
    assert "</span> 全部</a>" in client.get(f"{COMPARE}?q=monday").content.decode()


def test_queries_are_few(client: Client, member: User, django_assert_max_num_queries) -> None:
    rows = [finished(member, methods=4, experiments=2) for _ in range(4)]
    query = "&".join(f"result={row.pk}.{index}" for row in rows for index in range(4))
    pairing._kept.clear()
    client.get(f"{COMPARE}?{query}")
    with django_assert_max_num_queries(12):
        assert client.get(f"{COMPARE}?{query}").status_code == 200


def test_an_empty_page_says_what_to_do(client: Client, member: User) -> None:
    html = client.get(COMPARE).content.decode()
    assert "Nothing is chosen yet" in html and "Queue a first benchmark" in html
