"""The network of the precision "fast": a copy in 16 bits, compiled where there is a GPU and a compiler.

In bfloat16 a linear layer at the end stays in 32 bits: logits of 8 to 16 would come in steps of 1/16.
"""

from __future__ import annotations

import copy
import logging
import os
import shutil
from importlib.util import find_spec
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary, ref

from saliency_core.lazy import torch
from saliency_core.scoring.weights_state import WeightsState, made_once
from saliency_core.transformers.shortened import without_unread_tokens

if TYPE_CHECKING:
    from collections.abc import Callable

log = logging.getLogger(__name__)

# A worker scores many shards with one network: copying and compiling it once is enough.
_made: WeakKeyDictionary[torch.nn.Module, tuple[WeightsState, FastNetwork]] = WeakKeyDictionary()


class FastNetwork:
    """Logits [B, C] for normalised images [B, 3, H, W] of any floating type."""

    def __init__(self, model: torch.nn.Module) -> None:
        first = next(model.parameters())
        self._model = ref(model)
        self._convert(fast_type(first.device))

    def _convert(self, dtype: torch.dtype) -> None:
        model = self._model()
        assert model is not None
        self.dtype = dtype
        converted = copy.deepcopy(model).to(dtype, memory_format=torch.channels_last).eval()
        self._plain = without_unread_tokens(converted)
        self._run: Callable[[torch.Tensor], torch.Tensor] = self._plain
        self._narrow_again = widened_head(self._plain, model) if dtype == torch.bfloat16 else None
        if next(self._plain.parameters()).is_cuda and can_compile():
            # Every batch has one size, so each is compiled for itself.
            self._run = torch.compile(self._plain, dynamic=False)

    @property
    def compiled(self) -> bool:
        return self._run is not self._plain

    def widen(self) -> bool:
        """Goes on in bfloat16 where values were too large for float16; False if there is nothing wider to go to."""
        if self.dtype == torch.bfloat16:
            return False
        log.warning("Values too large for float16: the network goes on in bfloat16.")
        self._convert(torch.bfloat16)
        return True

    def plain_logits(self, images: torch.Tensor) -> torch.Tensor:
        """As calling it, but never compiled."""
        images = images.to(self.dtype)
        try:
            return self._plain(images)
        except RuntimeError as problem:
            if self._narrow_again is None or "type" not in str(problem):
                raise
            # What was registered last is not what runs last, and something 16 bits wide follows it.
            narrow_again, self._narrow_again = self._narrow_again, None
            narrow_again()
            return self._plain(images)

    def __call__(self, images: torch.Tensor) -> torch.Tensor:
        if not self.compiled:
            return self.plain_logits(images)
        images = images.to(self.dtype)
        try:
            return self._run(images)
        except Exception as problem:
            if isinstance(problem, torch.OutOfMemoryError):
                raise
            # What a compiler can't do comes as any kind of exception; without it the scores are as good.
            log.warning("The network is not compiled: %s: %s", type(problem).__name__, str(problem)[:500])
            self._run = self._plain
            return self.plain_logits(images)


def widened_head(network: torch.nn.Module, model: torch.nn.Module) -> Callable[[], None] | None:
    """Gives ``network``, the copy of a model in 16 bits, the model's own last layer back if it is linear.

    Returns what takes that back, or None where nothing was done.
    """
    from saliency_core.scoring.wide_head import WideHead

    layers = [
        name for name, layer in model.named_modules() if next(layer.parameters(False), None) is not None
    ]
    name = layers[-1] if layers else ""
    if not name or type(model.get_submodule(name)) is not torch.nn.Linear:
        return None
    above, _, own = name.rpartition(".")
    parent, narrow = network.get_submodule(above), network.get_submodule(name)
    setattr(parent, own, WideHead(model.get_submodule(name)))
    return lambda: setattr(parent, own, narrow)


def fast_type(device: torch.device) -> torch.dtype:
    """float16 on GPUs, which is as fast there as bfloat16 and eight times as fine; processors are slow with it."""
    return torch.float16 if device.type == "cuda" else torch.bfloat16


def fast_network(model: torch.nn.Module) -> FastNetwork:
    """The copy of a network with the weights it has now: made once, and again when they have changed."""
    return made_once(_made, model, lambda: FastNetwork(model))


def can_compile() -> bool:
    """Whether torch.compile has what it needs on a GPU: Triton, and a C compiler for its launchers."""
    compiler = os.environ.get("CC") or next(filter(shutil.which, ("cc", "gcc", "clang")), None)
    return find_spec("triton") is not None and compiler is not None
