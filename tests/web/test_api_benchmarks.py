"""Benchmarks by the API: queued, refused, listed, watched, stopped, taken away."""

from __future__ import annotations

import csv
import json
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from tests.web import factories
from tests.web.api_calls import ROOT, Script, asked, finished_benchmark, script_of
from webapp.accounts.models import User
from webapp.api.filters import BenchmarkFilter
from webapp.benchmarks import transitions
from webapp.benchmarks.models import Benchmark
from webapp.library.models import Classifier, Dataset, ForwardRate
from webapp.studio.models import Explanation
from webapp.studio.services import explanation_folder

pytestmark = pytest.mark.django_db


@pytest.fixture
def member() -> User:
    return factories.member()


@pytest.fixture
def script(member: User) -> Script:
    return script_of(member)


class Shelf:
    """What a request names."""

    classifier: Classifier
    dataset: Dataset


@pytest.fixture
def shelf(member: User) -> Shelf:
    rows = Shelf()
    rows.classifier, rows.dataset = factories.classifier(owner=member), factories.dataset()
    return rows


def test_a_benchmark_is_queued_as_the_page_would(script: Script, member: User, shelf: Shelf) -> None:
    methods = [{"key": "msg_cam", "parameters": {"groups": 8}, "enhancement": {"stride": 64}}]
    response = script.post("benchmarks", asked(shelf, methods=methods, subset_seed=7))
    assert response.status_code == 201, response.content
    row = Benchmark.objects.get()
    assert row.owner == member
    assert row.specification["subset"] == {"count": 10, "seed": 7}
    chosen = row.specification["methods"][0]
    assert (chosen["parameters"]["groups"], chosen["parameters"]["layer"]) == (8, "features.29")
    assert (chosen["enhancement"]["stride"], chosen["enhancement"]["window"]) == (64, 96)
    answer = response.json()
    assert (answer["id"], answer["state"]) == (row.pk, "queued")
    assert answer["methods"] == [{**chosen, "title": "MSG-CAM + enhancement"}]
    assert answer["url"] == f"http://testserver/api/v1/benchmarks/{row.pk}"
    assert answer["page"] == f"http://testserver/benchmarks/{row.pk}/"
    assert answer["specification"]["classifier"]["weights_sha256"] == "ab" * 32
    assert answer["progress"]["images_total"] == 10


def test_several_methods_under_several_experiments_are_one_benchmark(script: Script, shelf: Shelf) -> None:
    methods = [{"key": "grad_cam"}, {"key": "grad_cam", "enhancement": {}}, {"key": "rise"}]
    experiments = [{"experiment": "insertion_deletion"}, {"experiment": "sparsity"}]
    request = asked(shelf, methods=methods, experiments=experiments)
    expected = script.post("benchmarks/estimate", request).json()
    assert len(expected["methods"]) == 3
    assert expected["methods"][1]["forwards_per_image"] > expected["methods"][0]["forwards_per_image"]
    answer = script.post("benchmarks", request).json()
    assert [each["title"] for each in answer["methods"]] == ["Grad-CAM", "Grad-CAM + enhancement", "RISE"]
    assert [each["experiment"] for each in answer["experiments"]] == ["insertion_deletion", "sparsity"]
    assert answer["images_total"] == answer["progress"]["images_total"] == 30


def test_what_the_model_calls_the_classes_can_be_given(script: Script, member: User) -> None:
    rows = Shelf()
    rows.classifier = factories.classifier(owner=member, class_names=["tabby", "tiger cat", "beagle"])
    rows.dataset = factories.dataset(ground_truth=["boxes"], classes={"cat": 3, "dog": 4})
    request = asked(rows, experiments=[{"experiment": "pointing_game"}])
    refused = script.post("benchmarks", request)
    assert refused.status_code == 400
    assert list(refused.json()) == ["class_mapping"]
    mapping = {"cat": ["tabby", "tiger cat"], "dog": ["beagle"]}
    assert script.post("benchmarks", {**request, "class_mapping": mapping}).status_code == 201
    assert Benchmark.objects.get().specification["class_mapping"] == mapping
    odd = script.post("benchmarks", {**request, "class_mapping": {"cat": "tabby"}})
    assert list(odd.json()) == ["class_mapping.cat"]


def test_what_is_left_out_is_the_whole_data_set_and_the_first_protocol(script: Script, shelf: Shelf) -> None:
    request = asked(shelf, experiments=[{"experiment": "insertion_deletion"}])
    del request["number_of_images"]
    answer = script.post("benchmarks", request).json()
    assert answer["number_of_images"] == shelf.dataset.number_of_images
    assert answer["experiments"] == [{"experiment": "insertion_deletion", "protocol": "thesis@1"}]
    assert answer["methods"][0]["enhancement"] is None


