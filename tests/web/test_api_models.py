"""Models in the API: changing, sharing, compatibility, architectures."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from tests.web import factories
from tests.web.api_calls import script_of
from tests.web.test_model_pages import REPORT, described
from webapp.library.models import Classifier

pytestmark = pytest.mark.django_db


def test_owner_changes_and_shared_members_only_read() -> None:
    owner, other = factories.member(), factories.member()
    row = factories.classifier(name="Mine", owner=owner)
    path = f"classifiers/{row.pk}"
    writer, reader = script_of(owner), script_of(other)
    changed = writer.patch(path, {"name": "Ours", "shared_with_lab": True}).json()
    assert (changed["name"], changed["shared_with_lab"], changed["is_own"]) == ("Ours", True, True)
    seen = reader.get(path).json()
    assert (seen["owner"], seen["is_own"]) == (owner.username, False)
    assert reader.get(f"{path}/compatibility").status_code == 200
    for answer in (reader.patch(path, {"name": "x"}), reader.delete(path)):
        assert answer.status_code == 404
    assert writer.patch(path, {"shared_with_lab": False}).json()["name"] == "Ours"
    assert reader.get(path).status_code == 404


def test_a_preparation_is_cancelled_once() -> None:
    row = factories.classifier(name="Mine", owner=factories.member(), state="waiting")
    script = script_of(row.owner)
    answer = script.post(f"classifiers/{row.pk}/cancel")
    assert (answer.status_code, answer.json()["state"]) == (200, "cancelled")
    again = script.post(f"classifiers/{row.pk}/cancel")
    assert (again.status_code, again.json()) == (409, {"detail": ["Mine is not being prepared any more."]})


def test_built_in_ones_are_nobodys_to_change() -> None:
    row = factories.classifier(key="built")
    script = script_of(factories.member())
    assert script.patch(f"classifiers/{row.pk}", {"name": "x"}).status_code == 404
    assert script.delete(f"classifiers/{row.pk}").status_code == 404


def test_refusals_of_a_change() -> None:
    owner = factories.member()
    factories.classifier(name="Taken", owner=owner)
    row = factories.classifier(name="Mine", owner=owner)
    script = script_of(owner)
    assert script.patch(f"classifiers/{row.pk}", {"name": "Taken"}).status_code == 400
    assert list(script.patch(f"classifiers/{row.pk}", {"name": ""}).json()) == ["name"]


def test_the_owner_changes_parts_of_the_preprocessing() -> None:
    row = factories.classifier(name="Mine", owner=factories.member(), compatibility=REPORT)
    before = row.preprocessing
    path, script = f"classifiers/{row.pk}", script_of(row.owner)
    answer = script.patch(path, {"preprocessing": {"size": 256, "std": [0.26862954, 0.26130258, 0.27577711]}})
    expected = before | {"size": 256, "std": [0.26862954, 0.26130258, 0.27577711]}
    assert (answer.status_code, answer.json()["preprocessing"]) == (200, expected)
    row.refresh_from_db()
    assert (row.preprocessing, row.earlier_preprocessings) == (expected, [before])
    assert row.compatibility == {"state": "waiting"}
    # Null is what is usual for the architecture; a name changes in the same request.
    again = script.patch(path, {"name": "Renamed", "preprocessing": {"size": None, "std": None}}).json()
    assert (again["name"], again["preprocessing"]) == ("Renamed", before)
    Classifier.objects.update(compatibility=REPORT)
    assert script.patch(path, {"preprocessing": {}}).status_code == 200
    row.refresh_from_db()
    assert row.compatibility == REPORT


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"mean": [0.5, 0.5]}, "preprocessing.mean"),
        ({"std": [0.2, 0.0, 0.2]}, "preprocessing.std"),
        ({"size": 16}, "preprocessing.size"),
        ({"size": "large"}, "preprocessing.size"),
        ({"pipeline": "stretch"}, "preprocessing.pipeline"),
        ({"pipline": "squash"}, "preprocessing.pipline"),
        (None, "preprocessing"),
    ],
)
def test_refusals_of_a_preprocessing(given: Any, field: str) -> None:
    row = factories.classifier(name="Mine", owner=factories.member())
    before = row.preprocessing
    answer = script_of(row.owner).patch(f"classifiers/{row.pk}", {"name": "New", "preprocessing": given})
    assert (answer.status_code, list(answer.json())) == (400, [field])
    row.refresh_from_db()
    assert (row.name, row.preprocessing) == ("Mine", before)


def test_a_network_of_one_size_keeps_it() -> None:
    row = factories.classifier(owner=factories.member(), description=described(fixed_size=True))
    script = script_of(row.owner)
    refused = script.patch(f"classifiers/{row.pk}", {"preprocessing": {"size": 256}})
    assert refused.json() == {"preprocessing.size": ["The network takes images of this size only."]}
    changed = script.patch(
        f"classifiers/{row.pk}", {"preprocessing": {"size": 224, "pipeline": "resize_crop"}}
    )
    assert changed.json()["preprocessing"]["pipeline"] == "resize_crop"


def test_a_model_that_is_not_ready_keeps_all_that_was_asked() -> None:
    row = factories.classifier(name="Mine", owner=factories.member(), state=Classifier.State.PREPARING)
    asked = {"name": "New", "preprocessing": {"pipeline": "resize_crop"}}
    answer = script_of(row.owner).patch(f"classifiers/{row.pk}", asked)
    assert (answer.status_code, list(answer.json())) == (409, ["detail"])
    row.refresh_from_db()
    assert row.name == "Mine"


def test_compatibility_before_and_after() -> None:
    row = factories.classifier(description=described())
    script = script_of(factories.member())
    path = f"classifiers/{row.pk}/compatibility"
    before = script.get(path).json()
    assert (before["state"], before["findings"]) == ("none", {})
    assert [layer["name"] for layer in before["layers"]] == ["features.0", "features.29"]
    by_method = {each["method"]: each for each in before["methods"]}
    assert by_method["grad_cam"] == {"method": "grad_cam", "works": True, "reason": None}
    assert "needs the attention of a vision transformer" in by_method["raw_attention"]["reason"]
    assert script.post(path).json()["state"] == "waiting"
    Classifier.objects.update(compatibility=REPORT)
    after = script.get(path).json()
    assert after["state"] == "ready"
    assert after["findings"]["relevance"][0]["error"] == -0.125
    assert "methods" not in after["findings"]


def test_architectures_are_searched() -> None:
    script = script_of(factories.member())
    found = script.get("architectures", {"search": "deit tiny", "library": "timm"}).json()
    assert {"library": "timm", "name": "deit_tiny_patch16_224"} in found
    assert script.get("architectures", {"search": "deit", "library": "keras"}).json() == []
    assert script.get("architectures").json() == []


def upload(**fields: Any) -> dict[str, Any]:
    return {"name": "Mine", "weights": SimpleUploadedFile("net.onnx", b"x"), "library": "onnx", **fields}


def test_onnx_is_uploaded_without_an_architecture() -> None:
    script = script_of(factories.member())
    answer = script.upload("classifiers", upload(output_activation="sigmoid", size=64))
    assert answer.status_code == 201, answer.content
    created = answer.json()
    assert (created["library"], created["architecture"], created["output_activation"]) == (
        "onnx",
        "",
        "sigmoid",
    )
    assert created["preprocessing"]["size"] == 64
    refused = script.upload("classifiers", upload(name="Other", library="timm", architecture="resnet50"))
    assert list(refused.json()) == ["weights"]
