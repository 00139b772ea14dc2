"""Tiny networks on which every method is tried, and what a method must not touch."""

from __future__ import annotations

import ctypes
import random
from functools import cache
from typing import Any, ClassVar

import numpy as np
import torch
from torch.nn import functional

from saliency_core import create_method
from saliency_core.classifiers.classifier import Classifier
from saliency_core.classifiers.preprocessing import Preprocessing
from saliency_core.lazy import timm
from saliency_core.methods.base import Explanation, Method
from saliency_core.methods.registry import method_description

SIZE, CLASSES = 32, 5
TARGETS = torch.tensor([3, 0, 4])
# Quick parameters are for photographs: these are sizes in pixels, and lengths of optimisations.
FOR_SMALL_IMAGES: dict[str, dict[str, Any]] = {
    "cameras": {"resolutions": [SIZE, 48]},
    "extremal_perturbation": {"iterations": 4},
    "meaningful_perturbation": {"iterations": 4},
    "msg_cam": {"resolutions": [SIZE, 48]},
    "occlusion": {"patch": 8, "stride": 4},
}
# As little work as a method can do and still take every step of its way.
BRIEF: dict[str, Any] = {"iterations": 1, "masks": 12, "samples": 4, "steps": 2, "segments": 6}
BRIEF_SIZES: dict[str, dict[str, Any]] = {
    "extremal_perturbation": {"step": 32, "sigma": 48},
    "occlusion": {"patch": 16, "stride": 8},
}
# Rounding differs with the batch's size, and a denominator near zero magnifies it where maps have both signs, as
# those of "tangled" (2.7e-6 on one processor; another one may round otherwise).
TOLERANCES = {("grad_cam_plus_plus", "tangled"): 2e-5}
NETWORKS = ("batch_norm", "tangled", "transformer")


class BatchNormNetwork(torch.nn.Module):
    """Convolution, BatchNorm and ReLU twice, a global average and one linear layer."""

    def __init__(self) -> None:
        super().__init__()
        self.features = torch.nn.Sequential(
            torch.nn.Conv2d(3, 8, 3, stride=2, padding=1, bias=False),
            torch.nn.BatchNorm2d(8),
            torch.nn.ReLU(),
            torch.nn.Conv2d(8, 12, 3, stride=2, padding=1, bias=False),
            torch.nn.BatchNorm2d(12),
            torch.nn.ReLU(),
        )
        self.pool = torch.nn.AdaptiveAvgPool2d(1)
        self.head = torch.nn.Linear(12, CLASSES)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.head(self.pool(self.features(images)).flatten(1))


class TangledNetwork(torch.nn.Module):
    """One in-place ReLU that runs three times, ReLUs that are functions, a residual sum, a head of two layers."""

    def __init__(self) -> None:
        super().__init__()
        self.first = torch.nn.Conv2d(3, 8, 3, stride=2, padding=1)
        self.second = torch.nn.Conv2d(8, 8, 3, padding=1)
        self.third = torch.nn.Conv2d(8, 12, 3, stride=2, padding=1)
        self.relu = torch.nn.ReLU(inplace=True)
        self.pool = torch.nn.MaxPool2d(2)
        self.hidden = torch.nn.Linear(12 * 16, 10)
        self.head = torch.nn.Linear(10, CLASSES)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        features = self.relu(self.first(images))
        features = self.relu(features + self.second(features))
        features = functional.relu(self.third(features), inplace=True)
        pooled = functional.adaptive_avg_pool2d(self.pool(features), 4).flatten(1)
        return self.head(self.relu(self.hidden(pooled)))


def _network(name: str) -> torch.nn.Module:
    with torch.random.fork_rng():
        torch.manual_seed(5)
        if name == "transformer":
            model = timm.models.vision_transformer.VisionTransformer(
                img_size=SIZE, patch_size=8, embed_dim=24, depth=3, num_heads=3, num_classes=CLASSES
            )
            for parameter in model.parameters():
                if parameter.ndim > 1:  # as initialised, all attention is nearly uniform
                    parameter.data = torch.randn(parameter.shape) * 0.3
            return model
        model = BatchNormNetwork() if name == "batch_norm" else TangledNetwork()
        for module in model.modules():
            if isinstance(module, torch.nn.BatchNorm2d):
                module.running_mean.normal_(0, 0.2)
                module.running_var.uniform_(0.5, 1.5)
            elif isinstance(module, torch.nn.Conv2d | torch.nn.Linear):
                module.weight.data.mul_(3)
        if name == "batch_norm":
            model.head.weight.data.mul_(3)  # far enough from uniform scores
        return model


