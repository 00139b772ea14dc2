"""The layers of a model as they are chosen from: from the output back to the input, by the size of their maps."""

from __future__ import annotations

from dataclasses import dataclass

from webapp.library.models import Classifier


@dataclass(frozen=True)
class LayerRow:
    """`value` is what is sent for it: nothing for the model's default layer, which is followed if it changes."""

    value: str
    name: str
    kind: str
    channels: int | None
    checked: bool

    @property
    def is_default(self) -> bool:
        return not self.value


@dataclass(frozen=True)
class Stage:
    """Layers whose maps have one size; `size` is empty where the default layer is not among the model's own list."""

    size: str
    rows: list[LayerRow]


def stages_of(classifier: Classifier, chosen: str) -> list[Stage]:
    """All layers to choose from, `chosen` checked; an empty one is the default."""
    if chosen == classifier.default_layer:
        chosen = ""
    groups: dict[str, list[LayerRow]] = {}
    for layer in reversed(classifier.layers):
        value = "" if layer["name"] == classifier.default_layer else layer["name"]
        row = LayerRow(value, layer["name"], layer["kind"], layer["channels"], value == chosen)
        groups.setdefault(f"{layer['height']} × {layer['width']}", []).append(row)
    stages = [Stage(size, rows) for size, rows in groups.items()]
    if any(row.is_default for stage in stages for row in stage.rows):
        return stages
    return [Stage("", [LayerRow("", classifier.default_layer or "–", "", None, not chosen)]), *stages]
