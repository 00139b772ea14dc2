"""The start page: visitors are told what it is, members what goes on and what to do first."""

from __future__ import annotations

import pytest
from django.test import Client

from tests.web import factories
from webapp.accounts.models import User
from webapp.benchmarks.models import Benchmark
from webapp.library.models import Classifier
from webapp.studio.models import Explanation, State

pytestmark = pytest.mark.django_db


@pytest.fixture
def member(client: Client) -> User:
    user = factories.member()
    client.force_login(user)
    return user


def map_of(owner: User, **fields: object) -> Explanation:
    values = {
        "owner": owner,
        "classifier": factories.classifier(),
        "dataset": factories.dataset(),
        "image": "000.jpg",
        "pipeline": "squash",
        "digest": f"{Explanation.objects.count():064}",
        "state": State.READY,
        "method": "grad_cam",
        "parameters": {"layer": "features.0"},
        "target": 7,
    }
    return Explanation.objects.create(**values | fields)


def test_first_visit_says_what_to_do(client: Client, member: User) -> None:
    page = client.get("/").content.decode()
    for text in ("Choose a model", "Look at a map", "Queue a benchmark", "No worker is running"):
        assert text in page
    factories.queued_benchmark(member)
    assert "first-steps" not in client.get("/").content.decode()


def test_what_goes_on_is_shown(client: Client, member: User) -> None:
    factories.node(activity="benchmark #1, images 1–4")
    own, foreign = factories.queued_benchmark(member), factories.queued_benchmark()
    shared = factories.queued_benchmark()
    Benchmark.objects.filter(pk=shared.pk).update(shared_with_lab=True)
    factories.classifier(name="On its way", state=Classifier.State.PREPARING)
    factories.classifier(name="Foreign model", state=Classifier.State.PREPARING, owner=foreign.owner)
    drawn, waiting, others = map_of(member), map_of(member, state=State.WAITING), map_of(foreign.owner)
    page = client.get("/").content.decode()
    for shown in (
        f"/benchmarks/{own.pk}/",
        f"/benchmarks/{shared.pk}/",
        f"/maps/{drawn.pk}/overlay.webp",
        "On its way",
        ">Models not ready<",
        'data-label="Progress"><span>0 / 10<',
        "benchmark #1, images 1 to 4",
    ):
        assert shown in page, shown
    for hidden in (
        f"/benchmarks/{foreign.pk}/",
        f"/maps/{waiting.pk}/overlay.webp",
        f"/maps/{others.pk}/overlay.webp",
        "Foreign model",
    ):
        assert hidden not in page, hidden


def test_what_workers_are_at_is_in_the_readers_language(client: Client, member: User) -> None:
    factories.node(activity="benchmark #1, images 1–4", device="AMD EPYC, 2 threads")
    factories.node(activity="looking at a model")
    client.cookies["django_language"] = "zh-hans"
    page = client.get("/").content.decode()
    assert "评测 #1，图像 1 至 4" in page
    assert "正在检查模型" in page
    assert "AMD EPYC，2 线程<" in page


def test_a_map_leads_to_the_studio_with_its_settings(client: Client, member: User) -> None:
    drawn = map_of(member)
    expected = (
        f"/studio/?model={drawn.classifier_id}&amp;dataset={drawn.dataset_id}&amp;image=000.jpg&amp;class=7"
        "&amp;method=grad_cam&amp;grad_cam-layer=features.0"
    )
    assert f'href="{expected}"' in client.get("/").content.decode()


def test_the_number_of_queries_does_not_grow(
    client: Client, member: User, django_assert_num_queries: object
) -> None:
    for number in range(3):
        factories.queued_benchmark(member)
        map_of(member)
        factories.node()
        factories.classifier(state=Classifier.State.WAITING, name=f"Waiting {number}")
    client.get("/")
    # Session, member, benchmarks, maps, models, workers.
    with django_assert_num_queries(6):
        client.get("/")
    for _number in range(12):
        factories.queued_benchmark(member)
        map_of(member)
    with django_assert_num_queries(6):
        page = client.get("/").content.decode()
    assert page.count('<th scope="row"') == 8 + 14  # Benchmarks, and the keys of the dialog.


def test_visitors_see_what_it_is(client: Client) -> None:
    page = client.get("/").content.decode()
    assert "Saliency maps, compared and measured" in page
    assert "shortcuts" not in page and "member.js" not in page
