from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image

from saliency_core.classifiers.preprocessing import HALF, Preprocessing
from saliency_core.errors import ParameterError


def gradient(width: int, height: int) -> Image.Image:
    """A picture whose red is the column and whose green is the row."""
    rows, columns = np.mgrid[:height, :width]
    return Image.fromarray(np.stack([columns, rows, np.zeros_like(rows)], axis=-1).astype(np.uint8))


def test_normalisation_by_hand() -> None:
    image = Image.new("RGB", (8, 8), (255, 0, 51))
    tensor = Preprocessing(size=8).prepare(image)
    assert tensor.shape == (3, 8, 8)
    assert tensor.dtype == torch.float32
    expected = torch.tensor([(1 - 0.485) / 0.229, (0 - 0.456) / 0.224, (0.2 - 0.406) / 0.225])
    torch.testing.assert_close(tensor[:, 3, 4], expected, atol=1e-6, rtol=0)
    half = Preprocessing(size=8, mean=HALF, std=HALF).prepare(image)[:, 0, 0]
    torch.testing.assert_close(half, torch.tensor([1.0, -1.0, -0.6]), atol=1e-6, rtol=0)


def test_squash_keeps_the_whole_picture_and_not_its_shape() -> None:
    framed = np.asarray(Preprocessing(size=64).framed(gradient(240, 120)))
    assert framed.shape == (64, 64, 3)
    assert framed[0, 0, 0] < 4
    assert framed[0, -1, 0] > 235
    assert framed[-1, 0, 1] > 117


def test_resize_crop_cuts_the_centre() -> None:
    preprocessing = Preprocessing(pipeline="resize_crop", size=112)
    # The shorter side 128 is kept (112 · 256 / 224); the crop starts 8 rows and (200 − 112) / 2 = 44 columns in.
    framed = np.asarray(preprocessing.framed(gradient(200, 128)))
    assert framed.shape == (112, 112, 3)
    assert framed[0, 0].tolist() == [44, 8, 0]
    assert framed[-1, -1].tolist() == [155, 119, 0]


def test_resize_crop_resizes_as_torchvision_does() -> None:
    from saliency_core.lazy import torchvision

    image = Image.fromarray(np.random.default_rng(0).integers(0, 256, (375, 501, 3), dtype=np.uint8))
    transforms = torchvision.transforms
    for interpolation in ("bilinear", "bicubic"):
        reference = transforms.Compose(
            [
                transforms.Resize(256, transforms.InterpolationMode(interpolation)),
                transforms.CenterCrop(224),
                transforms.ToTensor(),
                transforms.Normalize(HALF, HALF),
            ]
        )
        ours = Preprocessing(pipeline="resize_crop", mean=HALF, std=HALF, interpolation=interpolation)
        torch.testing.assert_close(ours.prepare(image), reference(image), atol=1e-6, rtol=0)


def test_names_and_dictionaries() -> None:
    preprocessing = Preprocessing(interpolation="bicubic")
    assert preprocessing.name == "squash224"
    assert preprocessing.with_pipeline("resize_crop", 224).name == "resize256_crop224"
    assert preprocessing.with_pipeline("resize_crop", 224).interpolation == "bicubic"
    assert Preprocessing.from_dict(preprocessing.to_dict()) == preprocessing
    assert preprocessing.to_dict()["mean"] == [0.485, 0.456, 0.406]


@pytest.mark.parametrize(
    "wrong",
    [
        {"pipeline": "stretch"},
        {"interpolation": "nearest"},
        {"size": 4},
        {"std": (0.2, 0.0, 0.2)},
        {"mean": (0.5, 0.5)},
    ],
)
def test_wrong_values_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ParameterError):
        Preprocessing(**wrong)
