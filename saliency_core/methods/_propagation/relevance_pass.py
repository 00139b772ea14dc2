"""The forward pass whose backward pass is relevance."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from saliency_core.lazy import torch
from saliency_core.methods._propagation.relevance import Composite, RelevanceRule


@contextmanager
def relevance_pass(
    model: torch.nn.Module, composite: Composite, classes: int, title: str
) -> Iterator[RelevanceRule]:
    """Inside, forward passes of the model are prepared for relevance; the backward pass comes after it.

    Raises a LayerError that names the operation without a rule and the module it is in.
    """
    running: list[str] = []

    def enter(name: str) -> Callable[..., None]:
        return lambda module, inputs: running.append(name)

    def leave(module: torch.nn.Module, inputs: Any, output: Any) -> None:
        running.pop()

    handles: list[Any] = []
    try:
        for name, module in model.named_modules():
            handles.append(module.register_forward_pre_hook(enter(name)))
            handles.append(module.register_forward_hook(leave))
        with RelevanceRule(composite, classes, title, running) as rule:
            yield rule
    finally:
        for handle in handles:
            handle.remove()
