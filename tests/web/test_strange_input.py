"""Forms and addresses that say what no page says: refused with a reason, never an error of the server."""

from __future__ import annotations

import html

import pytest
from django.test import Client
from django.urls import reverse

from tests.web import factories
from webapp.common.text import row_number

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("name", ["theme", "language"])
@pytest.mark.parametrize("address", ["x", "a\0b", "-1", "9" * 30, "//elsewhere.org", "accounts:account"])
def test_only_an_address_of_this_server_is_gone_back_to(client: Client, name: str, address: str) -> None:
    answer = client.post(reverse(f"accounts:{name}"), {name: "dark", "next": address})
    assert (answer.status_code, answer["Location"]) == (302, reverse("accounts:home"))
    back = client.post(reverse(f"accounts:{name}"), {name: "dark", "next": "/benchmarks/?q=x"})
    assert back["Location"] == "/benchmarks/?q=x"


@pytest.mark.parametrize("field", ["also", "classifier", "dataset", "subset_seed"])
@pytest.mark.parametrize("value", ["9" * 30, "a\0b", "-1", "nan", "²"])
def test_a_new_benchmark_says_what_is_no_choice(client: Client, field: str, value: str) -> None:
    member = factories.member()
    client.force_login(member)
    model, dataset = factories.classifier(), factories.dataset()
    sent = {"classifier": model.pk, "dataset": dataset.pk, "number_of_images": "10", "subset_seed": "0"}
    answer = client.post(reverse("benchmarks:new"), sent | {field: value})
    assert answer.status_code == 422
    assert field in answer.context["form"].errors


@pytest.mark.parametrize("field", ["name", "notes", "tags"])
def test_what_no_database_keeps_is_not_written_on_a_benchmark(client: Client, field: str) -> None:
    benchmark = factories.queued_benchmark(factories.member(), 1)
    client.force_login(benchmark.owner)
    answer = client.post(reverse("benchmarks:label", kwargs={"pk": benchmark.pk}), {field: "a\0b"})
    assert answer.status_code == 422
    assert "characters that can't be kept" in html.unescape(answer.content.decode())


@pytest.mark.parametrize(
    "name", ["library:datasets", "comparisons:compare", "benchmarks:list", "library:classifiers"]
)
def test_a_search_passes_over_what_no_text_holds(client: Client, name: str) -> None:
    client.force_login(factories.member())
    assert client.get(reverse(name), {"q": "a\0b"}).status_code == 200


@pytest.mark.parametrize("text", ["", "-1", "²", "١", "1.0", "9" * 16, "a\0b"])
def test_what_names_no_row_is_no_number(text: str) -> None:
    assert row_number(text) is None


def test_the_largest_number_that_an_address_may_name_is_asked_for(client: Client) -> None:
    benchmark = factories.queued_benchmark(factories.member(), 1)
    client.force_login(benchmark.owner)
    assert row_number("9" * 15) == 999_999_999_999_999
    page = reverse("benchmarks:detail", kwargs={"pk": benchmark.pk})
    assert client.get(page, {"log": "9" * 15}).status_code == 200
    assert client.get(reverse("benchmarks:list"), {"q": "#" + "9" * 15}).status_code == 200
    assert (
        client.get(reverse("comparisons:compare"), {"q": "9" * 15, "benchmark": "9" * 15}).status_code < 500
    )