def network(name: str, activation: str = "softmax") -> Classifier:
    """A new classifier each time, always the same weights."""
    return Classifier(
        _network(name).requires_grad_(False),
        name=name,
        preprocessing=Preprocessing(size=SIZE),
        class_names=list("abcde"),
        activation=activation,
    )


def photographs(count: int = 3, size: tuple[int, int] = (SIZE, SIZE), seed: int = 0) -> torch.Tensor:
    """Smooth random images [count, 3, H, W]: blots rather than noise, as in photographs."""
    coarse = torch.randn(count, 3, 6, 6, generator=torch.Generator().manual_seed(seed))
    smooth = functional.interpolate(coarse, size=size, mode="bicubic", align_corners=False)
    fine = torch.randn(count, 3, *size, generator=torch.Generator().manual_seed(seed + 1))
    return smooth + 0.1 * fine


def quick(key: str, classifier: Classifier) -> Method:
    parameters = {**method_description(key).quick, **FOR_SMALL_IMAGES.get(key, {})}
    return create_method(key, classifier, **parameters)


def brief(key: str, classifier: Classifier) -> Method:
    """The method with the least work per image: for tests of many images."""
    description = method_description(key)
    own = {parameter.name for parameter in description.parameters}
    parameters = {
        **description.quick,
        **FOR_SMALL_IMAGES.get(key, {}),
        **{name: value for name, value in BRIEF.items() if name in own},
        **BRIEF_SIZES.get(key, {}),
    }
    return create_method(key, classifier, **parameters)


def heap_in_use() -> int | None:
    """Bytes that this process has allocated and not freed, Python's and torch's; None without glibc 2.33."""
    try:
        ask = ctypes.CDLL(None).mallinfo2
    except (OSError, AttributeError, TypeError):
        return None
    ask.restype = _HeapFigures
    figures = ask()
    return int(figures.uordblks + figures.hblkhd)


class _HeapFigures(ctypes.Structure):
    """struct mallinfo2 of glibc's malloc.h."""

    _fields_: ClassVar = [
        (name, ctypes.c_size_t)
        for name in (
            "arena",
            "ordblks",
            "smblks",
            "hblks",
            "hblkhd",
            "usmblks",
            "fsmblks",
            "uordblks",
            "fordblks",
            "keepcost",
        )
    ]


@cache
def usual(key: str, name: str) -> Explanation:
    """The explanation of the usual three images; computed once, compared with by many tests."""
    return quick(key, network(name)).explain(photographs(), TARGETS)


def state_of(model: torch.nn.Module) -> dict[str, Any]:
    """All of a model that a method might leave changed."""
    modules = list(model.modules())
    return {
        "modules": [type(module) for module in modules],
        "modes": [module.training for module in modules],
        "hooks": [
            [len(hooks) for name, hooks in sorted(vars(module).items()) if name.endswith("_hooks")]
            for module in modules
        ],
        "attributes": [
            {
                name: value
                for name, value in vars(module).items()
                if isinstance(value, bool | int | float | str)
            }
            for module in modules
        ],
        "methods": [
            sorted(name for name, value in vars(module).items() if callable(value)) for module in modules
        ],
        "values": {name: value.clone() for name, value in model.state_dict().items()},
        "gradients": [(parameter.requires_grad, parameter.grad) for parameter in model.parameters()],
        "identities": [id(parameter) for parameter in [*model.parameters(), *model.buffers()]],
        "strides": [parameter.stride() for parameter in model.parameters()],
        "dtypes": [parameter.dtype for parameter in model.parameters()],
    }


def random_states() -> dict[str, Any]:
    """Of torch, numpy and Python, and torch's switches that change results."""
    kind, keys, *rest = np.random.get_state()
    return {
        "torch": torch.get_rng_state().tolist(),
        "numpy": (kind, keys.tolist(), rest),
        "python": random.getstate(),
        "gradients": torch.is_grad_enabled(),
        "type": torch.get_default_dtype(),
        "deterministic": torch.are_deterministic_algorithms_enabled(),
        "precision": torch.get_float32_matmul_precision(),
        "threads": torch.get_num_threads(),
    }


def assert_close(actual: torch.Tensor, expected: torch.Tensor, tolerance: float = 1e-5) -> None:
    """Equal to ``tolerance`` of the largest value."""
    scale = max(float(expected.abs().max()), 1e-30)
    assert float((actual - expected).abs().max()) <= tolerance * scale
