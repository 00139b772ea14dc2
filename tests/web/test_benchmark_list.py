"""The list of benchmarks: all that is chosen stands in its address, and a member sees what is theirs to see."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from tests.web import factories
from tests.web.api_calls import finished_benchmark
from webapp.accounts.models import User
from webapp.benchmarks.deletion import delete_benchmark
from webapp.benchmarks.labels import label_benchmark
from webapp.benchmarks.models import Benchmark, SavedView
from webapp.benchmarks.saved_views import pin_benchmark
from webapp.benchmarks.sharing import share_with_lab, share_with_member

pytestmark = pytest.mark.django_db
LIST = "/benchmarks/"


@pytest.fixture
def member(client: Client) -> User:
    user = factories.member()
    client.force_login(user)
    return user


def shown(client: Client, query: str = "") -> list[int]:
    """The numbers of the rows in their order."""
    response = client.get(f"{LIST}?{query}")
    assert response.status_code == 200
    return [int(number) for number in re.findall(r'<tr data-benchmark="(\d+)"', response.content.decode())]


def test_own_and_shared_ones_are_listed_and_nobody_elses(client: Client, member: User) -> None:
    own = factories.queued_benchmark(member)
    lab, personal, _foreign = (factories.queued_benchmark() for _ in range(3))
    share_with_lab(lab, shared=True)
    share_with_member(personal, member=member.username.upper())
    assert shown(client) == [personal.pk, lab.pk, own.pk]
    assert shown(client, "owner=mine") == [own.pk]
    assert shown(client, "owner=shared") == [personal.pk, lab.pk]
    assert f"shared by {lab.owner.username}" in client.get(LIST).content.decode()
    delete_benchmark(own)
    assert shown(client, "owner=mine") == []


def test_filters_narrow_the_list_down(client: Client, member: User) -> None:
    ordinary = factories.queued_benchmark(member)
    model, dataset = factories.classifier(name="Inception"), factories.dataset(name="Shells")
    special = factories.queued_benchmark(
        member,
        classifier=model,
        dataset=dataset,
        methods=[{"key": "rise"}, {"key": "score_cam"}],
        experiments=[{"key": "sparsity", "protocol": "gini@1"}],
    )
    label_benchmark(special, name="Second try", notes="with more masks", tags=["paper", "figure 3"])
    old = timezone.now() - timedelta(days=9)
    Benchmark.objects.filter(pk=special.pk).update(created=old)
    for query in (
        f"model={model.pk}", f"dataset={dataset.pk}", "method=rise", "method=score_cam", "experiment=sparsity",
        "tag=paper", f"until={old:%Y-%m-%d}", "q=second", "q=MASKS+second", "q=inception", "q=shells", "q=figure",
        f"q=%23{special.pk}",
    ):  # fmt: skip
        assert shown(client, query) == [special.pk], query
    for query in ("method=grad_cam", "experiment=insertion_deletion", f"since={timezone.now():%Y-%m-%d}"):
        assert shown(client, query) == [ordinary.pk], query
    assert shown(client, "state=running") == []
    assert shown(client, "state=running&state=queued") == [special.pk, ordinary.pk]
    assert shown(client, "q=second+nothing") == []


def test_what_an_address_gets_wrong_is_passed_over(client: Client, member: User) -> None:
    row = factories.queued_benchmark(member)
    wrong = "state=x&model=y&dataset=99999999999999999999&method=%22&since=2024-99-99&sort=x&column=y&page=z&q=%00"
    assert shown(client, wrong) == [row.pk]
    assert client.get(f"{LIST}?q=%25_%27").status_code == 200


def test_rows_are_sorted_by_a_column_with_pinned_ones_first(client: Client, member: User) -> None:
    small, large, middle = (factories.queued_benchmark(member, images=images) for images in (2, 9, 5))
    assert shown(client, "sort=images") == [small.pk, middle.pk, large.pk]
    assert shown(client, "sort=-images") == [large.pk, middle.pk, small.pk]
    now = timezone.now()
    Benchmark.objects.filter(pk=large.pk).update(started=now, finished=now + timedelta(seconds=5))
    Benchmark.objects.filter(pk=small.pk).update(started=now, finished=now + timedelta(seconds=9))
    assert shown(client, "sort=-duration") == [small.pk, large.pk, middle.pk]
    address = reverse("benchmarks:pin", args=[middle.pk])
    response = client.post(address, {"pinned": "on", "query": "sort=-images&page=1"})
    assert response["Location"] == "/benchmarks/?sort=-images&page=1"
    assert shown(client, "sort=-images") == [middle.pk, large.pk, small.pk]
    # A pin is the member's own.
    other = factories.member()
    for row in (small, large, middle):
        share_with_member(row, member=other.username)
    client.force_login(other)
    assert shown(client, "sort=-images") == [large.pk, middle.pk, small.pk]
    pin_benchmark(small, user=other, pinned=True)
    assert shown(client) == [small.pk, middle.pk, large.pk]
    client.post(reverse("benchmarks:pin", args=[small.pk]), {"pinned": "off"})
    assert shown(client) == [middle.pk, large.pk, small.pk]


def test_columns_are_chosen_in_the_address(client: Client, member: User) -> None:
    benchmark = finished_benchmark(member)
    label_benchmark(benchmark, notes="Seen at the seminar")
    page = client.get(f"{LIST}?column=notes&column=owner&column=figure").content.decode()
    table = page[page.index('id="benchmark-list"') : page.index("</table>")]
    assert "Seen at the seminar" in table and member.username in table
    assert re.search(r'data-live="value">4\.29<', table)  # (1 + 2 + 3 + 4 + 5 + 7 + 8) / 7 per cent
    assert "Photographs" not in table


def test_the_main_figure_is_sorted_by_within_its_protocol(
    client: Client, member: User, django_assert_max_num_queries
) -> None:
    """Insertion AUC of 2.5, 4.5 and 6.5 per cent under thesis@1, of 3.5 under rise@1, and none yet."""

    def measured(images: int, protocol: str = "thesis@1") -> Benchmark:
        experiments = [{"key": "insertion_deletion", "protocol": protocol}]
        return finished_benchmark(member, images=images, failed=(), experiments=experiments)

    middle, large, small = measured(8), measured(12), measured(4)
    other, waiting = measured(6, "rise@1"), factories.queued_benchmark(member)
    assert [round(100 * each.figures["headline"]["value"], 1) for each in (middle, large, small, other)] == [
        4.5, 6.5, 2.5, 3.5,
    ]  # fmt: skip
    assert shown(client, "sort=-figure") == [other.pk, large.pk, middle.pk, small.pk, waiting.pk]
    assert shown(client, "sort=figure") == [other.pk, small.pk, middle.pk, large.pk, waiting.pk]
    page = client.get(f"{LIST}?sort=-figure").content.decode()
    assert "Sorted within each protocol" in page
    assert page.count('data-live="protocol">insertion-deletion/thesis@1<') == 3
    assert 'data-live="protocol">insertion-deletion/rise@1<' in page
    assert "Sorted within each protocol" not in client.get(LIST).content.decode()
    # Those that ended before the figure was kept apart are sorted all the same.
    for row in Benchmark.objects.exclude(figures={}):
        row.figures.pop("headline")
        row.figures_complete = True
        row.save(update_fields=["figures", "figures_complete"])
    with django_assert_max_num_queries(15):
        assert shown(client, "sort=-figure") == [other.pk, large.pk, middle.pk, small.pk, waiting.pk]
    small.refresh_from_db()
    assert small.figures["headline"]["value"] == pytest.approx(0.025)


def test_pages_have_25_rows(client: Client, member: User) -> None:
    first = factories.queued_benchmark(member)
    rows = [Benchmark(**values(first)) for _ in range(29)]
    Benchmark.objects.bulk_create(rows)
    assert len(shown(client)) == 25
    assert len(shown(client, "page=2")) == 5
    assert len(shown(client, "page=99")) == 5


def values(benchmark: Benchmark) -> dict[str, object]:
    names = ("owner_id", "classifier_id", "dataset_id", "specification", "number_of_images")
    return {name: getattr(benchmark, name) for name in names}


def test_queries_do_not_grow_with_the_rows(client: Client, member: User, django_assert_num_queries) -> None:
    first = factories.queued_benchmark(member)
    client.get(LIST)
    for rows in (0, 60):
        Benchmark.objects.bulk_create([Benchmark(**values(first)) for _ in range(rows)])
        with django_assert_num_queries(11):
            client.get(f"{LIST}?q=photographs&sort=-duration&method=grad_cam")


def test_views_are_saved_opened_renamed_and_deleted(client: Client, member: User) -> None:
    factories.queued_benchmark(member)
    save = {"name": "Running ones", "query": "sort=-created&state=running&page=3&q="}
    response = client.post(reverse("benchmarks:save_view"), save)
    assert response["Location"] == "/benchmarks/?sort=-created&state=running"
    view = SavedView.objects.get()
    assert (view.owner, view.query) == (member, "sort=-created&state=running")
    page = client.get(f"{LIST}?state=running&sort=-created").content.decode()
    assert 'href="/benchmarks/?sort=-created&amp;state=running" aria-current="true">Running ones</a>' in page
    client.post(reverse("benchmarks:save_view"), save | {"query": "q=x"})
    assert SavedView.objects.get().query == "q=x"
    client.post(reverse("benchmarks:save_view"), save | {"name": "Others"})
    client.post(reverse("benchmarks:rename_view", args=[view.pk]), {"name": "Others"})
    page = client.get(LIST).content.decode()
    assert "You have a view of this name." in page
    client.post(reverse("benchmarks:rename_view", args=[view.pk]), {"name": "Mine"})
    assert list(SavedView.objects.values_list("name", flat=True)) == ["Mine", "Others"]
    client.force_login(factories.member())
    for name in ("rename_view", "delete_view"):
        assert client.post(reverse(f"benchmarks:{name}", args=[view.pk]), {"name": "x"}).status_code == 404
    client.force_login(member)
    client.post(reverse("benchmarks:delete_view", args=[view.pk]))
    assert SavedView.objects.get().name == "Others"
    client.post(reverse("benchmarks:save_view"), {"name": " ", "query": ""})
    assert "Give the view a name." in client.get(LIST).content.decode()


def test_selected_rows_are_compared_tagged_and_deleted(client: Client, member: User) -> None:
    first, second = (factories.running_benchmark(member) for _ in range(2))
    foreign = factories.queued_benchmark()
    share_with_lab(foreign, shared=True)
    address = reverse("benchmarks:selected")
    chosen = {"benchmark": [first.pk, second.pk, foreign.pk], "query": "sort=-images"}
    response = client.post(address, chosen | {"do": "compare"})
    numbers = "&".join(f"benchmark={number}" for number in chosen["benchmark"])
    assert response["Location"] == f"/benchmarks/compare/?{numbers}"
    client.post(address, chosen | {"do": "tag", "tags": "seminar, paper，seminar"})
    for row in (first, second):
        assert list(row.tags.values_list("name", flat=True)) == ["paper", "seminar"]
    assert not foreign.tags.exists()
    response = client.post(address, chosen | {"do": "delete"}, follow=True)
    assert response.redirect_chain == [("/benchmarks/?sort=-images", 302)]
    page = response.content.decode()
    assert f"Deleted: #{first.pk}, #{second.pk}." in page and ">Undo</button>" in page
    assert shown(client) == [foreign.pk]
    first.refresh_from_db()
    assert first.deleted is not None and first.state == "cancelled"
    client.post(reverse("benchmarks:restore"), {"benchmark": [first.pk, second.pk]})
    assert shown(client) == [foreign.pk, second.pk, first.pk]
    client.post(address, {"do": "delete"})
    assert "Select benchmarks of your own first" in client.get(LIST).content.decode()


def test_visitors_change_nothing(client: Client) -> None:
    benchmark = factories.queued_benchmark()
    view = SavedView.objects.create(owner=benchmark.owner, name="A view")
    addresses = [
        *(reverse(f"benchmarks:{name}") for name in ("selected", "restore", "save_view")),
        reverse("benchmarks:pin", args=[benchmark.pk]),
        *(reverse(f"benchmarks:{name}", args=[view.pk]) for name in ("rename_view", "delete_view")),
    ]
    sent = {"benchmark": benchmark.pk, "do": "delete", "name": "x", "pinned": "on"}
    for address in addresses:
        response = client.post(address, sent)
        assert response.status_code == 302 and response["Location"].startswith("/sign-in/"), address
        assert client.get(address).status_code == 405, address
    assert SavedView.objects.get().name == "A view"
    # What a member does not see can't be pinned either.
    client.force_login(factories.member())
    assert client.post(reverse("benchmarks:pin", args=[benchmark.pk]), sent).status_code == 404
