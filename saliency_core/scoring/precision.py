"""In which arithmetic a network runs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from saliency_core.classifiers.hooks import is_hooked
from saliency_core.errors import ParameterError
from saliency_core.lazy import torch
from saliency_core.scoring.fast_network import fast_network, fast_type
from saliency_core.scoring.runtime_network import runtime_network
from saliency_core.transformers.shortened import without_unread_tokens

if TYPE_CHECKING:
    from saliency_core.classifiers.classifier import Classifier

PRECISIONS: tuple[str, ...] = ("fp32", "tf32", "bf16", "fast")


@contextmanager
def numeric_precision(precision: str, device: torch.device) -> Iterator[None]:
    """Run in ``precision`` inside, with torch's global switches restored afterwards.

    "fp32" is real float32 also on GPUs, where torch would round convolutions to TF32 by default; "tf32"
    allows that for matrices too; "bf16" is automatic mixed precision; "fast" is a network whose weights are
    16 bits wide (see fast_network).
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


def arithmetic_of(precision: str, classifier: Classifier) -> str:
    """In which precision the classifier's network really runs: the one asked for, but for "fast" on a processor, which
    is bfloat16, with a ViT. There mean areas moved by more than 0.05 points of 100 (see docs/performance.md), so it
    stays in fp32.
    """
    is_too_coarse = classifier.device.type == "cpu" and classifier.family == "vit"
    return "fp32" if precision == "fast" and is_too_coarse else precision


def network_in(
    precision: str, classifier: Classifier, *, compiled: bool = True
) -> Callable[[torch.Tensor], torch.Tensor]:
    """What gives logits [B, C] for normalised images [B, 3, H, W], to be used within numeric_precision.

    For "fp32" ONNX Runtime's where that pays and gives the same (see runtime_network). For "fast" a copy of the
    network in 16 bits (see fast_type): mixed precision would convert all weights anew for every batch. On a GPU it is
    compiled, unless ``compiled`` is False. How far figures move is in docs/performance.md.
    """
    if precision == "fp32":
        return runtime_network(classifier) or _shortened(classifier)
    if precision != "fast":
        return _shortened(classifier)
    network = fast_network(classifier.model)
    return network if compiled else network.plain_logits


def _shortened(classifier: Classifier) -> Callable[[torch.Tensor], torch.Tensor]:
    """By torch and with the model's own weights, without what its head does not read (see without_unread_tokens)."""
    model = classifier.model
    shortened = without_unread_tokens(model)
    if shortened is model:
        return classifier.logits

    def logits(images: torch.Tensor) -> torch.Tensor:
        network = model if is_hooked(model) else shortened
        return network(classifier.arranged(images))

    return logits


def picture_format(precision: str, device: torch.device) -> tuple[torch.dtype, torch.memory_format]:
    """Type and memory format in which pictures are best handed to the network.

    Channels last is faster everywhere but with real float32 on GPUs, whose tensor cores it does not use.
    """
    planar = precision == "fp32" and device.type == "cuda"
    return (
        fast_type(device) if precision == "fast" else torch.float32,
        torch.contiguous_format if planar else torch.channels_last,
    )
