"""Which GPUs this machine lends to workers, found without touching CUDA."""

from __future__ import annotations

import os
import re
import shutil
import subprocess

_LISTED = re.compile(r"\(UUID: ((?:GPU|MIG)-[^)]+)\)")


def visible_gpus() -> list[str]:
    """One CUDA_VISIBLE_DEVICES value per GPU (or MIG slice); empty where there is none.

    If CUDA_VISIBLE_DEVICES is set, it decides; otherwise `nvidia-smi -L` is asked.
    """
    chosen = os.environ.get("CUDA_VISIBLE_DEVICES")
    if chosen is not None:
        return _up_to_first_invalid(chosen.split(","))
    program = shutil.which("nvidia-smi")
    if program is None:
        return []
    try:
        listing = subprocess.run(
            [program, "-L"], capture_output=True, text=True, timeout=15, check=True
        ).stdout
    except (OSError, subprocess.SubprocessError):
        return []
    return gpus_listed(listing)


def gpus_listed(listing: str) -> list[str]:
    """The identifiers in the output of `nvidia-smi -L`: slices where a GPU is sliced, otherwise whole GPUs."""
    identifiers: list[str] = []
    for line in listing.splitlines():
        match = _LISTED.search(line)
        if match is None:
            continue
        identifier = match.group(1)
        is_first_slice = identifier.startswith("MIG-") and identifiers and identifiers[-1].startswith("GPU-")
        if is_first_slice:
            identifiers.pop()
        identifiers.append(identifier)
    return identifiers


def _up_to_first_invalid(values: list[str]) -> list[str]:
    """CUDA's own rule: what follows an invalid entry such as -1 is invisible."""
    devices: list[str] = []
    for value in (entry.strip() for entry in values):
        if value in {"", "-1", "NoDevFiles"}:
            break
        devices.append(value)
    return devices
