"""The names under which `WEIGHTS_DIR` keeps what a classifier is loaded from."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from django.conf import settings

from saliency_core.classifiers import onnx_files

_SHA256 = re.compile(r"[0-9a-f]{64}")


def is_sha256(value: Any) -> bool:
    """Whether it is a SHA-256 as files are named by: nothing else may come to be part of a path or of a pattern."""
    return isinstance(value, str) and _SHA256.fullmatch(value) is not None


def stored_files(sha256: str) -> list[Path]:
    """Every file that is there under this SHA-256, plain forms of a network included; none for what is no SHA-256."""
    return sorted(settings.WEIGHTS_DIR.glob(f"{sha256}.*")) if is_sha256(sha256) else []


def stored_file_name(library: str, sha256: str) -> str:
    """Of the weights with this SHA-256, or, where the library is ONNX, of the file that is the network."""
    return f"{sha256}{onnx_files.SUFFIX if library == onnx_files.LIBRARY else '.safetensors'}"
