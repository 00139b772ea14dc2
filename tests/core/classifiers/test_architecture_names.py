"""The file of architecture names, and the search in it."""

from __future__ import annotations

import json

import pytest

from saliency_core.classifiers.architecture_names import (
    NAMES_FILE,
    did_you_mean,
    known_names,
    other_library,
    search_names,
)
from saliency_core.classifiers.published_preprocessing import (
    PREPROCESSING_FILE,
    published_preprocessing,
)
from tools.architecture_names import installed_names, installed_preprocessing


def found(words: str, **options: object) -> list[str]:
    return [f"{each.library}:{each.name}" for each in search_names(words, **options)]


def test_the_file_lists_what_is_installed() -> None:
    assert json.loads(NAMES_FILE.read_text()) == installed_names(), "run python tools/architecture_names.py"
    assert len(known_names()["torchvision"]) >= 70
    assert len(known_names()["timm"]) >= 2000


def test_the_file_has_what_goes_with_the_published_weights() -> None:
    assert json.loads(PREPROCESSING_FILE.read_text()) == installed_preprocessing(), (
        "run python tools/architecture_names.py"
    )


@pytest.mark.parametrize(
    ("library", "name", "pipeline", "size", "mean", "interpolation"),
    [
        ("torchvision", "resnet50", "resize_crop", 224, 0.485, "bilinear"),
        ("torchvision", "inception_v3", "resize_crop", 299, 0.485, "bilinear"),
        ("torchvision", "efficientnet_b4", "resize_crop", 380, 0.485, "bicubic"),
        ("timm", "vit_base_patch16_224", "resize_crop", 224, 0.5, "bicubic"),
        ("timm", "resnet50.a1_in1k", "resize_crop", 224, 0.485, "bicubic"),
        ("timm", "coat_lite_medium_384", "squash", 384, 0.485, "bicubic"),
    ],
)
def test_preprocessing_by_name(
    library: str, name: str, pipeline: str, size: int, mean: float, interpolation: str
) -> None:
    found = published_preprocessing(library, name)
    assert found is not None
    assert (found.pipeline, found.size, found.mean[0]) == (pipeline, size, mean)
    assert found.interpolation == interpolation


def test_no_preprocessing_is_made_up() -> None:
    assert published_preprocessing("torchvision", "nothing") is None
    assert published_preprocessing("onnx", "") is None


def test_exact_names_come_first_then_those_that_begin_alike() -> None:
    names = found("resnet50")
    assert names[:2] == ["timm:resnet50", "torchvision:resnet50"]
    assert all("resnet50" in name for name in names)
    assert found("resnet50", libraries=["torchvision"])[0] == "torchvision:resnet50"


def test_words_in_any_order_and_any_case() -> None:
    assert "timm:deit_tiny_patch16_224" in found("DeiT tiny")
    assert found("224 tiny deit", limit=3)[0] == "timm:deit_tiny_patch16_224"
    assert "timm:vit_base_patch16_224.orig_in21k_ft_in1k" in found("vit_base orig in1k")


def test_nothing_asked_nothing_found_and_a_limit() -> None:
    assert found(" ") == []
    assert found("qqqqqqqqqq") == []
    assert len(found("e", limit=7)) == 7


@pytest.mark.parametrize(("typed", "meant"), [("resnt50", "resnet50"), ("squeezenet11", "squeezenet1_1")])
def test_misspelt_names_find_similar_ones(typed: str, meant: str) -> None:
    assert f"torchvision:{meant}" in found(typed)
    assert meant in did_you_mean("torchvision", typed)


def test_the_library_that_knows_a_name() -> None:
    assert other_library("torchvision", "deit_tiny_patch16_224") == "timm"
    assert other_library("timm", "googlenet") == "torchvision"
    assert other_library("timm", "resnet50") is None
    assert other_library("timm", "nothing") is None
