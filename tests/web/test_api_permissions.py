"""Every address of the API as owner, other member, administrator, nobody, and with tokens that are none."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import numpy as np
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.utils import timezone

from tests.web import factories
from tests.web.api_calls import ROOT, Script, administrator, asked, finished_benchmark, script_of, small_png
from webapp.accounts.models import ApiToken
from webapp.accounts.tokens import create_token
from webapp.api.urls import urlpatterns
from webapp.backups.services import request_backup
from webapp.benchmarks.archives import request_archive
from webapp.benchmarks.deletion import delete_benchmark
from webapp.benchmarks.sharing import share_with_lab, share_with_member
from webapp.studio.asking import ask_for_prediction
from webapp.studio.models import Explanation
from webapp.studio.pictures import keep_picture
from webapp.studio.services import explain_benchmark_images, explanation_folder
from webapp.studio.sources import Source

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
    own("classifier", "classifiers/{classifier}", "patch", body=lambda rows: {"name": "Renamed"}),
    own(
        "classifier",
        "classifiers/{classifier}",
        "patch",
        body=lambda rows: {"preprocessing": {"pipeline": "resize_crop"}},
    ),
    own("classifier_compatibility", "classifiers/{classifier}/compatibility"),
    own("classifier_compatibility", "classifiers/{classifier}/compatibility", "post"),
    Route("architectures", "architectures?search=resnet50"),
    own("prepare_classifier", "classifiers/{classifier}/prepare", "post"),
    # Nothing is being prepared: its owner is told so.
    own("cancel_preparation", "classifiers/{classifier}/cancel", "post", 409),
    own("classifier_settings", "classifiers/{classifier}/settings"),
    own("classifier_settings", "classifiers/{classifier}/settings", "delete", 204),
    own("method_settings", "classifiers/{classifier}/settings/grad_cam"),
    own(
        "method_settings",
        "classifiers/{classifier}/settings/grad_cam",
        "put",
        body=lambda rows: {"parameters": {"layer": "features.0"}},
    ),
    own("method_settings", "classifiers/{classifier}/settings/grad_cam", "delete", 204),
    Route("datasets", "datasets"),
    Route("dataset_folders", "datasets/folders", "post", 403, 403, 400),  # no path given
    Route("dataset", "datasets/{dataset}"),
    # An upload without a file, and of JSON: understood of nobody.
    Route("datasets", "datasets", "post", 415, 415, 415),
    own("dataset", "datasets/{own_dataset}"),
    own("dataset", "datasets/{own_dataset}", "patch"),
    own("dataset", "datasets/{own_dataset}", "delete", 204),
    # The lab's are changed by administrators; this one is in use.
    Route("dataset", "datasets/{dataset}", "delete", 404, 404, 409),
    own("cancel_dataset", "datasets/{own_dataset}/cancel", "post", 409),
    own("dataset_images", "datasets/{own_dataset}/images"),
    own("dataset_image_file", "datasets/{own_dataset}/images/0/image.webp"),
    own("dataset_masks_file", "datasets/{own_dataset}/images/0/masks.png"),
    Route("benchmarks", "benchmarks"),
    # Another member's model can't be named either.
    Route("benchmarks", "benchmarks", "post", 201, 400, 400, lambda rows: asked(rows["row"])),
    Route("estimate", "benchmarks/estimate", "post", 200, 400, 400, lambda rows: asked(rows["row"])),
    own("benchmark", "benchmarks/{benchmark}"),
    own(
        "benchmark",
        "benchmarks/{benchmark}",
        "patch",
        body=lambda rows: {"name": "Mine", "shared_with_lab": False},
    ),
    own("benchmark", "benchmarks/{benchmark}", "delete", 204),
    own("rerun_benchmark", "benchmarks/{benchmark}/rerun", "post", 201),
    Route("deleted_benchmarks", "benchmarks/deleted"),
    own("restore_benchmark", "benchmarks/{deleted}/restore", "post"),
    own("benchmark_shares", "benchmarks/{benchmark}/shares"),
    own(
        "benchmark_shares",
        "benchmarks/{benchmark}/shares",
        "post",
        201,
        body=lambda rows: {"member": rows["shared_member"].username},
    ),
    own("benchmark_share", "benchmarks/{benchmark}/shares/{shared_number}", "delete", 204),
    own("benchmark_images_csv", "benchmarks/{benchmark}/images.csv"),
    own("benchmark_table", "benchmarks/{benchmark}/tables/summary.csv"),
    own("benchmark_latex", "benchmarks/{benchmark}/tables.tex"),
    own("benchmark_document", "benchmarks/{benchmark}/document.json"),
    # Asked for, not made yet.
    own("benchmark_archive", "benchmarks/{benchmark}/archive"),
    own("benchmark_archive", "benchmarks/{benchmark}/archive", "post", 202),
    own("benchmark_archive", "benchmarks/{benchmark}/archive", "delete", 204),
    own("benchmark_archive_file", "benchmarks/{benchmark}/everything.zip", owner=409),
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
    own("pause_benchmark", "benchmarks/{benchmark}/pause", "post", 409),
    own("resume_benchmark", "benchmarks/{benchmark}/resume", "post", 409),
    own("comparison", "comparison?benchmark={benchmark}"),
    own("comparison_differences", "comparison/differences.csv?benchmark={benchmark}"),
    Route("backups", "backups"),
    Route("backups", "backups", "post", 202, 202, 202),
    own("backup", "backups/{backup}"),
    # Not made yet.
    own("backup_file", "backups/{backup}/backup.zip", owner=404),
    own("backup", "backups/{backup}", "delete", 204),
    Route("audit", "audit", "get", 403, 403, 200),
    Route("workers", "workers"),
    Route("worker", "workers/{worker}"),
    Route("worker", "workers/{worker}", "patch", 403, 403, 200, lambda rows: {"mode": "paused"}),
    Route("queue", "queue"),
    Route("explanations", "explanations"),
    own("explanation", "explanations/{explanation}"),
    own("explanation_overlay", "explanations/{explanation}/overlay.webp"),
    own("explanation_map", "explanations/{explanation}/map.npy"),
    own("explanation_cut_outs", "explanations/{explanation}/cut-outs"),
    # Its data set has no folder here.
    own("explanation_cut_out", "explanations/{explanation}/cut-out.png", owner=409),
    Route("explanations", "explanations", "post", 201, 400, 400, lambda rows: map_request(rows)),
    own("explanation", "explanations/{explanation}", "patch", body=lambda rows: {"pinned": True}),
    own("cancel_explanation", "explanations/{explanation}/cancel", "post", 204),
    own("retry_explanation", "explanations/{explanation}/retry", "post"),
    own("explanation_curves", "explanations/{explanation}/curves.csv"),
    own("explanation", "explanations/{explanation}", "delete", 204),
    Route("pictures", "pictures"),
    Route("pictures", "pictures", "post", 415, 415, 415),
    own("picture", "pictures/{picture}"),
    own("picture", "pictures/{picture}", "delete", 204),
    Route("predictions", "predictions"),
    Route("predictions", "predictions", "post", 201, 400, 400, lambda rows: image_request(rows)),
    own("prediction", "predictions/{prediction}"),
    Route("nothing", "nothing/at/all", "get", 404, 404, 404),
    Route("nothing", "me/", "post", 404, 404, 404),
]


def image_request(rows: dict[str, Any]) -> dict[str, Any]:
    return {"classifier": rows["classifier"], "picture": rows["picture"]}


def map_request(rows: dict[str, Any]) -> dict[str, Any]:
    return image_request(rows) | {"target": 1, "methods": [{"key": "gradient"}]}


@pytest.fixture
def rows(settings, tmp_path) -> dict[str, Any]:
    settings.EXPLANATIONS_DIR = settings.UPLOADS_DIR = tmp_path
    owner = factories.member()
    classifier = factories.classifier(owner=owner, class_names=["cat", "dog"])
    benchmark = finished_benchmark(owner, classifier=classifier)
    explanation = explain_benchmark_images(owner=owner, benchmark=benchmark, images=[("000.jpg", 0)])[
        "000.jpg"
    ]
    Explanation.objects.update(state=Explanation.State.READY)
    folder = explanation_folder(explanation)
    folder.mkdir(parents=True)
    (folder / "overlay.webp").write_bytes(b"a map")
    np.save(folder / "map.npy", np.zeros((4, 4), np.float32))
    picture = keep_picture(owner=owner, upload=SimpleUploadedFile("a.png", small_png()))
    source = Source(None, "", picture)
    prediction = ask_for_prediction(owner=owner, classifier=classifier, source=source)
    deleted = finished_benchmark(owner, classifier=classifier, dataset=benchmark.dataset)
    delete_benchmark(deleted)
    request_archive(owner=owner, benchmark=benchmark)
    shared_member = factories.member()
    share_with_member(benchmark, member=shared_member.username)
    return {
        "shared_member": shared_member,
        "shared_number": shared_member.account_number,
        "deleted": deleted.pk,
        "owner": owner,
        "picture": picture.pk,
        "prediction": prediction.pk,
        "row": benchmark,
        "benchmark": benchmark.pk,
        "classifier": classifier.pk,
        "unused": factories.classifier(owner=owner).pk,
        "dataset": benchmark.dataset_id,
        "own_dataset": factories.masked_dataset(tmp_path / "masked", owner=owner).pk,
        "explanation": explanation.pk,
        "backup": request_backup(owner=owner).pk,
        "worker": factories.node().pk,
        "token": create_token(owner=owner, name="to be revoked")[0].pk,
    }


def answer(script: Script, route: Route, rows: dict[str, Any]) -> Any:
    path = route.path.format(**rows)
    if route.method in ("post", "patch", "put"):
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


SHARED_READS = ("", "/images.csv", "/report.txt", "/results.json", "/events")
SHARED_CHANGES = [
    ("patch", "", {"name": "theirs"}),
    ("delete", "", None),
    ("post", "/cancel", {}),
    ("post", "/pause", {}),
    ("post", "/resume", {}),
    ("post", "/rerun", {}),
    ("post", "/restore", {}),
    ("get", "/shares", None),
    ("post", "/shares", {"member": "anybody"}),
]


@pytest.mark.parametrize("how", ["member", "lab"])
def test_those_it_is_shared_with_read_and_change_nothing(rows: dict[str, Any], how: str) -> None:
    benchmark = rows["row"]
    share_with_lab(benchmark, shared=how == "lab")
    script = script_of(rows["shared_member"] if how == "member" else factories.member())
    for name in SHARED_READS:
        assert script.get(f"benchmarks/{benchmark.pk}{name}").status_code == 200, name
    for method, name, body in SHARED_CHANGES:
        path = f"benchmarks/{benchmark.pk}{name}"
        response = getattr(script, method)(path, *([] if body is None else [body]))
        assert response.status_code == 404, (method, name)
    # Its model is the owner's own: the images and maps made with it are not shared.
    images = script.post(f"benchmarks/{benchmark.pk}/explanations", {"images": ["000.jpg"]})
    assert images.status_code == 404
    (listed,) = script.get("benchmarks", {"owner": "shared"}).json()["results"]
    assert (listed["id"], listed["is_own"], listed["owner"]) == (
        benchmark.pk,
        False,
        rows["owner"].username,
    )
    assert script.get("benchmarks", {"owner": "mine"}).json()["count"] == 0
    benchmark.refresh_from_db()
    assert (benchmark.name, benchmark.deleted) == ("", None)


def test_another_members_rows_are_in_no_list(rows: dict[str, Any]) -> None:
    stranger = script_of(factories.member())
    assert [each["id"] for each in stranger.get("datasets").json()["results"]] == [rows["dataset"]]
    for path in ("classifiers", "benchmarks", "explanations", "pictures", "predictions"):
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
