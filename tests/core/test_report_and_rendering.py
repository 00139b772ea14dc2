from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from saliency_core.errors import ParameterError
from saliency_core.output.cells import neutralised
from saliency_core.output.text import tree_lines
from saliency_core.provenance import device_name, versions
from saliency_core.rendering.colour_maps import COLOUR_MAPS
from saliency_core.rendering.overlay import heat_map, overlay


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", " =1", "\r=1", "＝1"])
def test_active_cells_are_neutralised(text: str) -> None:
    assert neutralised(text) == f"'{text}"


def test_ordinary_cells_are_left_alone() -> None:
    assert [neutralised(text) for text in ("", "a=b", "n01/a-b.jpg", "图")] == [
        "",
        "a=b",
        "n01/a-b.jpg",
        "图",
    ]


def test_trees_are_indented() -> None:
    lines = tree_lines({"model": "VGG19", "parameters": {"layer": "features.35"}, "mean": (0.5, 0.4)})
    assert lines == [
        "model:                     VGG19",
        "parameters:",
        "  layer:                   features.35",
        "mean:                      0.5, 0.4",
    ]


def test_versions_and_device() -> None:
    found = versions()
    assert {
        "saliency_core",
        "python",
        "torch",
        "torchvision",
        "timm",
        "kornia",
        "captum",
        "numpy",
        "onnxruntime",
        "pillow",
    } == set(found)
    assert device_name("cpu").endswith(" threads")


def test_heat_map_uses_the_ends_of_the_scale() -> None:
    picture = heat_map([[0.0, 1.0], [-3.0, 7.0]], "gray")
    assert [picture.getpixel((x, y)) for y in (0, 1) for x in (0, 1)] == [(0, 0, 0), (255, 255, 255)] * 2
    assert heat_map([[0.0, 1.0]]).getpixel((0, 0)) == (0, 0, 3)  # inferno's darkest
    for name in COLOUR_MAPS:
        assert heat_map([[0.5]], name).mode == "RGB"
    with pytest.raises(ParameterError, match=r"inferno, viridis, magma, turbo, gray; got 'jet'"):
        heat_map([[0.5]], "jet")


def test_overlay_blends_and_keeps_the_images_size() -> None:
    image = Image.new("RGB", (20, 10), (200, 100, 0))
    saliency = np.ones((5, 5), np.float32)
    assert overlay(image, saliency, opacity=0, colour_map="gray").getpixel((3, 3)) == (200, 100, 0)
    assert overlay(image, saliency, opacity=1, colour_map="gray").getpixel((3, 3)) == (255, 255, 255)
    half = overlay(image, saliency, colour_map="gray")
    assert half.size == (20, 10)
    assert half.getpixel((3, 3)) == (227, 177, 127)
    with pytest.raises(ParameterError, match=r"opacity"):
        overlay(image, saliency, opacity=1.5)
