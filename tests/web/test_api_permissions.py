"""Every address of the API as owner, other member, administrator, nobody, and with tokens that are none."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from tests.web import factories
from tests.web.api_calls import ROOT, Script, administrator, asked, finished_benchmark, script_of
from webapp.accounts.models import ApiToken
from webapp.accounts.tokens import create_token
from webapp.api.urls import urlpatterns
from webapp.studio.models import Explanation
from webapp.studio.services import explain_benchmark_images, explanation_folder

pytestmark = pytest.mark.django_db


@dataclass(frozen=True)
class Route:
    """One method of one address, and what its owner, another member and an administrator are answered."""

    name: str
    path: str
    method: str = "get"
    owner: int = 200
    other: int = 200
    administrator: int = 200
    body: Callable[[Any], dict[str, Any]] = field(default=lambda rows: {})


def own(name: str, path: str, method: str = "get", owner: int = 200, **fields: Any) -> Route:
    """What only its owner finds."""
    return Route(name, path, method, owner, other=404, administrator=404, **fields)


ROUTES = [
    Route("schema", "schema"),
    Route("me", "me"),
    Route("me", "me", "patch"),
    Route("tokens", "me/tokens"),
    own("token", "me/tokens/{token}", "delete", 204),
    Route("methods", "methods"),
    Route("method", "methods/grad_cam"),
    Route("enhancement", "enhancement"),
    Route("experiments", "experiments"),
    Route("experiment", "experiments/insertion_deletion"),
    Route("classifiers", "classifiers"),
    # An upload without a file, and of JSON: understood of nobody.
    Route("classifiers", "classifiers", "post", 415, 415, 415),
    own("classifier", "classifiers/{classifier}"),
    own("classifier", "classifiers/{unused}", "delete", 204),
    own("prepare_classifier", "classifiers/{classifier}/prepare", "post"),
    Route("datasets", "datasets"),
    Route("dataset", "datasets/{dataset}"),
    Route("benchmarks", "benchmarks"),
    # Another member's model can't be named either.
    Route("benchmarks", "benchmarks", "post", 201, 400, 400, lambda rows: asked(rows["row"])),
    Route("estimate", "benchmarks/estimate", "post", 200, 400, 400, lambda rows: asked(rows["row"])),
    own("benchmark", "benchmarks/{benchmark}"),
    own("benchmark_images_csv", "benchmarks/{benchmark}/images.csv"),
    own("benchmark_report", "benchmarks/{benchmark}/report.txt"),
    own("benchmark_results", "benchmarks/{benchmark}/results.json"),
    own("benchmark_events", "benchmarks/{benchmark}/events"),
    own(
        "benchmark_explanations",
        "benchmarks/{benchmark}/explanations",
        "post",
        body=lambda rows: {"images": ["000.jpg"]},
    ),
    # It is over: its owner is told so, others that there is none.
    own("cancel_benchmark", "benchmarks/{benchmark}/cancel", "post", 409),
    own("resume_benchmark", "benchmarks/{benchmark}/resume", "post", 409),
    Route("workers", "workers"),
    Route("explanations", "explanations"),
    own("explanation", "explanations/{explanation}"),
    own("explanation_overlay", "explanations/{explanation}/overlay.webp"),
    own("explanation_map", "explanations/{explanation}/map.npy"),
    Route("nothing", "nothing/at/all", "get", 404, 404, 404),
    Route("nothing", "me/", "post", 404, 404, 404),
]


@pytest.fixture
def rows(settings, tmp_path) -> dict[str, Any]:
    settings.EXPLANATIONS_DIR = tmp_path
    owner = factories.member()
    classifier = factories.classifier(owner=owner)
    benchmark = finished_benchmark(owner, classifier=classifier)
    explanation = explain_benchmark_images(owner=owner, benchmark=benchmark, images=[("000.jpg", 0)])[
        "000.jpg"
    ]
    Explanation.objects.update(state=Explanation.State.READY)
    folder = explanation_folder(explanation)
    folder.mkdir(parents=True)
    for name in ("overlay.webp", "map.npy"):
        (folder / name).write_bytes(b"a map")
    return {
        "owner": owner,
        "row": benchmark,
        "benchmark": benchmark.pk,
        "classifier": classifier.pk,
        "unused": factories.classifier(owner=owner).pk,
        "dataset": benchmark.dataset_id,
        "explanation": explanation.pk,
        "token": create_token(owner=owner, name="to be revoked")[0].pk,
    }


def answer(script: Script, route: Route, rows: dict[str, Any]) -> Any:
    path = route.path.format(**rows)
    if route.method in ("post", "patch"):
        return getattr(script, route.method)(path, route.body(rows))
    return getattr(script, route.method)(path)


def test_the_table_has_every_address_and_every_method() -> None:
    # The page of the description is one for browsers: see below.
    offered = {
        (pattern.name, method)
        for pattern in urlpatterns
        if pattern.name not in ("docs", "nothing")
        for method in ("get", "post", "put", "patch", "delete")
        if hasattr(pattern.callback.cls, method)
    }
    assert offered == {(route.name, route.method) for route in ROUTES if route.name != "nothing"}


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: f"{route.method} {route.path}")
def test_who_is_answered_what(route: Route, rows: dict[str, Any]) -> None:
    expired, text = create_token(owner=rows["owner"], name="expired")
    ApiToken.objects.filter(pk=expired.pk).update(expires=timezone.now() - timedelta(seconds=1))
    # Those who may not come first, so that they find what the owner may delete.
    found = {
        "nobody": answer(Script(None), route, rows),
        "a bad token": answer(Script("sali_" + "x" * 43), route, rows),
        "an expired token": answer(Script(text), route, rows),
        "other": answer(script_of(factories.member()), route, rows),
        "administrator": answer(script_of(administrator()), route, rows),
        "owner": answer(script_of(rows["owner"]), route, rows),
    }
    assert {name: response.status_code for name, response in found.items()} == {
        "nobody": 401,
        "a bad token": 401,
        "an expired token": 401,
        "other": route.other,
        "administrator": route.administrator,
        "owner": route.owner,
    }
    for response in found.values():
        if response.status_code >= 400:
            assert response["Content-Type"] == "application/json"
            for texts in response.json().values():
                assert texts and all(isinstance(text, str) for text in texts)


def test_another_members_rows_are_in_no_list(rows: dict[str, Any]) -> None:
    stranger = script_of(factories.member())
    for path in ("classifiers", "benchmarks", "explanations"):
        assert stranger.get(path).json()["count"] == 0
    assert script_of(rows["owner"]).get("benchmarks").json()["count"] == 1


def test_a_members_model_cannot_be_named_by_others(rows: dict[str, Any]) -> None:
    refused = script_of(factories.member()).post("benchmarks", asked(rows["row"])).json()
    assert list(refused) == ["classifier"]
    assert "does not exist" in refused["classifier"][0]


def test_where_data_lie_is_told_to_administrators_only(rows: dict[str, Any]) -> None:
    staff = administrator()
    own_of_staff = finished_benchmark(staff)
    path = f"datasets/{rows['dataset']}"
    assert script_of(factories.member()).get(path).json()["path"] is None
    assert script_of(staff).get(path).json()["path"] == "/nowhere"
    for user, benchmark, seen in [(rows["owner"], rows["row"], False), (staff, own_of_staff, True)]:
        script = Script(create_token(owner=user, name="paths")[1])
        for name in ("", "/results.json"):
            specification = script.get(f"benchmarks/{benchmark.pk}{name}").json()["specification"]
            assert ("path" in specification["dataset"]) is seen


def test_the_page_of_the_description_sends_strangers_to_sign_in(client: Client) -> None:
    assert client.get(ROOT + "docs")["Location"] == "/sign-in/?next=/api/v1/docs"
    client.force_login(factories.member())
    assert client.get(ROOT + "docs").status_code == 200
