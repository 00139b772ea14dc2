"""What the form of a benchmark offers: methods by family, experiments with their protocols."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from saliency_core.experiments.base import ExperimentDescription, Protocol, experiment_descriptions
from saliency_core.methods.registry import method_descriptions
from webapp.benchmarks.protocol_facts import protocol_facts
from webapp.benchmarks.suitability import Hindrance, why_not_applicable, why_not_measurable
from webapp.library.models import Classifier, Dataset

FAMILIES = {
    "cam": _("Class activation"),
    "gradient": _("Gradient"),
    "propagation": _("Propagation"),
    "perturbation": _("Perturbation"),
    "transformer": _("Transformer attention"),
    "baseline": _("Baseline"),
}


@dataclass(frozen=True)
class MethodOption:
    key: str
    title: str
    applies: bool


def method_options(classifiers: Sequence[Classifier]) -> list[tuple[str, list[MethodOption]]]:
    """All methods, grouped by family, and whether they can explain any of the models."""
    groups: dict[str, list[MethodOption]] = {family: [] for family in FAMILIES}
    for method in method_descriptions():
        applies = not classifiers or any(why_not_applicable(each, method.key) is None for each in classifiers)
        groups[method.family].append(MethodOption(method.key, gettext(method.title), applies))
    return [(str(FAMILIES[family]), methods) for family, methods in groups.items() if methods]


@dataclass(frozen=True)
class ProtocolOption:
    """A box to tick; `hindrance` says why this data set or model rules it out."""

    value: str
    protocol: Protocol
    chosen: bool
    hindrance: Hindrance | None
    errors: Sequence[str]

    @property
    def facts(self) -> list[tuple[str, str]]:
        return protocol_facts(self.protocol)

    @property
    def disabled(self) -> bool:
        """One that is ticked already stays in hand, so that it is seen and can be unticked."""
        return self.hindrance is not None and not self.chosen


@dataclass(frozen=True)
class ExperimentGroup:
    experiment: ExperimentDescription
    protocols: Sequence[ProtocolOption]

    @property
    def chosen(self) -> list[ProtocolOption]:
        return [option for option in self.protocols if option.chosen]

    @property
    def hindrance(self) -> Hindrance | None:
        """Why none of the protocols is possible: what they all lack, or what the first lacks."""
        if all(option.hindrance for option in self.protocols):
            return self.protocols[0].hindrance
        return None


def experiment_groups(
    classifier: Classifier | None,
    dataset: Dataset | None,
    chosen: Collection[str],
    errors: Mapping[str, Sequence[str]],
) -> list[ExperimentGroup]:
    """All experiments with their protocols, for a model and a data set."""

    def option(protocol: Protocol) -> ProtocolOption:
        value = f"{protocol.experiment}/{protocol.name}"
        hindrance = None
        if classifier is not None and dataset is not None:
            hindrance = why_not_measurable(classifier, dataset, protocol.experiment, protocol.name)
        return ProtocolOption(value, protocol, value in chosen, hindrance, errors.get(value, ()))

    return [
        ExperimentGroup(experiment, [option(protocol) for protocol in experiment.protocols])
        for experiment in experiment_descriptions()
    ]


def protocol_choices() -> list[tuple[str, str]]:
    """`("insertion_deletion/thesis@1", "Insertion / deletion · thesis@1")` for every protocol there is."""
    return [
        (f"{experiment.key}/{protocol.name}", f"{gettext(experiment.title)} · {protocol.name}")
        for experiment in experiment_descriptions()
        for protocol in experiment.protocols
    ]
