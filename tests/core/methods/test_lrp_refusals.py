from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

from saliency_core import create_method
from saliency_core.errors import LayerError
from tests.core.methods.small_networks import CLASSES, classifier_of


class Refused(torch.nn.Module):
    def __init__(self, kind: str) -> None:
        super().__init__()
        self.stem, self.inner = torch.nn.Conv2d(3, CLASSES, 3), Operation(kind)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.inner(self.stem(images)).mean((2, 3))


class Operation(torch.nn.Module):
    def __init__(self, kind: str) -> None:
        super().__init__()
        self.kind = kind
        self.norm = torch.nn.GroupNorm(2, CLASSES)
        self.batch = torch.nn.BatchNorm2d(CLASSES, track_running_stats=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        operations: dict[str, Callable[[], torch.Tensor]] = {
            "softmax": lambda: x.softmax(1),
            "group_norm": lambda: self.norm(x),
            "matmul": lambda: x @ x.transpose(2, 3),
            "mul": lambda: x * x,
            "__rdiv__": lambda: 1 / (x + 10),
            "statistics of the batch": lambda: self.batch(x),
        }
        return operations[self.kind]()


@pytest.mark.parametrize(
    "kind", ["softmax", "group_norm", "matmul", "mul", "__rdiv__", "statistics of the batch"]
)
def test_what_has_no_rule_is_refused_by_name_before_any_work(kind: str) -> None:
    classifier = classifier_of(Refused(kind), name="odd")
    with pytest.raises(LayerError, match=rf"no rule for .*{kind}.* \(in 'inner.*'\), which odd uses"):
        create_method("lrp", classifier)
    assert all(not m._forward_hooks and not m._forward_pre_hooks for m in classifier.model.modules())
