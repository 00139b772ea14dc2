"""In which arithmetic a network runs."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from saliency_core.errors import ParameterError
from saliency_core.lazy import torch

if TYPE_CHECKING:
    from saliency_core.classifiers.classifier import Classifier

PRECISIONS: tuple[str, ...] = ("fp32", "tf32", "bf16", "fast")


@contextmanager
def numeric_precision(precision: str, device: torch.device) -> Iterator[None]:
    """Run in ``precision`` inside, with torch's global switches restored afterwards.

    "fp32" is real float32 also on GPUs, where torch would round convolutions to TF32 by default; "tf32"
    allows that for matrices too; "bf16" is automatic mixed precision; "fast" is a network whose weights are
    bfloat16 (see network_in).
    """
    if precision not in PRECISIONS:
        raise ParameterError(f"The precision must be one of {', '.join(PRECISIONS)}; got {precision!r}.")
    if device.type != "cuda":
        with torch.autocast(device.type, dtype=torch.bfloat16, enabled=precision == "bf16"):
            yield
        return
    convolutions, matrices = torch.backends.cudnn.allow_tf32, torch.backends.cuda.matmul.allow_tf32
    torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = precision != "fp32"
    try:
        with torch.autocast("cuda", dtype=torch.bfloat16, enabled=precision == "bf16"):
            yield
    finally:
        torch.backends.cudnn.allow_tf32, torch.backends.cuda.matmul.allow_tf32 = convolutions, matrices


def network_in(precision: str, classifier: Classifier) -> Callable[[torch.Tensor], torch.Tensor]:
    """What gives logits [B, C] for normalised images [B, 3, H, W], to be used within numeric_precision.

    For "fast" a copy of the network in bfloat16, made here: mixed precision would convert all weights anew for every
    batch. Its logits differ by about one part in a hundred; how far figures move is in docs/performance.md.
    """
    if precision != "fast":
        return classifier.logits
    network = copy.deepcopy(classifier.model).to(torch.bfloat16, memory_format=torch.channels_last).eval()

    def logits(images: torch.Tensor) -> torch.Tensor:
        return network(images.to(torch.bfloat16))

    return logits
