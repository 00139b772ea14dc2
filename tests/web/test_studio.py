"""Maps that members asked for: drawn once, leased while they are drawn, never lost."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db.models.functions import Now

from tests.web import factories
from webapp.accounts.models import User
from webapp.library.models import Dataset
from webapp.studio import services
from webapp.studio.asking import ask_for_prediction
from webapp.studio.models import Explanation
from webapp.studio.sources import Source

pytestmark = pytest.mark.django_db
IMAGES = [("a.jpg", 3), ("b.jpg", 5)]


def asked() -> dict[str, Explanation]:
    benchmark = factories.running_benchmark()
    return services.explain_benchmark_images(owner=benchmark.owner, benchmark=benchmark, images=IMAGES)


def test_a_map_is_queued_once_however_often_it_is_asked_for() -> None:
    benchmark = factories.running_benchmark()
    first = services.explain_benchmark_images(owner=benchmark.owner, benchmark=benchmark, images=IMAGES)
    again = services.explain_benchmark_images(owner=benchmark.owner, benchmark=benchmark, images=IMAGES)
    assert first == again
    assert Explanation.objects.count() == 2
    assert {row.target for row in first.values()} == {3, 5}


@pytest.mark.parametrize("other", [("a.jpg", 4), ("c.jpg", 3)])
def test_another_class_or_image_is_another_map(other: tuple[str, int]) -> None:
    benchmark = factories.running_benchmark()
    ask = {"owner": benchmark.owner, "benchmark": benchmark}
    first = services.explain_benchmark_images(**ask, images=[("a.jpg", 3)])["a.jpg"]
    assert services.explain_benchmark_images(**ask, images=[other])[other[0]].digest != first.digest


def test_a_map_of_a_members_data_set_is_not_that_of_anothers_with_the_same_fingerprint() -> None:
    def folder_of(owner: User, dataset: Dataset) -> Path:
        benchmark = factories.running_benchmark(owner, dataset=dataset)
        (row,) = services.explain_benchmark_images(
            owner=owner, benchmark=benchmark, images=[("a.jpg", 3)]
        ).values()
        return services.explanation_folder(row)

    ada, bob = factories.member(), factories.member()
    of_ada, of_bob = factories.dataset(owner=ada, shared_with_lab=True), factories.dataset(owner=bob)
    of_lab = factories.dataset()
    assert of_ada.fingerprint == of_bob.fingerprint == of_lab.fingerprint
    assert len({folder_of(ada, of_ada), folder_of(bob, of_bob), folder_of(ada, of_lab)}) == 3
    # Whoever asks: it is the data set that counts.
    assert folder_of(bob, of_ada) == folder_of(ada, of_ada)
    assert folder_of(bob, of_lab) == folder_of(ada, factories.dataset())


def test_an_enhanced_map_is_another_one_and_is_drawn_apart() -> None:
    owner, classifier, dataset = factories.member(), factories.classifier(), factories.dataset()
    asked_for = {"classifier": classifier, "dataset": dataset}
    rows = []
    for enhancement in (None, {"stride": 64}):
        benchmark = factories.running_benchmark(owner, enhancement=enhancement, **asked_for)
        ask = {"owner": owner, "benchmark": benchmark, "images": [("a.jpg", 3)]}
        rows += services.explain_benchmark_images(**ask).values()
    plain, enhanced = rows
    assert plain.specified_method["enhancement"] is None
    assert enhanced.specified_method == benchmark.specification["methods"][0]
    assert services.claim_explanations() == [plain]
    assert services.claim_explanations() == [enhanced]


def test_maps_drawn_before_there_was_an_enhancement_are_found_again() -> None:
    benchmark = factories.running_benchmark()
    method = benchmark.specification["methods"][0]
    old = {"key": method["key"], "parameters": method["parameters"]}
    digests = {
        services.explanation_digest(benchmark.specification, each, "a.jpg", 3) for each in (method, old)
    }
    assert len(digests) == 1


def test_claimed_maps_are_those_that_share_classifier_and_method() -> None:
    asked()
    asked()
    claimed = services.claim_explanations()
    assert [row.image for row in claimed] == ["a.jpg", "b.jpg"]
    assert len({row.classifier_id for row in claimed}) == 1
    assert len(services.claim_explanations()) == 2
    assert services.claim_explanations() == []


def test_members_are_served_in_turn() -> None:
    busy, other = factories.member(), factories.member()
    for number, owner in enumerate((busy, busy, busy, other)):
        classifier = factories.classifier(weights_sha256=f"{number}" * 64)
        benchmark = factories.running_benchmark(owner, classifier=classifier, dataset=factories.dataset())
        services.explain_benchmark_images(owner=owner, benchmark=benchmark, images=[("a.jpg", 3)])
    claims = [services.claim_explanations() for _ in range(4)]
    assert [[row.owner for row in claimed] for claimed in claims] == [[busy], [other], [busy], [busy]]


def test_a_full_claim_is_not_only_of_who_asked_first() -> None:
    shown = {"classifier": factories.classifier(), "dataset": factories.dataset()}
    busy, other = factories.member(), factories.member()
    for owner, number in ((busy, 40), (other, 2)):
        benchmark = factories.running_benchmark(owner, **shown)
        images = [(f"{place}.jpg", 3) for place in range(number)]
        assert (
            len(services.explain_benchmark_images(owner=owner, benchmark=benchmark, images=images)) == number
        )
    claims = [[row.owner for row in services.claim_explanations()] for _ in range(3)]
    assert claims == [[busy] * 16, [busy] * 14 + [other] * 2, [busy] * 10]


def test_predictions_are_served_in_turn_too() -> None:
    busy, other = factories.member(), factories.member()
    dataset = factories.dataset()
    for number, owner in enumerate((busy, busy, other)):
        classifier = factories.classifier(weights_sha256=f"{number}" * 64)
        ask_for_prediction(owner=owner, classifier=classifier, source=Source(dataset, "a.jpg"))
    claims = [[row.owner for row in services.claim_predictions()] for _ in range(3)]
    assert claims == [[busy], [other], [busy]]


def test_a_page_gets_as_many_maps_as_there_is_room_for() -> None:
    benchmark = factories.running_benchmark()
    ask = {"owner": benchmark.owner, "benchmark": benchmark}
    images = [(f"{number:03}.jpg", 3) for number in range(100)]
    found = services.explain_benchmark_images(**ask, images=images)
    assert list(found) == [f"{number:03}.jpg" for number in range(64)]
    # What waits already is among the answers, and nothing more is asked for.
    assert services.explain_benchmark_images(**ask, images=images) == found
    assert services.explain_benchmark_images(**ask, images=images[64:]) == {}
    for claimed in services.claim_explanations():
        services.finish_explanation(claimed, degenerate=False, seconds=1.0)
    assert list(services.explain_benchmark_images(**ask, images=images[60:])) == [
        f"{number:03}.jpg" for number in range(60, 80)
    ]
    assert Explanation.objects.count() == 80


def test_a_page_gets_no_maps_that_could_not_be_kept(settings: Any) -> None:
    settings.STUDIO_MOST_MAPS_KEPT = 5
    benchmark = factories.running_benchmark()
    ask = {"owner": benchmark.owner, "benchmark": benchmark}
    services.explain_benchmark_images(**ask, images=[(f"{number}.jpg", 3) for number in range(4)])
    Explanation.objects.update(state="ready", pinned=True)
    Explanation.objects.filter(image="0.jpg").update(pinned=False)
    images = [("a.jpg", 3), ("b.jpg", 3), ("c.jpg", 3)]
    assert list(services.explain_benchmark_images(**ask, images=images)) == ["a.jpg", "b.jpg"]
    assert Explanation.objects.count() == 5


def test_lost_map_waits_again_and_its_late_worker_changes_nothing() -> None:
    asked()
    late = services.claim_explanations()
    Explanation.objects.update(lease_expires=Now() - timedelta(seconds=1))
    assert services.reclaim_lost_explanations() == 2
    assert services.claim_explanations() == []  # not at once
    Explanation.objects.update(not_before=None)
    current = services.claim_explanations()
    assert not services.finish_explanation(late[0], degenerate=False, seconds=1.0)
    assert services.finish_explanation(current[0], degenerate=True, seconds=2.0)
    row = Explanation.objects.get(pk=current[0].pk)
    assert (row.state, row.degenerate, row.seconds) == (Explanation.State.READY, True, 2.0)


def test_slow_map_keeps_its_lease() -> None:
    asked()
    claimed = services.claim_explanations()
    Explanation.objects.update(lease_expires=Now() - timedelta(seconds=1))
    services.keep_leases(claimed)
    assert services.reclaim_lost_explanations() == 0


def test_map_given_back_does_not_count_as_an_attempt() -> None:
    asked()
    claimed = services.claim_explanations()
    assert services.give_back(claimed[0])
    row = Explanation.objects.get(pk=claimed[0].pk)
    assert (row.state, row.attempt) == (Explanation.State.WAITING, 0)


def lose_worker() -> None:
    """Nothing has been heard of it for longer than its lease, and the pause that follows is over."""
    running = Explanation.objects.filter(state=Explanation.State.RUNNING)
    running.update(lease_expires=Now() - timedelta(seconds=1))
    services.reclaim_lost_explanations()
    Explanation.objects.update(not_before=None)


def test_a_map_that_kills_its_worker_is_set_aside_alone() -> None:
    """Drawn together with another one at first; after that by itself."""
    asked()
    poisonous, good = services.claim_explanations()
    lose_worker()
    for _ in range(2):
        assert [each.pk for each in services.claim_explanations()] == [poisonous.pk]
        lose_worker()
    poisonous.refresh_from_db()
    assert poisonous.state == Explanation.State.FAILED
    assert poisonous.problem.startswith("3 times the worker ended without a word while it was at this")
    (claimed,) = services.claim_explanations()
    assert (claimed.pk, claimed.attempt) == (good.pk, 2)
