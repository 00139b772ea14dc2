"""Sheets, curves as CSV, searching a data set, and what the address keeps."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.test import Client
from django.urls import reverse
from PIL import Image

from saliency_core.datasets.shapes import write_shapes
from tests.web import factories
from webapp.accounts.models import User
from webapp.benchmarks.methods import specified_method
from webapp.library.models import Classifier, Dataset
from webapp.library.services import register_dataset
from webapp.studio import asking, services
from webapp.studio.models import Explanation, State
from webapp.studio.sheets import stretched
from webapp.studio.sources import Source, found_images, opened

pytestmark = pytest.mark.django_db
KINDS = ["arrow", "circle", "crescent", "cross", "diamond", "heart", "ring", "square", "star", "triangle"]


@pytest.fixture(autouse=True)
def own_files(settings: Any, tmp_path: Path) -> None:
    settings.EXPLANATIONS_DIR = tmp_path / "maps"


@pytest.fixture
def shapes(tmp_path: Path) -> Dataset:
    write_shapes(tmp_path / "shapes", images=30, size=64, seed=3)
    return register_dataset(name="Shapes", format="shapes", path=tmp_path / "shapes")


@pytest.fixture
def classifier() -> Classifier:
    return factories.classifier(
        description={
            "class_names": KINDS,
            "family": "cnn",
            "activation": "softmax",
            "layers": factories.LAYERS,
        }
    )


@pytest.fixture
def owner() -> User:
    return factories.member()


@pytest.fixture
def own(owner: User) -> Client:
    client = Client()
    client.force_login(owner)
    return client


@pytest.fixture
def about(owner: User, classifier: Classifier, shapes: Dataset) -> dict[str, Any]:
    """The address of two maps that are drawn, one of them measured."""
    source = Source(shapes, opened(shapes).sample(0).identifier)
    rows = asking.ask_for_maps(
        owner=owner,
        classifier=classifier,
        source=source,
        target=1,
        methods=[specified_method("gradient", {}, None), specified_method("rise", {"masks": 100}, None)],
    )
    for row in rows:
        folder = services.explanation_folder(row)
        folder.mkdir(parents=True)
        np.save(folder / "map.npy", np.linspace(0, 1, 224 * 224, dtype=np.float32).reshape(224, 224))
    Explanation.objects.update(state=State.READY, seconds=1.0)
    curves = {
        "insertion": [0.1, 0.5, 0.9],
        "deletion": [0.9, 0.2, 0.1],
        "insertion_auc": 0.5,
        "deletion_auc": 0.35,
    }
    Explanation.objects.filter(method="rise").update(
        curves_state=State.READY, curves=curves | {"overall": 0.15}
    )
    return {
        "model": classifier.pk, **source.address(), "class": 1, "method": ["gradient", "rise"], "rise-masks": 100,
    }  # fmt: skip


def test_the_curves_of_a_page_as_csv(own: Client, about: dict[str, Any]) -> None:
    lines = own.get(reverse("studio:curves"), about).content.decode().splitlines()
    assert lines == [
        "method,settings,step,share_of_pixels,insertion,deletion,protocol=thesis@1",
        "rise,masks=100,0,0.000000,0.1,0.9",
        "rise,masks=100,1,0.500000,0.5,0.2",
        "rise,masks=100,2,1.000000,0.9,0.1",
    ]
    row = Explanation.objects.get(method="rise")
    assert own.get(reverse("studio:map_curves", args=[row.pk])).content.decode().splitlines() == lines


def test_the_sheet_shows_the_image_and_the_maps(own: Client, about: dict[str, Any]) -> None:
    answer = own.get(
        reverse("studio:sheet"), about | {"view": "heat", "colours": "gray", "low": "x", "high": "50"}
    )
    sheet = np.asarray(Image.open(io.BytesIO(answer.content)).convert("RGB"))
    # Three pictures beside one another, 8 pixels apart; the map is white from its median on.
    assert sheet.shape[1] == 3 * 232 + 8
    first_map = sheet[8 : 8 + 224, 240 : 240 + 224, 0]
    assert (first_map[0, 0], first_map[120, 5], first_map[223, 223]) == (0, 255, 255)
    assert own.get(reverse("studio:sheet"), about | {"class": 2}).status_code == 404


def test_maps_are_stretched_between_percentiles() -> None:
    values = np.arange(5, dtype=np.float32)[None]
    assert stretched(values, 0, 1).tolist() == [[0.0, 0.25, 0.5, 0.75, 1.0]]
    assert stretched(values, 0.25, 0.75).tolist() == [[0.0, 0.0, 0.5, 1.0, 1.0]]
    assert stretched(np.ones((2, 2), np.float32), 0, 1).tolist() == [[0.0, 0.0], [0.0, 0.0]]


def test_images_are_found_by_class_and_identifier(
    own: Client, classifier: Classifier, shapes: Dataset
) -> None:
    dataset = opened(shapes)
    label = dataset.sample(0).label
    assert label is not None
    of_class = [index for index in range(30) if dataset.sample(index).label == label]
    assert found_images(shapes, f" {label.upper()} ")[: len(of_class)] == of_class
    name = dataset.sample(7).identifier
    assert found_images(shapes, name) == [7]
    answer = own.get(reverse("studio:maps"), {"from": shapes.pk, "find": name}).content.decode()
    assert answer.count("thumbnail.webp") == 1 and "1 image found." in answer
    assert (
        "0 images found."
        in own.get(reverse("studio:maps"), {"from": shapes.pk, "find": "dog"}).content.decode()
    )


def test_generating_keeps_all_of_the_display(own: Client, about: dict[str, Any]) -> None:
    shown = {"view": "side", "colours": "turbo", "low": "2", "high": "98", "step": "30", "against": "rise"}
    page = own.get(reverse("studio:cut_outs"), about | shown | {"keep": "35"}).content.decode()
    # What the page of cut-outs has no tool for goes along in its form.
    for name, value in shown.items():
        assert f'<input type="hidden" name="{name}" value="{value}">' in page
    address = own.post(reverse("studio:generate"), about | shown | {"keep": "35"}).url
    for name, value in (shown | {"keep": "35"}).items():
        assert f"{name}={value}" in address


def test_another_model_does_not_take_the_class_of_one_that_is_not_there(
    own: Client, about: dict[str, Any]
) -> None:
    page = own.get(reverse("studio:maps"), about | {"model": 10**9}).content.decode()
    assert "There is no such model for you" in page and 'name="class" value="1"' not in page


def test_tiles_tell_cost_and_own_settings(own: Client, about: dict[str, Any]) -> None:
    page = own.get(reverse("studio:maps"), about).content.decode()
    assert "100 forward, 0 backward" in page and "1 forward, 1 backward" in page
    assert "Own settings: Masks 100" in page.replace("\n", " ")
