"""Saliency maps of image classifiers: make them, score them, compare them.

The library needs neither Django nor a database. Its three entry points are resolved on first use, so
importing ``saliency_core`` (or any description, data set, protocol or statistics module of it) does not
import torch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from saliency_core.classifiers.loading import load_classifier
    from saliency_core.methods.registry import create_method

__all__ = ["__version__", "create_method", "load_classifier"]


def __getattr__(name: str) -> Any:
    if name == "load_classifier":
        from saliency_core.classifiers.loading import load_classifier

        return load_classifier
    if name == "create_method":
        from saliency_core.methods.registry import create_method

        return create_method
    raise AttributeError(f"module 'saliency_core' has no attribute {name!r}")
