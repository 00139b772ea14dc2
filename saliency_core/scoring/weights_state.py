"""Whether a network still has the weights it had, and what is kept as long as it has."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar
from weakref import WeakKeyDictionary

if TYPE_CHECKING:
    from saliency_core.lazy import torch

WeightsState = tuple[tuple[int, int], ...]
Made = TypeVar("Made")


def weights_state(model: torch.nn.Module) -> WeightsState:
    """Identity and version of every tensor: another value after any change of a parameter or buffer."""
    tensors = (*model.parameters(), *model.buffers())
    return tuple((id(each), 0 if each.is_inference() else each._version) for each in tensors)


def made_once(
    kept: WeakKeyDictionary[torch.nn.Module, tuple[WeightsState, Made]],
    model: torch.nn.Module,
    make: Callable[[], Made],
) -> Made:
    """What was made of the network's weights, made again where they have changed. It must not hold the network itself,
    or neither would ever be freed.
    """
    state = weights_state(model)
    found = kept.get(model)
    if found is None or found[0] != state:
        found = kept[model] = state, make()
    return found[1]
