"""Classifiers whose layers are initialised anew, for sanity checks of saliency maps (Adebayo et al. 2018).

A layer is initialised as its type does by default: what torch or timm do in ``reset_parameters`` (convolutions
and linear layers: Kaiming uniform with a = √5; norms: 1 and 0; layer scale: its initial value; torch's multi-head
attention: Xavier uniform). Weights without an initialiser of their own (class tokens, position embeddings, tables
of relative positions, layer scales held by a block) get timm's: a normal distribution of standard deviation 0.02,
truncated at ±2. All weights of a layer are drawn, biases and the affine part of norms included. The running
statistics of BatchNorm are no weights and stay, as with Adebayo et al.

Every layer has a seed of its own, made of the given seed and its name. So a layer gets the same numbers whatever
else is randomised, on every device and in every process, and the stages of a cascade are nested.
"""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from saliency_core.classifiers.weighted_layers import WeightedLayer, initialiser_of
from saliency_core.errors import LayerError, suggestion
from saliency_core.lazy import torch

if TYPE_CHECKING:
    from saliency_core.classifiers.classifier import Classifier

_STANDARD_DEVIATION = 0.02


class WorkingCopy:
    """A copy of a classifier in which layers can be randomised and restored.

    The copy has modules of its own but shares all tensors with the original until a layer is randomised; the
    original never changes. What was drawn for a layer is kept for the next time, so that memory grows to twice
    the model's at most.
    """

    def __init__(self, classifier: Classifier, layers: Sequence[WeightedLayer], seed: int = 0) -> None:
        """``layers``: those that can be randomised (see weighted_layers)."""
        self.original, self.seed = classifier, seed
        self.layers = {layer.name: layer for layer in layers}
        shared = {
            id(tensor): tensor for tensor in (*classifier.model.parameters(), *classifier.model.buffers())
        }
        self.classifier = copy.copy(classifier)
        self.classifier.scored_in_bulk = False  # its weights change all the time
        self.classifier.model = copy.deepcopy(classifier.model, dict(shared))
        self._places = _places(self.classifier.model)
        self._originals = dict(classifier.model.named_parameters(remove_duplicate=False))
        self._drawn: dict[str, dict[str, torch.nn.Parameter]] = {}

    def randomise(self, names: Sequence[str]) -> None:
        """Initialise these layers anew; others stay as they are. Raises LayerError for an unknown name."""
        for name in names:
            if name not in self.layers:
                raise LayerError(
                    f"{self.original.title} has no layer {name!r} that can be randomised."
                    f"{suggestion(name, self.layers)}"
                )
            if name not in self._drawn:
                self._drawn[name] = self._draw(self.layers[name])
            self._put(self._drawn[name])

    def restore(self) -> None:
        """Give all layers their trained weights again."""
        for name in self._drawn:
            self._put({key: self._originals[key] for key in self.layers[name].parameters})

    def cascade(self, blocks: Sequence[Sequence[str]]) -> Iterator[Classifier]:
        """The copy after the first block of layers is randomised, after the first two, and so on."""
        self.restore()
        for block in blocks:
            self.randomise(block)
            yield self.classifier

    def one_by_one(self, blocks: Sequence[Sequence[str]]) -> Iterator[Classifier]:
        """The copy with one block of layers randomised at a time."""
        for block in blocks:
            self.restore()
            self.randomise(block)
            yield self.classifier

    def _put(self, parameters: dict[str, torch.nn.Parameter]) -> None:
        for name, parameter in parameters.items():
            for module, key in self._places[id(self._originals[name])]:
                module.register_parameter(key, parameter)

    def _draw(self, layer: WeightedLayer) -> dict[str, torch.nn.Parameter]:
        """New parameters of a layer, laid out in memory as the old ones."""
        with torch.inference_mode(False), torch.no_grad(), torch.random.fork_rng(devices=[]):
            # Drawn on the CPU, where the numbers are the same for every device.
            torch.default_generator.manual_seed(layer_seed(self.seed, layer.name))
            fresh = self._initial_values(layer)
            drawn = {}
            for name, values in fresh.items():
                old = self._originals[name]
                new = torch.empty_like(old).copy_(values)
                drawn[name] = torch.nn.Parameter(new, requires_grad=old.requires_grad)
            return drawn

    def _initial_values(self, layer: WeightedLayer) -> dict[str, torch.Tensor]:
        if layer.kind != "Parameter":
            # From the original: the copy's own parameters may be drawn ones.
            module = self.original.model.get_submodule(layer.name)
            if initialiser_of(module) is not None:
                blank = copy.deepcopy(module).to("cpu", torch.float32)
                initialiser_of(blank)()
                own = dict(blank.named_parameters(recurse=False))
                return {name: own[name.rpartition(".")[2]] for name in layer.parameters}
        values = {}
        for name in layer.parameters:
            empty = torch.empty(self._originals[name].shape)
            values[name] = torch.nn.init.trunc_normal_(empty, std=_STANDARD_DEVIATION)
        return values


def randomised(
    classifier: Classifier, layers: Sequence[WeightedLayer], names: Sequence[str] | None = None, seed: int = 0
) -> Classifier:
    """A copy of the classifier in which the layers called ``names`` (by default all) are initialised anew.

    >>> randomised(classifier, weighted_layers(classifier)[:3])  # doctest: +SKIP
    """
    working = WorkingCopy(classifier, layers, seed)
    working.randomise([layer.name for layer in layers] if names is None else names)
    return working.classifier


def layer_seed(seed: int, name: str) -> int:
    """A seed for one layer, the same in every process."""
    digest = hashlib.sha256(f"{seed}:{name}".encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1


def evenly_spread(names: Sequence[str], most: int) -> list[list[str]]:
    """``names`` cut into at most ``most`` blocks of about the same length, in order; the first has one name."""
    if not names:
        return []
    stages = max(1, min(most, len(names)))
    if stages == 1:
        return [list(names)]
    step = (len(names) - 1) / (stages - 1)
    ends = [1 + round(stage * step) for stage in range(stages)]
    return [list(names[first:end]) for first, end in zip([0, *ends], ends, strict=False)]


def _places(model: torch.nn.Module) -> dict[int, list[tuple[torch.nn.Module, str]]]:
    """Where each parameter is held, by id: tied weights have several places."""
    places: dict[int, list[tuple[torch.nn.Module, str]]] = {}
    for module in model.modules():
        for key, parameter in module._parameters.items():
            if parameter is not None:
                places.setdefault(id(parameter), []).append((module, key))
    return places
