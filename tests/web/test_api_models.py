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
