"""From an image of a benchmark to the studio, with everything that made its maps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

from django.urls import reverse

from saliency_core.descriptions import Parameter
from saliency_core.enhancement.description import SLIDING_WINDOW
from saliency_core.methods.registry import method_description
from webapp.benchmarks.methods import enhancement_of
from webapp.benchmarks.models import Benchmark

# How the studio, which builds on this app, names the enhancement's fields (webapp.studio.choices).
ENHANCEMENT = "enhancement"


def studio_address(
    benchmark: Benchmark, methods: Sequence[int], image: str, target: int, preprocessing: str
) -> str:
    """The studio's page of an image: the model, the class and these methods (indices) with their own parameters, under
    the `preprocessing` with which an experiment showed the image to the model, written as the studio reads it.

    The studio has one set of parameters for the enhancement: of several the first one's are taken.
    """
    state: list[tuple[str, str]] = [
        ("model", str(benchmark.classifier_id)),
        ("dataset", str(benchmark.dataset_id)),
        ("image", image),
        *([("class", str(target))] if target >= 0 else []),
        ("preprocessing", preprocessing),
    ]
    named: dict[str, str] = {}
    variants: dict[str, list[Mapping[str, Any]]] = {}
    for index in methods:
        method = benchmark.specification["methods"][index]
        key, enhancement, parameters = method["key"], enhancement_of(method), method["parameters"]
        known = variants.setdefault(key, [])
        if parameters not in known:
            known.append(parameters)
        number = known.index(parameters) + 1
        # As the studio names a method that is there several times (webapp.studio.choices.numbered_key).
        name_in_address = key if number == 1 else f"{key}.{number}"
        state.append(("method" if enhancement is None else "enhanced", name_in_address))
        for name, text in _changed(method_description(key).parameters, parameters).items():
            named.setdefault(f"{name_in_address}-{name}", text)
        if enhancement is not None:
            for name, text in _changed(SLIDING_WINDOW.parameters, enhancement).items():
                named.setdefault(f"{ENHANCEMENT}-{name}", text)
    return f"{reverse('studio:maps')}?{urlencode([*dict.fromkeys(state), *named.items()])}"


def _changed(parameters: Sequence[Parameter], values: Mapping[str, Any]) -> dict[str, str]:
    """Those that are not the default, as the studio's fields write them."""
    found = {}
    for parameter in parameters:
        value = values.get(parameter.name)
        text, usual = parameter.text(value), parameter.text(parameter.default)
        if parameter.kind == "boolean":
            text, usual = str(bool(value)).lower(), str(bool(parameter.default)).lower()
        if text != usual:
            found[parameter.name] = text
    return found
