"""The maps a member keeps: history, pins, room for new ones, cancelling and retrying."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.test import Client
from django.urls import reverse

from tests.web import factories
from webapp.accounts.models import User
from webapp.benchmarks.methods import specified_method
from webapp.library.models import Classifier, Dataset
from webapp.studio import asking, kept, services
from webapp.studio.models import Explanation, State
from webapp.studio.permalinks import permalink
from webapp.studio.sources import Source

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def own_files(settings: Any, tmp_path: Path) -> None:
    settings.EXPLANATIONS_DIR = tmp_path


@pytest.fixture
def classifier() -> Classifier:
    return factories.classifier(
        description={"class_names": ["cat", "dog", "owl"], "family": "cnn", "activation": "softmax"}
    )


@pytest.fixture
def dataset() -> Dataset:
    return factories.dataset()


@pytest.fixture
def owner() -> User:
    return factories.member()


@pytest.fixture
def own(owner: User) -> Client:
    client = Client()
    client.force_login(owner)
    return client


def ask(
    owner: User, classifier: Classifier, dataset: Dataset, image: str = "a.jpg", **given: Any
) -> Explanation:
    (row,) = asking.ask_for_maps(
        owner=owner,
        classifier=classifier,
        source=Source(dataset, image),
        target=1,
        methods=[
            specified_method(
                given.get("key", "gradient"), given.get("parameters", {}), given.get("enhancement")
            )
        ],
    )
    return row


def drawn(row: Explanation) -> Path:
    Explanation.objects.filter(pk=row.pk).update(state=State.READY)
    folder = services.explanation_folder(row)
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def test_the_oldest_unpinned_maps_make_room(
    owner: User,
    classifier: Classifier,
    dataset: Dataset,
    settings: Any,
    django_capture_on_commit_callbacks: Any,
) -> None:
    settings.STUDIO_MOST_MAPS_KEPT = 2
    first, second = (ask(owner, classifier, dataset, image) for image in ("a.jpg", "b.jpg"))
    first_folder, second_folder = drawn(first), drawn(second)
    kept.pin(Explanation.objects.filter(pk=first.pk), pinned=True)
    other = ask(factories.member(), classifier, dataset, "b.jpg")
    with django_capture_on_commit_callbacks(execute=True):
        third = ask(owner, classifier, dataset, "c.jpg")
    assert set(Explanation.objects.filter(owner=owner)) == {first, third}
    # The other member's row leads to the same files.
    assert first_folder.exists() and second_folder.exists() and Explanation.objects.contains(other)
    with django_capture_on_commit_callbacks(execute=True):
        kept.delete_maps([other])
    assert not second_folder.exists()
    kept.pin(Explanation.objects.all(), pinned=True)
    with pytest.raises(ValidationError, match="too many are pinned"):
        ask(owner, classifier, dataset, "d.jpg")


def test_cancelled_maps_are_as_if_never_asked_for(
    own: Client, owner: User, classifier: Classifier, dataset: Dataset
) -> None:
    waiting, running, ready = (ask(owner, classifier, dataset, f"{name}.jpg") for name in "abc")
    drawn(ready)
    foreign = ask(factories.member(), classifier, dataset)
    Explanation.objects.filter(pk=waiting.pk).update(created=waiting.created)
    (claimed, *_rest) = services.claim_explanations()
    numbers = ",".join(str(row.pk) for row in (waiting, running, ready, foreign))
    answer = own.post(
        reverse("studio:change_maps"), {"cancel": numbers}, headers={"Accept": "application/json"}
    )
    assert answer.status_code == 200
    assert set(Explanation.objects.all()) == {ready, foreign}
    ready.refresh_from_db()
    assert (ready.state, ready.curves_state) == (State.READY, "")
    # Its worker learns of it, and what it delivers late changes nothing.
    assert not services.is_claimed(claimed)
    assert not services.finish_explanation(claimed, degenerate=False, seconds=1.0)


def test_curves_that_stepped_back_let_others_go_first(
    owner: User, classifier: Classifier, dataset: Dataset
) -> None:
    first, second = (ask(owner, classifier, dataset, f"{name}.jpg") for name in "ab")
    Explanation.objects.update(state=State.READY)
    claimed = services.claim_curves()
    assert claimed == first
    services.give_back_curves(claimed)
    assert services.claim_curves() == second
    assert services.claim_curves() == first


def test_what_failed_is_tried_again(
    own: Client, owner: User, classifier: Classifier, dataset: Dataset
) -> None:
    row = ask(owner, classifier, dataset)
    Explanation.objects.update(state=State.FAILED, problem="No memory.", attempt=3)
    about = {"retry": row.pk, "model": classifier.pk, "mode": "cut-outs", "opacity": "70"}
    answer = own.post(reverse("studio:change_maps"), about)
    assert answer.status_code == 302
    assert answer.url.startswith(reverse("studio:cut_outs")) and "opacity=70" in answer.url
    row.refresh_from_db()
    assert (row.state, row.problem, row.attempt) == (State.WAITING, "", 0)


def test_history_pins_and_deletes_what_is_ticked(
    own: Client, owner: User, classifier: Classifier, dataset: Dataset
) -> None:
    rows = [ask(owner, classifier, dataset, f"{name}.jpg") for name in "abc"]
    foreign = ask(factories.member(), classifier, dataset)
    change = reverse("studio:change_history")
    own.post(change, {"do": "pin", "map": [rows[0].pk, foreign.pk]})
    assert set(Explanation.objects.filter(pinned=True)) == {rows[0]}
    text = own.get(reverse("studio:history")).content.decode()
    assert "3 of at most 1,000 maps" in text and text.count('name="map"') == 3
    assert own.get(reverse("studio:history"), {"pinned": "1"}).content.decode().count('name="map"') == 1
    own.post(change, {"do": "delete", "map": [rows[1].pk, foreign.pk]})
    assert set(Explanation.objects.all()) == {rows[0], rows[2], foreign}
    own.post(change, {"do": "delete_unpinned"})
    assert set(Explanation.objects.all()) == {rows[0], foreign}


def test_a_map_leads_to_the_address_that_brings_it_back(
    own: Client, owner: User, classifier: Classifier, dataset: Dataset
) -> None:
    row = ask(
        owner,
        classifier,
        dataset,
        key="rise",
        parameters={"masks": 500},
        enhancement={"stride": 64, "low_pass": False},
    )
    assert permalink(row) == (
        f"model={classifier.pk}&dataset={dataset.pk}&image=a.jpg&class=1&enhanced=rise&rise-masks=500"
        "&enhancement-stride=64&enhancement-low_pass=false"
    )
    answer = own.get(reverse("studio:map", args=[row.pk]))
    assert answer.url == f"{reverse('studio:maps')}?{permalink(row)}#maps"


def test_nobody_else_finds_or_changes_them(
    client: Client, owner: User, classifier: Classifier, dataset: Dataset
) -> None:
    row = ask(owner, classifier, dataset)
    paths = [reverse(f"studio:{name}", args=[row.pk]) for name in ("map", "map_curves")]
    shared = [reverse(f"studio:{name}") for name in ("history", "sheet", "curves")]
    for path in [*paths, *shared]:
        assert client.get(path).status_code == 302, path
    for name in ("change_maps", "change_history"):
        assert client.post(reverse(f"studio:{name}"), {"cancel": row.pk}).status_code == 302
    stranger, administrator = factories.member(), factories.member()
    User.objects.filter(pk=administrator.pk).update(is_staff=True, is_superuser=True)
    for user in (stranger, administrator):
        other = Client()
        other.force_login(user)
        assert [other.get(path).status_code for path in paths] == [404, 404]
        assert 'name="map"' not in other.get(reverse("studio:history")).content.decode()
        other.post(reverse("studio:change_maps"), {"cancel": row.pk, "retry": row.pk})
        other.post(reverse("studio:change_history"), {"do": "delete", "map": row.pk})
    assert Explanation.objects.contains(row)


def test_a_list_of_many_maps_asks_a_fixed_number_of_questions(
    own: Client, owner: User, classifier: Classifier, dataset: Dataset, django_assert_max_num_queries: Any
) -> None:
    for number in range(60):
        ask(owner, classifier, dataset, f"{number}.jpg")
    with django_assert_max_num_queries(7):
        text = own.get(reverse("studio:history")).content.decode()
    assert text.count('name="map"') == 48


def test_maps_that_a_benchmarks_page_drew_are_no_recent_maps(
    own: Client, owner: User, classifier: Classifier, dataset: Dataset, settings: Any
) -> None:
    benchmark = factories.queued_benchmark(owner, classifier=classifier, dataset=dataset)
    thumbnails = services.explain_benchmark_images(
        owner=owner, benchmark=benchmark, images=[("a.jpg", 1), ("b.jpg", 1)]
    )
    kept_map = ask(owner, classifier, dataset, "c.jpg")
    text = own.get(reverse("studio:history")).content.decode()
    assert "1 of at most 1,000 maps" in text and text.count('name="map"') == 1
    own.post(reverse("studio:change_history"), {"do": "delete", "map": thumbnails["a.jpg"].pk})
    assert Explanation.objects.contains(thumbnails["a.jpg"])
    # They make room first, though they are not the oldest ones.
    Explanation.objects.update(state=State.READY)
    settings.STUDIO_MOST_MAPS_KEPT = 3
    late = services.explain_benchmark_images(owner=owner, benchmark=benchmark, images=[("d.jpg", 1)])
    assert set(Explanation.objects.all()) == {thumbnails["b.jpg"], kept_map, late["d.jpg"]}
    # Once it is asked for in the studio, or pinned, it is one of the recent maps.
    Explanation.objects.filter(pk=kept_map.pk).update(listed=False)
    assert ask(owner, classifier, dataset, "c.jpg") == kept_map
    kept.pin(Explanation.objects.filter(pk=late["d.jpg"].pk), pinned=True)
    assert own.get(reverse("studio:history")).content.decode().count('name="map"') == 2
