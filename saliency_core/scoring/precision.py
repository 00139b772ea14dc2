"""In which arithmetic a network runs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from saliency_core.errors import ParameterError
from saliency_core.lazy import torch

PRECISIONS: tuple[str, ...] = ("fp32", "tf32", "bf16")


@contextmanager
def numeric_precision(precision: str, device: torch.device) -> Iterator[None]:
    """Run in ``precision`` inside, with torch's global switches restored afterwards.

    "fp32" is real float32 also on GPUs, where torch would round convolutions to TF32 by default; "tf32"
    allows that for matrices too; "bf16" is automatic mixed precision.
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
