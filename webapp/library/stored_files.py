"""The name under which `WEIGHTS_DIR` keeps what a classifier is loaded from."""

from __future__ import annotations

from saliency_core.classifiers import onnx_files


def stored_file_name(library: str, sha256: str) -> str:
    """Of the weights with this SHA-256, or, where the library is ONNX, of the file that is the network."""
    return f"{sha256}{onnx_files.SUFFIX if library == onnx_files.LIBRARY else '.safetensors'}"