@pytest.mark.parametrize(
    ("change", "field", "part"),
    [
        ({"methods": [{"key": "grad_kam"}]}, "methods.0.key", "grad_cam"),
        ({"methods": []}, "methods", "empty"),
        ({"methods": [{"key": "grad_cam"}] * 2}, "methods.1.key", "twice"),
        ({"methods": [{"key": "grad_cam"}] * 41}, "methods", "at most 40"),
        ({"experiments": [{"experiment": "pointing_game"}]}, "experiments.0", "boxes"),
        ({"stratified": True}, "stratified", "no labels"),
        ({"methods": "grad_cam"}, "methods", "list"),
        ({"methods": [7]}, "methods.0", "dictionary"),
        (
            {"methods": [{"key": "msg_cam", "parameters": {"groups": 0}}]},
            "methods.0.parameters.groups",
            "at least 1",
        ),
        (
            {"methods": [{"key": "msg_cam", "parameters": {"groups": 10**20}}]},
            "methods.0.parameters.groups",
            "must be at most",
        ),
        (
            {"methods": [{"key": "grad_cam", "parameters": {"depth": 3}}]},
            "methods.0.parameters.depth",
            "no parameter 'depth'",
        ),
        (
            {"methods": [{"key": "grad_cam", "parameters": {"layer": "features.99"}}]},
            "methods.0.parameters.layer",
            "no explainable layer",
        ),
        (
            {"methods": [{"key": "grad_cam", "enhancement": {"stride": []}}]},
            "methods.0.enhancement.stride",
            "whole number",
        ),
        ({"methods": [{"key": "transformer_attribution"}]}, "methods.0.key", "Transformer"),
        ({"experiments": [{"experiment": "insertion"}]}, "experiments.0", "insertion_deletion"),
        (
            {"experiments": [{"experiment": "insertion_deletion", "protocol": "thesis@9"}]},
            "experiments.0",
            "thesis@1",
        ),
        ({"number_of_images": 0}, "number_of_images", "greater than or equal to 1"),
        ({"number_of_images": 101}, "number_of_images", "between 1 and 100"),
        ({"number_of_images": 10**20}, "number_of_images", "less than or equal"),
        ({"classifier": 10**20}, "classifier", "does not exist"),
        ({"classifier": "first"}, "classifier", "pk"),
        ({"dataset": None}, "dataset", "null"),
        ({"subset_seed": -1}, "subset_seed", "greater than or equal to 0"),
    ],
    ids=lambda value: json.dumps(value)[:60] if isinstance(value, dict) else "",
)
def test_what_is_wrong_is_told_by_field(
    script: Script, shelf: Shelf, change: dict[str, Any], field: str, part: str
) -> None:
    refused = script.post("benchmarks", asked(shelf, **change))
    assert refused.status_code == 400
    assert list(refused.json()) == [field]
    assert part in refused.json()[field][0]
    assert not Benchmark.objects.exists()
    assert script.post("benchmarks/estimate", asked(shelf, **change)).json() == refused.json()


def test_all_that_is_wrong_is_told_at_once(script: Script, shelf: Shelf) -> None:
    methods = [{"key": "msg_cam", "parameters": {"groups": 0, "theta": "x"}}, {"key": "none"}]
    refused = script.post("benchmarks", asked(shelf, methods=methods)).json()
    assert set(refused) == {"methods.0.parameters.groups", "methods.0.parameters.theta", "methods.1.key"}


def test_the_expected_time_is_that_of_the_page(script: Script, shelf: Shelf) -> None:
    answer = script.post("benchmarks/estimate", asked(shelf)).json()
    assert (answer["seconds"], answer["workers"]) == (None, 0)
    ForwardRate.objects.create(classifier=shelf.classifier, device="Test processor", images_per_second=20.0)
    factories.node(device="Test processor")
    answer = script.post("benchmarks/estimate", asked(shelf)).json()
    # See test_benchmark_services: 228 forwards an image.
    assert answer["forwards_per_image"] == 228
    assert answer["seconds"] == pytest.approx(10 * 228 / 20)
    assert [each["forwards_per_image"] for each in answer["methods"]] == [228]
    assert not Benchmark.objects.exists()


