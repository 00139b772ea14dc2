from __future__ import annotations

import csv
import io

import numpy as np
import pytest
from PIL import Image

from saliency_core.errors import ParameterError
from saliency_core.experiments.columns import Columns
from saliency_core.experiments.summary import confidence_bins, summarise
from saliency_core.provenance import device_name, versions
from saliency_core.rendering.colour_maps import COLOUR_MAPS
from saliency_core.rendering.overlay import heat_map, overlay
from saliency_core.report import CSV_COLUMNS, neutralised, percent, text_report, write_csv


def columns() -> Columns:
    return Columns(
        indices=np.array([0, 2]),
        images=["=cmd|'/c calc'!A0.jpg", "b.jpg"],
        scalars={
            "target": np.array([3, 1]),
            "target_name": np.array(["tench", "-fish"]),
            "label": np.array([3, -1]),
            "probability": np.array([0.5, 0.25]),
            "insertion_auc": np.array([0.5, 0.25]),
            "deletion_auc": np.array([0.125, 0.5]),
            "overall": np.array([0.375, -0.25]),
            "degenerate": np.array([False, True]),
            "seconds": np.array([1.23456, 2.0]),
        },
        failures=[{"index": 1, "image": "+a.jpg", "reason": "truncated, sadly"}],
    )


def test_csv_has_every_image_in_order_and_runs_nothing() -> None:
    file = io.StringIO()
    write_csv(columns(), file)
    header, first, failed, last = csv.reader(io.StringIO(file.getvalue()))
    assert header == list(CSV_COLUMNS)
    assert first == [
        "'=cmd|'/c calc'!A0.jpg", "3", "tench", "3", "0.50000000", "0.50000000", "0.12500000", "0.37500000", "0",
        "1.235", "done", "",
    ]  # fmt: skip
    assert failed == ["'+a.jpg", *[""] * 9, "failed", "truncated, sadly"]
    assert last[1:4] == ["1", "'-fish", ""]
    assert last[7:9] == ["-0.25000000", "1"]


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", " =1", "\r=1"])
def test_active_cells_are_neutralised(text: str) -> None:
    assert neutralised(text) == f"'{text}"


def test_ordinary_cells_are_left_alone() -> None:
    assert [neutralised(text) for text in ("", "a=b", "n01/a-b.jpg", "图")] == [
        "",
        "a=b",
        "n01/a-b.jpg",
        "图",
    ]


def test_percent() -> None:
    assert percent({"mean": 0.53194, "low": 0.528, "high": 0.5357, "n": 9}) == "53.19 [52.80, 53.57]"
    assert percent({"mean": -0.01, "low": None, "high": None, "n": 1}) == "-1.00"
    assert percent({"mean": None, "low": None, "high": None, "n": 0}) == percent(None) == "–"


def test_text_report_says_what_how_and_how_much() -> None:
    everything = columns()
    text = text_report(
        {"model": "VGG19", "method": "Grad-CAM", "parameters": {"layer": "features.35"}, "mean": (0.5, 0.4)},
        summarise(everything),
        confidence_bins(everything),
        everything.failures,
    )
    lines = [" ".join(line.split()) for line in text.splitlines()]
    for expected in (
        "model: VGG19",
        "layer: features.35",
        "mean: 0.5, 0.4",
        "Over-all 6.25 [-25.00, 37.50]",
        "Top-1 accuracy 100.00 (n = 1)",
        "Failed 1",
        "Constant maps 1",
        "[0.5, 0.6) 1 50.00 12.50 37.50",
        "[0.9999, 1] 0 – – –",
        "+a.jpg: truncated, sadly",
    ):
        assert expected in lines


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
