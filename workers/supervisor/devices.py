"""Which GPUs this machine lends to workers, found without touching CUDA."""

from __future__ import annotations

import os
import re
import shutil
import subprocess

from webapp.environment import EnvironmentProblem

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


def chosen_gpus(visible: list[str], chosen: tuple[str, ...] | None) -> list[tuple[int, str]]:
    """Place and identifier of the GPUs to use, each once: all visible ones, or those named by place or identifier.

    Raises EnvironmentProblem for one that is not there.
    """
    if chosen is None:
        return list(enumerate(visible))
    found: dict[int, str] = {}
    for name in chosen:
        place = int(name) if name.isascii() and name.isdecimal() else None
        if place is None and name in visible:
            place = visible.index(name)
        if place is None or place >= len(visible):
            there = f"0 to {len(visible) - 1}" if visible else "none"
            raise EnvironmentProblem(
                f"There is no GPU {name} on this machine (there are: {there}): correct --gpus, or use --cpu."
            )
        found[place] = visible[place]
    return list(found.items())


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
