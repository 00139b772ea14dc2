"""What an experiment's page says: all of it from the experiment's own description in saliency_core."""

from __future__ import annotations

from dataclasses import dataclass

from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from saliency_core.cli.experiment_text import curves, definition, figures, settings
from saliency_core.experiments.base import ExperimentDescription, Protocol, experiment_class
from saliency_core.experiments.figures import CurveDescription, Figure
from webapp.benchmarks.protocol_facts import protocol_facts
from webapp.benchmarks.suitability import KINDS
from webapp.help.texts import as_html


@dataclass(frozen=True)
class ProtocolPart:
    """`truth`: what ground truth a data set must have; `forwards`: per map, on top of drawing it."""

    protocol: Protocol
    is_default: bool
    facts: list[tuple[str, str]]
    truth: str
    forwards: int


@dataclass(frozen=True)
class FigureRow:
    """`only_under`: the protocols that have the figure, empty if all do."""

    figure: Figure
    only_under: list[str]


@dataclass(frozen=True)
class ExperimentPage:
    """`settings`: for each setting that differs, its value under each protocol; `meaning`: HTML."""

    description: ExperimentDescription
    protocols: list[ProtocolPart]
    settings: list[tuple[str, list[str]]]
    meaning: SafeString
    figures: list[FigureRow]
    curves: list[CurveDescription]


def experiment_page(description: ExperimentDescription) -> ExperimentPage:
    names = [protocol.name for protocol in description.protocols]
    return ExperimentPage(
        description=description,
        protocols=[
            ProtocolPart(
                protocol=protocol,
                is_default=protocol is description.default_protocol,
                facts=protocol_facts(protocol),
                truth=_(" or ").join(str(KINDS[kind]) for kind in protocol.ground_truth),
                forwards=experiment_class(description.key).forwards_per_image(protocol),
            )
            for protocol in description.protocols
        ],
        settings=_settings(description),
        meaning=as_html(definition(description.key)),
        figures=[
            FigureRow(figure, [] if list(protocols) == names else list(protocols))
            for figure, protocols in figures(description)
        ],
        curves=[curve for curve, _protocols in curves(description)],
    )


def _settings(description: ExperimentDescription) -> list[tuple[str, list[str]]]:
    fixed = [settings(protocol) for protocol in description.protocols]
    rows = [(name, [each.get(name, "") for each in fixed]) for name in fixed[0]]
    return [(name, values) for name, values in rows if len(set(values)) > 1]
