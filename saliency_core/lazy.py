"""The heavy libraries, imported on first use.

Every module of ``saliency_core`` takes torch, torchvision, timm, kornia, captum, onnx and onnxruntime from here.
Hence forms, documents and the command line's help are built from the same descriptions as the computation
without loading torch. Code must not touch these names while a module or class body runs (annotations are fine: they
are never evaluated).
"""

from __future__ import annotations

import importlib
import os
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

# Read when torch is loaded. Its threads wait for each other many times in a forward pass, by default turning in a loop
# for milliseconds: where another process wants the processor, that loop holds up the very thread that is waited for,
# and two processes that score at once on two cores do half of what they do when waiting threads soon sleep. So few
# turns cost a process that is alone 2 %; none at all would cost it 6 to 20 %.
if "OMP_WAIT_POLICY" not in os.environ:
    os.environ.setdefault("GOMP_SPINCOUNT", "3000")

_torchvision_lock = threading.Lock()


def _import_torchvision() -> Any:
    """Import torchvision, also where its compiled operators cannot be loaded (on a CPU-only torch).

    torchvision registers shape functions for its ``nms`` operators at import and fails when the operators
    do not exist. Declaring their two schemas is enough to import it; the operators themselves are never
    called here.
    """
    with _torchvision_lock:
        try:
            return importlib.import_module("torchvision")
        except RuntimeError as error:
            if "torchvision::nms" not in str(error):
                raise
        library = importlib.import_module("torch").library
        for operator in ("nms", "qnms"):
            library.define(
                f"torchvision::{operator}", "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"
            )
        return importlib.import_module("torchvision")


def _import_timm() -> Any:
    _import_torchvision()  # timm imports it
    importlib.import_module("timm.data")
    return importlib.import_module("timm")


def _import_captum() -> Any:
    importlib.import_module("captum.attr")  # not imported by captum itself
    return importlib.import_module("captum")


def _import_onnx2pytorch() -> Any:
    _import_torchvision()  # its operations import it
    return importlib.import_module("onnx2pytorch")


class _LazyModule:
    """Stands in for a module and imports it when an attribute is first read."""

    def __init__(self, name: str, importer: Callable[[], Any] | None = None) -> None:
        self._name = name
        self._importer = importer or (lambda: importlib.import_module(name))
        self._module: Any = None

    def __getattr__(self, attribute: str) -> Any:
        if attribute.startswith("__"):  # inspection (copy, pickle, doctest) must not trigger the import
            raise AttributeError(attribute)
        if self._module is None:
            self._module = self._importer()
        return getattr(self._module, attribute)

    def __repr__(self) -> str:
        return f"<lazy module {self._name!r}>"


if TYPE_CHECKING:
    import captum
    import kornia
    import onnx
    import onnx2pytorch
    import onnxruntime
    import timm
    import torch
    import torch.nn.functional as functional
    import torchvision
else:
    torch = _LazyModule("torch")
    functional = _LazyModule("torch.nn.functional")
    torchvision = _LazyModule("torchvision", _import_torchvision)
    timm = _LazyModule("timm", _import_timm)
    kornia = _LazyModule("kornia")
    captum = _LazyModule("captum", _import_captum)
    onnx = _LazyModule("onnx")
    onnx2pytorch = _LazyModule("onnx2pytorch", _import_onnx2pytorch)
    onnxruntime = _LazyModule("onnxruntime")

__all__ = [
    "captum",
    "functional",
    "kornia",
    "onnx",
    "onnx2pytorch",
    "onnxruntime",
    "timm",
    "torch",
    "torchvision",
]
