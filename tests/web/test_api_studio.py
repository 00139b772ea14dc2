"""What a script does in the studio: brings a picture, has it classified, asks for maps, pins and deletes them."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from PIL import Image

from tests.web import factories
from tests.web.api_calls import Script, script_of, small_png
from webapp.accounts.models import User
from webapp.library.models import Classifier, Dataset
from webapp.studio import services
from webapp.studio.models import Explanation, State

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def own_files(settings: Any, tmp_path: Any) -> None:
    settings.EXPLANATIONS_DIR = settings.UPLOADS_DIR = tmp_path


@pytest.fixture
def owner() -> User:
    return factories.member()


@pytest.fixture
def script(owner: User) -> Script:
    return script_of(owner)


@pytest.fixture
def classifier() -> Classifier:
    return factories.classifier(
        description={"class_names": ["cat", "dog", "owl"], "family": "cnn", "activation": "softmax"}
    )


@pytest.fixture
def image(script: Script, classifier: Classifier) -> dict[str, int]:
    brought = script.upload("pictures", {"file": SimpleUploadedFile("owl.png", small_png())})
    assert brought.status_code == 201
    return {"classifier": classifier.pk, "picture": brought.json()["id"]}


def test_from_a_picture_to_its_maps(script: Script, image: dict[str, int]) -> None:
    asked = script.post("predictions", image)
    assert (asked.status_code, asked.json()["state"], asked.json()["classes"]) == (201, "waiting", [])
    (claimed,) = services.claim_predictions()
    services.finish_prediction(claimed, [(2, 0.75), (0, 0.2)])
    found = script.get(f"predictions/{claimed.pk}").json()
    assert found["classes"] == [
        {"index": 2, "name": "owl", "probability": 0.75},
        {"index": 0, "name": "cat", "probability": 0.2},
    ]
    methods = [
        {"key": "gradient"},
        {"key": "rise", "parameters": {"masks": 100}, "enhancement": {"stride": 64}},
    ]
    answer = script.post("explanations", image | {"target": 2, "methods": methods})
    assert answer.status_code == 201
    first, second = answer.json()
    assert (first["method"], first["enhancement"], first["picture"]) == ("gradient", {}, image["picture"])
    assert (second["parameters"]["masks"], second["enhancement"]["stride"]) == (100, 64)
    assert script.get("explanations", {"method": "rise"}).json()["count"] == 1
    pinned = script.patch(f"explanations/{first['id']}", {"pinned": True}).json()
    assert pinned["pinned"] and script.get("explanations", {"pinned": "true"}).json()["count"] == 1
    assert script.post(f"explanations/{second['id']}/cancel").status_code == 204
    assert script.get(f"explanations/{second['id']}").status_code == 404
    Explanation.objects.update(state=State.FAILED, problem="No memory.")
    assert script.post(f"explanations/{first['id']}/retry").json()["state"] == "waiting"
    assert script.delete(f"explanations/{first['id']}").status_code == 204
    assert not Explanation.objects.exists()


@pytest.mark.parametrize(
    ("changes", "where", "sentence"),
    [
        ({"picture": None}, "picture", "may not be null"),
        ({"dataset": 1}, "dataset", "does not exist"),
        ({"target": 3}, "detail", "Choose a class of the model first."),
        ({"methods": [{"key": "rise", "parameters": {"masks": 0}}]}, "detail", "masks"),
        ({"methods": [{"key": "no_such"}]}, "detail", "no_such"),
        ({"methods": []}, "methods", "may not be empty"),
    ],
)
def test_what_cannot_be_asked_for_is_refused(
    script: Script, image: dict[str, int], changes: dict[str, Any], where: str, sentence: str
) -> None:
    asked = image | {"target": 1, "methods": [{"key": "gradient"}]} | changes
    answer = script.post("explanations", asked)
    assert answer.status_code == 400
    assert sentence in answer.json()[where][0]
    assert not Explanation.objects.exists()


def test_an_image_has_to_be_named(script: Script, classifier: Classifier) -> None:
    answer = script.post("predictions", {"classifier": classifier.pk})
    assert answer.status_code == 400
    assert answer.json() == {"detail": ["Name either a data set and an image in it, or a picture."]}


def test_another_members_picture_cannot_be_named(image: dict[str, int]) -> None:
    answer = script_of(factories.member()).post("predictions", image)
    assert answer.status_code == 400 and "does not exist" in answer.json()["picture"][0]


def test_a_file_that_is_no_picture_is_refused(script: Script) -> None:
    answer = script.upload("pictures", {"file": SimpleUploadedFile("a.png", b"GIF89a")})
    assert answer.status_code == 400 and "is not a JPEG, PNG or WebP" in str(answer.json())


def test_cut_outs_and_their_agreement_with_the_object(script: Script, owner: User, tmp_path: Path) -> None:
    """Of 8 x 8 pixels the object is the left half; the map is highest in the top half, row by row."""
    preprocessing = {
        "pipeline": "squash",
        "size": 8,
        "mean": [0, 0, 0],
        "std": [1, 1, 1],
        "interpolation": "bilinear",
    }
    names = {"class_names": ["cat", "dog"], "family": "cnn", "activation": "softmax"}
    dataset = factories.masked_dataset(tmp_path / "masked", owner=owner)
    row = Explanation.objects.create(
        owner=owner,
        classifier=factories.classifier(preprocessing=preprocessing, description=names),
        dataset=dataset,
        image="images/cat.png",
        pipeline="squash",
        size=8,
        method="gradient",
        target=0,
        digest="ab" * 32,
        state=State.READY,
        curves={"cut_outs": {"shares": [25, 50], "black": [0.25, 0.5]}},
    )
    folder = services.explanation_folder(row)
    folder.mkdir(parents=True)
    np.save(folder / "map.npy", np.arange(64, 0, -1, dtype=np.float32).reshape(8, 8))
    found = script.get(f"explanations/{row.pk}/cut-outs", {"share": [25, 60]}).json()
    assert found.get("object_known") is True, found
    assert found["cut_outs"] == [
        # 16 pixels, 8 of them among the object's 32; of 38 pixels (4 rows and 6), 20.
        {"share": 25.0, "pixels": 16, "probability": 0.25, "iou": 0.2, "precision": 0.5, "recall": 0.25},
        {
            "share": 60.0,
            "pixels": 38,
            "probability": None,
            "iou": 20 / 50,
            "precision": 20 / 38,
            "recall": 0.625,
        },
    ]
    assert len(script.get(f"explanations/{row.pk}/cut-outs").json()["cut_outs"]) == 19
    file = script.get(f"explanations/{row.pk}/cut-out.png", {"share": 50, "rest": "transparent"})
    pixels = np.asarray(Image.open(BytesIO(file.content)))
    assert pixels.shape == (8, 8, 4)
    assert pixels[3, 7].tolist() == [0, 128, 128, 255] and pixels[4, 0].tolist() == [0, 0, 0, 0]
    for query in ({"share": 101}, {"rest": "white"}, {"share": "half"}):
        assert script.get(f"explanations/{row.pk}/cut-out.png", query).status_code == 400, query
    # Once the member sees the data set no more, nor its images.
    Dataset.objects.filter(pk=dataset.pk).update(owner=factories.member())
    assert script.get(f"explanations/{row.pk}/cut-out.png").status_code == 404
