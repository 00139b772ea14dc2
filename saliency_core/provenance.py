"""What a figure was made with."""

from __future__ import annotations

import platform
from importlib import metadata
from pathlib import Path

from saliency_core import __version__
from saliency_core.lazy import torch

_PACKAGES = ("torch", "torchvision", "timm", "kornia", "captum", "onnxruntime", "numpy", "pillow")


def versions() -> dict[str, str]:
    """Versions of this library, Python and the packages that figures depend on (read without importing
    them).
    """
    found = {"saliency_core": __version__, "python": platform.python_version()}
    for package in _PACKAGES:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            found[package] = "missing"
    return found


def device_name(device: str | torch.device) -> str:
    """The device in words: the GPU's name, or the processor's with the number of threads torch uses."""
    device = torch.device(device)
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"{_processor()}, {torch.get_num_threads()} threads"


def _processor() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()
