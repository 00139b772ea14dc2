"""Batch sizes that were found on this machine, kept in a file between runs of the command line."""

from __future__ import annotations

import contextlib
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

from saliency_core.lazy import torch
from saliency_core.provenance import device_name, versions
from saliency_core.scoring.batch_size import find_batch_size, remember_batch_size
from saliency_core.scoring.runtime_network import score_in_bulk

if TYPE_CHECKING:
    from saliency_core.classifiers.classifier import Classifier


def cache_folder() -> Path:
    """`SALISCOPE_CACHE_DIR`, or `saliscope` in the user's cache folder."""
    chosen = os.environ.get("SALISCOPE_CACHE_DIR")
    usual = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "saliscope"
    return Path(chosen) if chosen else usual


def recall_or_find_batch_size(classifier: Classifier, precision: str, folder: Path | None = None) -> int:
    """The batch size that was found earlier for this network, device and precision; otherwise it is found now, which
    takes some seconds, and kept. A file that cannot be read or written only costs these seconds.
    """
    path = (folder or cache_folder()) / "batch_sizes.json"
    score_in_bulk(classifier)
    key = _key(classifier, precision)
    known: dict[str, int] = {}
    with contextlib.suppress(OSError, ValueError):
        read = json.loads(path.read_text(encoding="utf-8"))
        known = read if isinstance(read, dict) else {}
    size = known.get(key)
    if isinstance(size, int) and size > 0:
        remember_batch_size(classifier, precision, size)
        return size
    size = find_batch_size(classifier, precision)
    with contextlib.suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        new = path.with_suffix(f".{os.getpid()}")
        new.write_text(json.dumps({**known, key: size}, indent=0, sort_keys=True), encoding="utf-8")
        new.replace(path)
    return size


def _key(classifier: Classifier, precision: str) -> str:
    parts = (
        classifier.weights_sha256 or f"{classifier.library}:{classifier.architecture}",
        f"{classifier.preprocessing.size} pixels",
        device_name(classifier.device),
        f"{torch.get_num_threads()} threads",
        f"torch {versions()['torch']}",
        f"onnxruntime {versions()['onnxruntime']}",
        precision,
    )
    return ", ".join(parts)
