"""Methods, experiments and their parameters as JSON, and as JSON schema: all from saliency_core's descriptions."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

from django.utils.translation import gettext

from saliency_core.descriptions import MethodDescription, Parameter
from saliency_core.enhancement.description import SLIDING_WINDOW
from saliency_core.experiments.base import ExperimentDescription, create_experiment
from webapp.benchmarks.presets import presets_of

LONGEST_LIST = 64


def method_json(method: MethodDescription) -> dict[str, Any]:
    """A method in the reader's language; its cost is that of the defaults with a usual number of channels."""
    work = method.work({})
    return {
        "key": method.key,
        "title": gettext(method.title),
        "family": method.family,
        "summary": _translated(method.summary),
        "paper": method.paper,
        "needs": list(method.needs),
        "parameters": [parameter_json(parameter) for parameter in method.parameters],
        "presets": presets_of(method),
        "cost": asdict(work) | {"forward_equivalents": work.forward_equivalents},
    }


def enhancement_json() -> dict[str, Any]:
    return {
        "key": SLIDING_WINDOW.key,
        "title": gettext(SLIDING_WINDOW.title),
        "summary": _translated(SLIDING_WINDOW.summary),
        "paper": SLIDING_WINDOW.paper,
        "parameters": [parameter_json(parameter) for parameter in SLIDING_WINDOW.parameters],
    }


def parameter_json(parameter: Parameter) -> dict[str, Any]:
    return {
        "name": parameter.name,
        "kind": parameter.kind,
        "default": parameter.default,
        "title": gettext(parameter.title),
        "help": _translated(parameter.help),
        "minimum": parameter.minimum,
        "maximum": parameter.maximum,
        "choices": list(parameter.choices),
        "unit": _translated(parameter.unit),
        "source": _translated(parameter.source),
    }


def experiment_json(experiment: ExperimentDescription) -> dict[str, Any]:
    """An experiment with its protocols in full, the default one first, and the figures that it ends with."""
    usual = create_experiment(experiment.key, experiment.default_protocol.name)
    return {
        "key": experiment.key,
        "title": gettext(experiment.title),
        "summary": _translated(experiment.summary),
        "default_protocol": experiment.default_protocol.name,
        "protocols": [
            protocol.to_dict()
            | {"summary": _translated(protocol.summary), "source": _translated(protocol.source)}
            for protocol in experiment.protocols
        ],
        "figures": [
            {
                "key": figure.key,
                "title": gettext(figure.title),
                "unit": figure.unit,
                "better": figure.better,
                "summary": _translated(figure.summary),
            }
            for figure in usual.figures()
        ],
    }


def parameters_schema(parameters: Iterable[Parameter]) -> dict[str, Any]:
    """The schema (OpenAPI 3.0) of an object that holds these parameters, none of which must be given."""
    return {
        "type": "object",
        "properties": {parameter.name: parameter_schema(parameter) for parameter in parameters},
        "additionalProperties": False,
    }


def parameter_schema(parameter: Parameter) -> dict[str, Any]:
    """The schema of one parameter: type, default, bounds and what it means."""
    number: dict[str, Any] = {"type": "number" if parameter.kind == "number" else "integer"}
    for name, bound in (("minimum", parameter.minimum), ("maximum", parameter.maximum)):
        if bound is not None:
            number[name] = bound
    by_kind: dict[str, dict[str, Any]] = {
        "layer": {"type": "string", "nullable": True},
        "boolean": {"type": "boolean"},
        "choice": {"type": "string", "enum": list(parameter.choices)},
        "integers": {"type": "array", "items": number, "minItems": 1, "maxItems": LONGEST_LIST},
    }
    default = list(parameter.default) if isinstance(parameter.default, tuple) else parameter.default
    texts = [parameter.help, f"Unit: {parameter.unit}." if parameter.unit else "", parameter.source]
    return {
        **by_kind.get(parameter.kind, number),
        "default": default,
        "title": parameter.title,
        "description": " ".join(text for text in texts if text),
    }


def _translated(text: str) -> str:
    # gettext("") is the catalogue's header.
    return gettext(text) if text else ""
