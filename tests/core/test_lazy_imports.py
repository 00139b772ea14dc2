"""Descriptions, data sets, protocols and statistics are readable without torch."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

LIGHT_MODULES = (
    "saliency_core",
    "saliency_core.classifiers.catalogue",
    "saliency_core.datasets.base",
    "saliency_core.datasets.image_folder",
    "saliency_core.datasets.sample_photographs",
    "saliency_core.datasets.shapes",
    "saliency_core.datasets.subset",
    "saliency_core.descriptions",
    "saliency_core.estimate",
    "saliency_core.experiments.base",
    "saliency_core.experiments.columns",
    "saliency_core.experiments.runner",
    "saliency_core.experiments.summary",
    "saliency_core.methods.registry",
    "saliency_core.provenance",
    "saliency_core.rendering.overlay",
    "saliency_core.output.text",
    "saliency_core.experiments.session",
    "saliency_core.output.folder",
    "saliency_core.statistics.bootstrap",
    "saliency_core.statistics.comparability",
    "saliency_core.statistics.paired",
    "saliency_core.statistics.ranking",
    "saliency_core.cli.main",
)

_PROGRAM = """
import importlib, sys
for name in sys.argv[1:]:
    importlib.import_module(name)
from saliency_core.experiments.base import experiment_descriptions, protocol
from saliency_core.methods.registry import method_description, method_descriptions
from saliency_core.provenance import versions
assert [method.key for method in method_descriptions()]
assert method_description("grad_cam").validate({"layer": " x "}) == {"layer": "x"}
assert experiment_descriptions()[0].default_protocol == protocol("insertion_deletion", "thesis@1")
assert versions()["torch"] != "missing"
heavy = {"torch", "torchvision", "timm", "kornia", "captum", "django", "celery"}
print(sorted(heavy & {name.partition(".")[0] for name in sys.modules}))
"""


def test_descriptions_do_not_import_torch() -> None:
    done = subprocess.run(
        [sys.executable, "-c", _PROGRAM, *LIGHT_MODULES], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


def test_public_names_are_resolved_on_use() -> None:
    import saliency_core

    assert saliency_core.load_classifier.__module__ == "saliency_core.classifiers.loading"
    assert saliency_core.create_method.__module__ == "saliency_core.methods.registry"
    with pytest.raises(AttributeError, match="no attribute 'explain'"):
        saliency_core.explain  # noqa: B018


def test_torchvision_and_timm_import_on_this_machine() -> None:
    from saliency_core.lazy import timm, torchvision

    assert "vgg16" in torchvision.models.list_models()
    assert timm.is_model("tf_efficientnet_lite0")


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ({}, "GOMP_SPINCOUNT = '3000'"),
        ({"GOMP_SPINCOUNT": "77"}, "GOMP_SPINCOUNT = '77'"),
        ({"OMP_WAIT_POLICY": "PASSIVE"}, "OMP_WAIT_POLICY = 'PASSIVE'"),
    ],
)
def test_waiting_threads_of_torch_soon_sleep_unless_told_otherwise(asked: dict[str, str], found: str) -> None:
    """The OpenMP library says itself what it has read."""
    names = ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT")
    kept = {name: value for name, value in os.environ.items() if name not in names}
    done = subprocess.run(
        [sys.executable, "-c", "from saliency_core.lazy import torch; torch.zeros(1)"],
        env=kept | {"OMP_DISPLAY_ENV": "VERBOSE"} | asked, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert found in done.stderr