def test_one_benchmark_is_watched_to_its_end(script: Script, member: User) -> None:
    benchmark = factories.running_benchmark(member, images=8, per_shard=4)
    running = script.get(f"benchmarks/{benchmark.pk}").json()
    assert (running["state"], running["images_done"], running["images_total"]) == ("running", 0, 8)
    assert running["progress"]["shards_total"] == 2
    finished = finished_benchmark(member)
    answer = script.get(f"benchmarks/{finished.pk}").json()
    assert (answer["state"], answer["images_done"]) == ("succeeded", 8)
    assert answer["figures"] == finished.figures
    assert answer["number_of_failures"] == 1
    assert answer["failures"] == [
        {"method": 0, "experiment": 0, "index": 5, "image": "005.jpg", "reason": "truncated"}
    ]
    assert answer["environments"] == [{"device": "Test processor", "versions": {"torch": "2.13.0"}}]
    for name, address in answer["files"].items():
        # Everything in one file is made by a job first.
        expected = {"archive": 404, "archive_file": 409}.get(name, 200)
        assert script.client.get(address).status_code == expected, name


def test_files_are_those_of_the_pages_byte_for_byte(script: Script, member: User) -> None:
    benchmark = finished_benchmark(member)
    browser = Client()
    browser.force_login(member)
    for name, route in [("images.csv", "images_csv"), ("report.txt", "report")]:
        by_api = script.get(f"benchmarks/{benchmark.pk}/{name}")
        by_page = browser.get(reverse(f"benchmarks:{route}", args=[benchmark.pk]))
        assert by_api.content == by_page.content
        assert by_api["Content-Type"] == by_page["Content-Type"]
        assert by_api["Content-Disposition"] == by_page["Content-Disposition"]
    rows = list(
        csv.DictReader(script.get(f"benchmarks/{benchmark.pk}/images.csv").content.decode().splitlines())
    )
    assert [row["image"] for row in rows] == [f"{number:03}.jpg" for number in range(8)]


def test_results_are_one_document(script: Script, member: User) -> None:
    benchmark = finished_benchmark(member)
    response = script.get(f"benchmarks/{benchmark.pk}/results.json")
    assert response["Content-Disposition"] == f'attachment; filename="benchmark-{benchmark.pk}.json"'
    found = response.json()
    assert found["specification"]["experiments"] == [{"key": "insertion_deletion", "protocol": "thesis@1"}]
    assert found["environments"] == [{"device": "Test processor", "versions": {"torch": "2.13.0"}}]
    assert [(each["method"], each["experiment"]) for each in found["results"]] == [(0, 0)]
    result = found["results"][0]
    assert result["figures"] == benchmark.figures["entries"][0]["figures"]
    # (1 + 2 + 3 + 4 + 5 + 7 + 8) / 7 percent
    assert result["figures"]["insertion_auc"]["value"] == pytest.approx(0.3 / 7)
    assert set(result["curves"]) == {"insertion", "deletion"}
    assert result["bins"] and result["classes"]
    assert [failure["image"] for failure in result["failures"]] == ["005.jpg"]
    empty = factories.queued_benchmark(member)
    assert script.get(f"benchmarks/{empty.pk}/results.json").json()["results"] == []


def test_the_log_goes_on_where_one_stopped_reading(script: Script, member: User) -> None:
    benchmark = finished_benchmark(member)
    events = script.get(f"benchmarks/{benchmark.pk}/events").json()
    assert [event["seq"] for event in events] == list(range(1, benchmark.last_event_seq + 1))
    assert events[0]["kind"] == "queued" and events[-1]["kind"] == "succeeded"
    later = script.get(f"benchmarks/{benchmark.pk}/events", {"after": events[1]["seq"]}).json()
    assert later == events[2:]
    for odd in ("x", "-1", "", "9" * 30, "²"):
        refused = script.get(f"benchmarks/{benchmark.pk}/events", {"after": odd})
        assert refused.status_code == 400, odd
        assert list(refused.json()) == ["after"]


def test_cancel_and_resume(script: Script, member: User) -> None:
    benchmark = factories.running_benchmark(member)
    path = f"benchmarks/{benchmark.pk}"
    assert script.post(f"{path}/cancel").json()["state"] == "cancelled"
    refused = script.post(f"{path}/cancel")
    assert refused.status_code == 409
    assert "is Cancelled" in refused.json()["detail"][0]
    assert script.post(f"{path}/resume").json()["state"] == "queued"
    assert script.post(f"{path}/resume").status_code == 409
    assert script.get(f"{path}/cancel").status_code == 405


