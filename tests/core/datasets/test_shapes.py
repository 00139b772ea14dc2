"""The generated data set, and the classifiers trained on it."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from saliency_core import create_method, load_classifier
from saliency_core.classifiers.catalogue import builtin_classifier
from saliency_core.classifiers.classifier import Classifier
from saliency_core.classifiers.describe import describe_architecture
from saliency_core.classifiers.fetching import locate_or_fetch
from saliency_core.datasets.base import Box, Contents, Dataset, open_dataset
from saliency_core.datasets.shapes import Shapes, write_shapes
from saliency_core.datasets.shapes_drawing import draw
from saliency_core.datasets.shapes_forms import FORMS, KINDS
from saliency_core.datasets.shapes_scene import compose
from saliency_core.errors import DatasetError, ParameterError

CLASSIFIERS = ("shapes_cnn", "shapes_vit")


@pytest.fixture(scope="module")
def shapes(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    folder = tmp_path_factory.mktemp("shapes")
    write_shapes(folder, images=60, size=96, seed=5)
    return open_dataset("shapes", folder)


@pytest.mark.parametrize(
    ("seed", "index", "size", "pixels", "mask"),
    [
        (0, 0, 224, "d673e85debe54f58f34d4c2cda2a6ec04ce748778ce5e572f4b3c5aea38d21de", "489e22005a250120"),
        (5, 123, 96, "f57ea7b4fbc754ed3d4fb813a89b5208c5745e5307e34992692dfb2f119fbe4f", "d04ab27eeb4fc1ad"),
    ],
)
def test_pixels_are_the_same_on_every_machine(
    seed: int, index: int, size: int, pixels: str, mask: str
) -> None:
    """If this fails after a change of the drawing, raise DRAWING_VERSION."""
    drawing = draw(seed, index, size)
    assert drawing.pixels.shape == (size, size, 3)
    assert hashlib.sha256(drawing.pixels.tobytes()).hexdigest() == pixels
    packed = np.packbits(drawing.visible[0][1]).tobytes()
    assert hashlib.sha256(packed).hexdigest()[:16] == mask


@pytest.mark.parametrize("kind", KINDS)
def test_areas_and_reaches_of_forms_are_what_a_fine_grid_says(kind: str) -> None:
    """0.003 units between points; the arms of a cross lie on its lines, hence the tolerance."""
    form = FORMS[kind]
    line = (np.arange(1000) + 0.5) * 0.003 - 1.5
    x, y = line[None, :].repeat(1000, 0), line[:, None].repeat(1000, 1)
    inside = form.distance(x, y) <= 0
    assert inside.sum() * 0.003**2 == pytest.approx(form.area, rel=0.01)
    assert np.sqrt((x * x + y * y)[inside]).max() == pytest.approx(form.reach, abs=0.008)


def test_distances_by_hand() -> None:
    def at(kind: str, x: float, y: float) -> float:
        return float(FORMS[kind].distance(np.array(x), np.array(y)))

    assert at("circle", 0.6, 0.8) == pytest.approx(0)
    assert at("ring", 0.0, 0.0) == pytest.approx(0.6)  # the hole is outside
    assert at("ring", 0.0, 0.8) == pytest.approx(-0.2)
    assert at("square", 0.25, -0.5) == pytest.approx(-0.5)
    assert at("star", 0.0, 0.0) == pytest.approx(-0.309017)  # the pentagon inside a pentagram of radius 1
    assert at("star", 0.0, 1.0) == pytest.approx(0, abs=1e-12)  # one point
    assert at("star", 0.0, -1.0) > 0.4  # between two points
    assert at("crescent", 0.55, 0.0) == pytest.approx(0.85)  # bitten off
    assert at("arrow", 1.0, 0.0) == pytest.approx(0)
    assert at("diamond", 0.0, 0.0) == pytest.approx(-1 / 2.075)


def test_boxes_are_tight_and_masks_are_exactly_the_forms() -> None:
    """Each mask is the form's own inequality at the pixels' centres, less the objects painted later."""
    overlapped = 0
    for index in range(12):
        annotations, scene = draw(9, index, 96).annotations(), compose(9, index)
        rows, columns = np.mgrid[:96, :96]
        taken = np.zeros((96, 96), dtype=bool)
        expected: dict[str, np.ndarray] = {}
        for item in reversed(scene.objects):  # from the top
            x = (columns + 0.5 - item.centre[0] * 96) / (item.scale * 96)
            y = (rows + 0.5 - item.centre[1] * 96) / (item.scale * 96)
            cosine, sine = item.turn
            form = FORMS[item.kind].distance(cosine * x + sine * y, cosine * y - sine * x)
            overlapped += int(((form <= 0) & taken).sum())
            expected[item.kind] = (form <= 0) & ~taken
            taken |= form <= 0
        assert list(annotations.masks) == list(expected)
        assert annotations.labels == tuple(expected)
        for box in annotations.boxes:
            mask = annotations.masks[box.label]
            assert np.array_equal(mask, expected[box.label])
            row, column = np.nonzero(mask)
            assert box == Box(box.label, column.min(), row.min(), column.max() + 1, row.max() + 1)
        assert annotations.object_mask is not None
        assert np.array_equal(annotations.object_mask, taken)
    assert overlapped == 9  # pixels: the order of painting was put to the test


def test_objects_look_like_their_masks() -> None:
    """A pixel that lies inside an object with its eight neighbours has its colour, but for shade and grain."""
    for index in range(10):
        drawing, scene = draw(5, index, 128), compose(5, index)
        main, mask = scene.objects[-1], drawing.visible[0][1]
        inner = np.lib.stride_tricks.sliding_window_view(mask, (3, 3)).all(axis=(2, 3))
        away = drawing.pixels[1:-1, 1:-1][inner] / 255 - np.array(main.colour)
        allowed = scene.background.grain + main.shade * FORMS[main.kind].reach + 0.005
        assert np.abs(away).max() <= allowed


def test_label_is_the_largest_object(shapes: Dataset) -> None:
    counts: Counter[int] = Counter()
    for index in range(60):
        sizes = {label: int(mask.sum()) for label, mask in shapes.annotations(index).masks.items()}
        label = shapes.sample(index).label
        assert label == max(sizes, key=lambda key: sizes[key])
        assert sorted(sizes.values())[-2:-1] <= [0.7 * sizes[label]]
        counts[len(sizes)] += 1
    assert counts == {1: 16, 2: 26, 3: 18}


def test_every_ten_images_have_each_kind_once(shapes: Dataset) -> None:
    labels = [shapes.sample(index).label for index in range(60)]
    for first in range(0, 60, 10):
        assert sorted(labels[first : first + 10]) == sorted(KINDS)
    assert labels[:10] != labels[10:20]
    assert shapes.class_labels == KINDS


def test_an_image_depends_on_seed_and_index_alone(tmp_path: Path, shapes: Dataset) -> None:
    write_shapes(tmp_path, images=3, size=96, seed=5)
    few = open_dataset("shapes", tmp_path)
    backwards = [np.asarray(few.image(index)) for index in (2, 1, 0)][::-1]
    draw.cache_clear()
    assert all(np.array_equal(image, shapes.image(index)) for index, image in enumerate(backwards))
    assert few.sample(2) != few.sample(1)
    assert few.sample(2).identifier == shapes.sample(2).identifier
    assert not np.array_equal(draw(6, 0, 96).pixels, draw(5, 0, 96).pixels)
    # the same scene at another size
    small, large = draw(5, 1, 64), draw(5, 1, 128)
    halved = np.asarray(Image.fromarray(large.visible[0][1]).resize((64, 64), Image.Resampling.NEAREST))
    assert (halved != small.visible[0][1]).mean() < 0.02


def test_what_the_data_set_says_of_itself(tmp_path: Path, shapes: Dataset) -> None:
    assert len(shapes) == 60
    assert shapes.ground_truth == {"label", "boxes", "masks", "object_mask"}
    assert shapes.problems() == []
    sample = shapes.sample(3)
    assert sample.identifier == f"{sample.label}/000003.png"
    assert shapes.index_of(sample.identifier) == 3
    assert shapes.image(3).mode == "RGB"
    assert shapes.image(3).size == (96, 96)
    with pytest.raises(IndexError):
        shapes.image(60)
    for index in range(60):
        known = shapes.annotations(index)
        assert shapes.contents(index) == Contents(known.labels, tuple(known.masks), True)
    assert shapes.present_labels() == tuple(sorted(KINDS))
    prints = {shapes.fingerprint()}
    for number, changed in enumerate(({"images": 61}, {"size": 97}, {"seed": 6}, {})):
        folder = tmp_path / str(number)
        write_shapes(folder, **{"images": 60, "size": 96, "seed": 5} | changed)
        prints.add(Shapes(folder).fingerprint())
    assert len(prints) == 4  # the last is the first again
    with pytest.raises(ValueError, match="read-only"):
        shapes.annotations(3).masks[str(sample.label)][0, 0] = True


def test_files_for_other_programs(tmp_path: Path) -> None:
    write_shapes(tmp_path, images=10, size=48, seed=1, files=True)
    shapes, folder = Shapes(tmp_path), open_dataset("image-folder", tmp_path / "images")
    assert len(folder) == 10
    for index in range(10):
        sample = shapes.sample(index)
        same = folder.index_of(sample.identifier)
        assert folder.sample(same).label == sample.label
        assert np.array_equal(folder.image(same), shapes.image(index))
        with Image.open(tmp_path / "masks" / sample.identifier) as mask:
            assert np.array_equal(np.asarray(mask), shapes.annotations(index).object_mask)
    assert folder.problems() == []
    masked = open_dataset("masked-folder", tmp_path)
    assert len(masked) == 10
    assert masked.ground_truth == {"label", "object_mask"}
    same = masked.index_of(f"images/{shapes.sample(7).identifier}")
    assert masked.sample(same).label == shapes.sample(7).label
    known = masked.annotations(same).object_mask
    assert np.array_equal(known, shapes.annotations(7).object_mask)
    assert masked.problems() == []


def test_numbers_out_of_range_are_refused(tmp_path: Path) -> None:
    for wrong in ({"images": 0}, {"size": 31}, {"size": 1025}, {"seed": -1}, {"seed": 2**32}):
        with pytest.raises(ParameterError, match=rf"{next(iter(wrong))} must lie between"):
            write_shapes(tmp_path, **wrong)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", r"cannot be read: .*python -m saliency_core shapes"),
        ("[]", r"does not describe a Shapes data set"),
        (json.dumps({"format": "shapes", "drawing": 2}), r"asks for version 2 of the drawing"),
        (
            json.dumps({"format": "shapes", "drawing": 1, "images": 5, "size": "64", "seed": 0}),
            r"size must be a whole number between 32 and 1024; found '64'",
        ),
        (
            json.dumps({"format": "shapes", "drawing": 1, "images": True, "size": 64, "seed": 0}),
            r"images must be a whole number between 1 and 1000000; found True",
        ),
    ],
)
def test_broken_descriptions_are_explained(tmp_path: Path, content: str, message: str) -> None:
    (tmp_path / "shapes.json").write_text(content)
    with pytest.raises(DatasetError, match=message):
        open_dataset("shapes", tmp_path)


def test_a_folder_without_description_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"has no shapes\.json\. .*python -m saliency_core shapes --out"):
        open_dataset("shapes", tmp_path)


@pytest.fixture(scope="module", params=CLASSIFIERS)
def classifier(request: pytest.FixtureRequest) -> Classifier:
    return load_classifier(request.param, allow_fetch=False)


@pytest.fixture(scope="module")
def held_out() -> tuple[torch.Tensor, list[str], list[np.ndarray]]:
    """60 images that the accuracy was stated on, the same way prepared: [60, 3, 224, 224], labels, masks of those."""
    preprocessing = builtin_classifier("shapes_cnn").preprocessing
    drawings = [draw(20_000_002, index, 224) for index in range(60)]
    images = torch.stack([preprocessing.prepare(Image.fromarray(drawing.pixels)) for drawing in drawings])
    main = [drawing.visible[0] for drawing in drawings]
    return images, [label for label, _ in main], [mask for _, mask in main]


def test_the_classifiers_are_complete(classifier: Classifier) -> None:
    builtin = builtin_classifier(classifier.name)
    file = locate_or_fetch(builtin, allow_fetch=False)
    assert 400_000 < file.stat().st_size < 1_000_000
    assert (classifier.class_names, classifier.class_ids) == (list(KINDS), [])
    assert classifier.preprocessing == builtin.preprocessing
    assert classifier.default_layer == builtin.default_layer
    described = describe_architecture("saliscope", builtin.architecture)
    assert described["default_layer"] == builtin.default_layer
    assert described["family"] == builtin.family == classifier.family
    assert described["classes"] == 10
    assert described["preprocessing"] == builtin.preprocessing.to_dict()
    # By the architecture's name and a file, as the web application's workers do it
    same = load_classifier(f"saliscope:{builtin.architecture}", weights=file)
    assert same.class_names == list(KINDS)
    assert same.weights_sha256 == classifier.weights_sha256


def test_what_methods_can_make_of_the_classifiers() -> None:
    cnn, vit = (describe_architecture("saliscope", name) for name in ("shapes_cnn", "shapes_vit"))
    layer = next(item for item in cnn["layers"] if item["name"] == "relu4_2")
    assert (layer["channels"], layer["height"], layer["width"]) == (96, 14, 14)
    assert (cnn["facts"]["head"], cnn["facts"]["relu_modules"], cnn["facts"]["activations"]) == (
        "linear",
        6,
        ["ReLU"],
    )
    assert [item["name"] for item in vit["layers"]] == [f"blocks.{number}.attn" for number in range(3)]
    attention = vit["facts"]["attention"]
    assert (attention["heads"], attention["grid"], attention["class_token_decides"]) == (4, [14, 14], True)


def test_the_classifiers_recognise_held_out_images(
    classifier: Classifier, held_out: tuple[torch.Tensor, list[str], list[np.ndarray]]
) -> None:
    """Of 2000 such images they recognise what docs/shapes.md states."""
    classes, _ = classifier.predict(held_out[0])
    right = sum(KINDS[found] == label for found, label in zip(classes.tolist(), held_out[1], strict=True))
    assert right == {"shapes_cnn": 60, "shapes_vit": 60}[classifier.name]


def test_maps_lie_on_the_objects(
    classifier: Classifier, held_out: tuple[torch.Tensor, list[str], list[np.ndarray]]
) -> None:
    """The share of a map inside the main object, on average over 20 images: much more than that of a random map."""
    images, labels, masks = held_out
    targets = torch.tensor([KINDS.index(label) for label in labels[:20]])

    def share(method: str) -> float:
        maps = create_method(method, classifier).explain(images[:20], targets).maps.numpy().clip(min=0)
        return float(np.mean([m[mask].sum() / m.sum() for m, mask in zip(maps, masks, strict=False)]))

    method = "grad_cam" if classifier.family == "cnn" else "transformer_attribution"
    assert share(method) > 3 * share("random_map")
