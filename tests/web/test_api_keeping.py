"""Names, notes, tags, shares, reruns and deletion by the API, and what its list of benchmarks can be narrowed to."""

from __future__ import annotations

import pytest

from tests.web import factories
from tests.web.api_calls import Script, asked, finished_benchmark, script_of
from webapp.accounts.models import User
from webapp.benchmarks.models import Benchmark

pytestmark = pytest.mark.django_db


@pytest.fixture
def owner() -> User:
    return factories.member()


@pytest.fixture
def script(owner: User) -> Script:
    return script_of(owner)


def test_what_is_left_out_of_a_change_stays(script: Script, owner: User) -> None:
    benchmark = finished_benchmark(owner)
    path = f"benchmarks/{benchmark.pk}"
    answer = script.patch(path, {"name": "Third", "tags": ["b", "a", "a"], "notes": " as it is\n"}).json()
    assert (answer["name"], answer["tags"], answer["notes"]) == ("Third", ["a", "b"], " as it is\n")
    answer = script.patch(path, {"tags": [], "shared_with_lab": True}).json()
    assert (answer["name"], answer["tags"], answer["shared_with_lab"]) == ("Third", [], True)
    refused = script.patch(path, {"name": "x" * 121, "tags": ["y" * 41]})
    assert refused.status_code == 400
    assert set(refused.json()) == {"name", "tags.0"}


def test_shares(script: Script, owner: User) -> None:
    benchmark, other = finished_benchmark(owner), factories.member()
    path = f"benchmarks/{benchmark.pk}/shares"
    assert script.post(path, {"member": other.username}).json()["account_number"] == other.account_number
    assert [each["username"] for each in script.get(path).json()] == [other.username]
    refused = script.post(path, {"member": "nobody"})
    assert refused.status_code == 400
    assert refused.json() == {
        "member": ["There is no member “nobody”. Check the user name or the account number."]
    }
    reader = script_of(other)
    assert reader.get(f"benchmarks/{benchmark.pk}").status_code == 200
    assert script.delete(f"{path}/{other.account_number}").status_code == 204
    assert reader.get(f"benchmarks/{benchmark.pk}").status_code == 404


def test_deleting_and_bringing_back(script: Script, owner: User) -> None:
    benchmark = factories.running_benchmark(owner)
    path = f"benchmarks/{benchmark.pk}"
    assert script.delete(path).status_code == 204
    assert script.get(path).status_code == 404
    assert [each["id"] for each in script.get("benchmarks/deleted").json()["results"]] == [benchmark.pk]
    assert script.post(f"{path}/restore").json()["state"] == "cancelled"
    assert script.get("benchmarks/deleted").json()["count"] == 0
    assert script.post(f"{path}/restore").status_code == 404


def test_a_rerun_names_its_origin(script: Script, owner: User) -> None:
    benchmark = finished_benchmark(owner)
    answer = script.post(f"benchmarks/{benchmark.pk}/rerun")
    assert answer.status_code == 201
    again = answer.json()
    assert (again["origin"], again["state"]) == (benchmark.pk, "queued")
    assert again["specification"] == script.get(f"benchmarks/{benchmark.pk}").json()["specification"]


def test_the_list_is_narrowed_down(script: Script, owner: User) -> None:
    first = finished_benchmark(owner)
    request = asked(first, methods=[{"key": "rise"}], name="Seven masks", tags=["paper"])
    request |= {"experiments": [{"experiment": "sparsity"}]}
    second = script.post("benchmarks", request).json()["id"]
    Benchmark.objects.filter(pk=first.pk).update(submission="12345678-1234-5678-1234-567812345678")
    for query, number in (
        ({"q": "masks"}, second),
        ({"method": "rise"}, second),
        ({"experiment": "sparsity"}, second),
        ({"tag": "paper"}, second),
        ({"method": "grad_cam"}, first.pk),
        ({"submission": "12345678-1234-5678-1234-567812345678"}, first.pk),
    ):
        assert [each["id"] for each in script.get("benchmarks", query).json()["results"]] == [number], query


def test_queries_do_not_grow_with_the_rows(script: Script, owner: User, django_assert_num_queries) -> None:
    first = finished_benchmark(owner)
    script.get("benchmarks")
    names = ("owner_id", "classifier_id", "dataset_id", "specification", "number_of_images")
    values = {name: getattr(first, name) for name in names}
    for rows in (0, 20):
        Benchmark.objects.bulk_create([Benchmark(**values) for _ in range(rows)])
        # Token and member, the number of rows, the rows, their tags.
        with django_assert_num_queries(4):
            assert script.get("benchmarks").status_code == 200