def test_lists_are_filtered_and_sorted(script: Script, member: User, shelf: Shelf) -> None:
    first = factories.queued_benchmark(member, images=30)
    second = factories.queued_benchmark(member, images=10, classifier=shelf.classifier)
    third = factories.queued_benchmark(member, images=30, dataset=shelf.dataset)
    transitions.cancel(third)

    def found(**query: Any) -> list[int]:
        return [row["id"] for row in script.get("benchmarks", query).json()["results"]]

    assert found() == [third.pk, second.pk, first.pk]
    assert found(state="queued") == [second.pk, first.pk]
    assert found(state=["queued", "cancelled"]) == [third.pk, second.pk, first.pk]
    assert found(classifier=shelf.classifier.pk) == [second.pk]
    assert found(dataset=shelf.dataset.pk) == [third.pk]
    assert found(order="number_of_images") == [second.pk, third.pk, first.pk]
    assert found(order="-number_of_images") == [third.pk, first.pk, second.pk]
    assert found(created_after="2100-01-01T00:00:00Z") == []
    assert len(found(created_before="2100-01-01T00:00:00Z")) == 3
    for odd in (
        {"classifier": "9" * 40},
        {"state": "sleeping"},
        {"order": "owner"},
        {"classifier": "x"},
        {"created_after": "soon"},
    ):
        refused = script.get("benchmarks", odd)
        assert refused.status_code == 400
        assert list(refused.json()) == list(odd)


def test_equal_ones_keep_one_order_from_page_to_page() -> None:
    found = BenchmarkFilter({"order": "-state"}, queryset=Benchmark.objects.all()).qs
    assert found.query.order_by == ("-state", "-pk")


def test_queries_do_not_grow_with_the_list(
    script: Script, member: User, django_assert_max_num_queries
) -> None:
    for _ in range(12):
        last = finished_benchmark(member)
    script.get("me")  # The first use of a token is noted.
    # The token, the count, the rows, their tags.
    with django_assert_max_num_queries(4):
        assert len(script.get("benchmarks", {"page_size": 100}).json()["results"]) == 12
    with django_assert_max_num_queries(12):
        script.get(f"benchmarks/{last.pk}")
    with django_assert_max_num_queries(3):
        script.get(f"benchmarks/{last.pk}/events")


def test_maps_are_asked_for_and_fetched(script: Script, member: User, settings, tmp_path) -> None:
    settings.EXPLANATIONS_DIR = tmp_path
    benchmark = finished_benchmark(member)
    path = f"benchmarks/{benchmark.pk}/explanations"
    names = ["003.jpg", "000.jpg", "003.jpg"]
    answer = script.post(path, {"images": names}).json()
    assert [(each["image"], each["target"], each["state"]) for each in answer] == [
        ("003.jpg", 0, "waiting"),
        ("000.jpg", 0, "waiting"),
    ]
    assert answer[0]["files"] is None
    assert [each["id"] for each in script.post(path, {"images": names}).json()] == [
        each["id"] for each in answer
    ]
    one = Explanation.objects.get(pk=answer[0]["id"])
    assert script.get(f"explanations/{one.pk}/map.npy").status_code == 404
    folder = explanation_folder(one)
    folder.mkdir(parents=True)
    (folder / "overlay.webp").write_bytes(b"RIFF")
    Explanation.objects.filter(pk=one.pk).update(state=Explanation.State.READY)
    ready = script.client.get(answer[0]["url"]).json()
    assert ready["files"]["map"].endswith(f"/api/v1/explanations/{one.pk}/map.npy")
    overlay = script.client.get(ready["files"]["overlay"])
    assert (overlay.content, overlay["Content-Type"]) == (b"RIFF", "image/webp")
    # A file that was cleared away is no fault of the server.
    assert script.client.get(ready["files"]["map"]).status_code == 404
    assert [row["id"] for row in script.get("explanations", {"state": "ready"}).json()["results"]] == [one.pk]


@pytest.mark.parametrize(
    ("images", "part"),
    [(["005.jpg"], "005.jpg"), ([], "at least 1"), (["a"] * 26, "no more than 25"), ("000.jpg", "list")],
)
def test_maps_of_images_that_were_not_measured_are_refused(
    script: Script, member: User, images: Any, part: str
) -> None:
    benchmark = finished_benchmark(member)
    refused = script.post(f"benchmarks/{benchmark.pk}/explanations", {"images": images})
    assert refused.status_code == 400
    assert part in str(refused.json()["images"])
    assert not Explanation.objects.exists()


def test_answers_follow_the_session_s_language_and_stay_in_their_shape(member: User) -> None:
    browser = Client()
    browser.force_login(member)
    browser.cookies["django_language"] = "zh-hans"
    refused = browser.get(ROOT + "nothing")
    assert refused.status_code == 404
    assert list(refused.json()) == ["detail"]
