"""Randomness that belongs to an image, not to its place in a batch."""

from __future__ import annotations

import hashlib

from saliency_core.descriptions import Parameter
from saliency_core.lazy import torch


def seed_parameter(
    help: str = "Where the random numbers start; the same seed gives the same map.",
) -> Parameter:
    """The parameter "seed" of a method that draws random numbers."""
    return Parameter(
        name="seed",
        kind="integer",
        default=0,
        minimum=0,
        maximum=2**31 - 1,
        title="Seed",
        help=help,
        source="Our choice",
    )


def image_generator(seed: int, image: torch.Tensor) -> torch.Generator:
    """A generator on the CPU for one image [3, H, W], seeded by the image's own values and ``seed``.

    The same image with the same seed always draws the same numbers, whatever batch it is in and on
    whatever device the method runs: draw with ``generator=`` on the CPU, then move. torch's global random
    state is neither read nor changed.

    >>> noise = torch.randn(3, 4, generator=image_generator(0, torch.zeros(3, 8, 8)))  # doctest: +SKIP
    """
    values = image.detach().to("cpu", torch.float32).contiguous()
    digest = hashlib.sha256(f"{seed} {tuple(values.shape)} ".encode())
    digest.update(values.numpy().tobytes())
    # 63 bits: what manual_seed takes on every platform.
    return torch.Generator().manual_seed(int.from_bytes(digest.digest()[:8], "big") >> 1)
