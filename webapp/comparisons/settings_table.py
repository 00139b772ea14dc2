"""In what the settings of several results differ."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from saliency_core.descriptions import Parameter
from webapp.benchmarks.methods import enhancement_of, shown_enhancement, shown_parameters, title_of
from webapp.benchmarks.models import Shard
from webapp.benchmarks.protocol_facts import protocol_facts
from webapp.comparisons.choice import Measured


@dataclass(frozen=True)
class SettingRow:
    """One setting: a text for each result, empty where it has none. `mono`: a hash."""

    title: str
    values: tuple[str, ...]
    mono: bool = False

    @property
    def differs(self) -> bool:
        return len(set(self.values)) > 1


def setting_rows(measured: Sequence[Measured], *, everything: bool = False) -> list[SettingRow]:
    """The settings in which the results differ, or all of them."""
    environments = _environments(measured)
    facts = [_facts(each, environments.get(each.benchmark.pk, [])) for each in measured]
    titles = list(dict.fromkeys(title for each in facts for title in each))
    hashes = {_("Weights (SHA-256)"), _("Fingerprint"), _("Class mapping")}
    rows = [
        SettingRow(title, tuple(each.get(title, "") for each in facts), title in hashes) for title in titles
    ]
    return [row for row in rows if everything or row.differs]


def _facts(measured: Measured, environments: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """Everything that a result's figures depend on, by its translated name."""
    specification = measured.benchmark.specification
    classifier, dataset, subset = (specification[key] for key in ("classifier", "dataset", "subset"))
    protocol, method = measured.experiment.protocol, measured.chosen.method
    preprocessing = classifier["preprocessing"]
    facts = {
        _("Model"): classifier["name"],
        _("Architecture"): f"{classifier['library']} {classifier['architecture']}",
        _("Weights (SHA-256)"): (classifier["weights_sha256"] or "")[:12],
        _("Data set"): dataset["name"],
        _("Fingerprint"): dataset["fingerprint"][:12],
        _("Images"): f"{subset['count']:,}",
        _("Seed"): str(subset["seed"]),
        _("Every class has its share"): _("yes") if subset.get("stratified") else _("no"),
        _("Class mapping"): _digest(specification.get("class_mapping")),
        _("Method"): title_of({**method, "enhancement": None}),
        _("Enhancement"): _("yes") if enhancement_of(method) is not None else _("no"),
        _("Protocol"): protocol.full_name,
        **{str(title): str(text) for title, text in protocol_facts(protocol)},
        _("Normalisation"): _normalisation(preprocessing),
        _("Interpolation"): str(preprocessing.get("interpolation", "")),
        _("Precision"): specification["precision"],
        _("Device"): ", ".join(sorted({str(each.get("device")) for each in environments})),
    }
    for kind, values in (("", shown_parameters(method)), (_("Enhancement"), shown_enhancement(method))):
        for parameter, text in values:
            facts[f"{kind}: {_name(parameter)}" if kind else _name(parameter)] = text
    for environment in environments[:1]:
        facts |= {name: str(version) for name, version in environment.get("versions", {}).items()}
    return facts


def _name(parameter: Parameter) -> str:
    return _(parameter.title)


def _normalisation(preprocessing: Mapping[str, Any]) -> str:
    mean, std = preprocessing.get("mean") or (), preprocessing.get("std") or ()
    return " / ".join(", ".join(f"{value:g}" for value in values) for values in (mean, std))


def _digest(mapping: Mapping[str, Any] | None) -> str:
    if not mapping:
        return ""
    return hashlib.sha256(json.dumps(mapping, sort_keys=True).encode()).hexdigest()[:12]


def _environments(measured: Sequence[Measured]) -> dict[int, list[dict[str, Any]]]:
    """The distinct devices and versions of each benchmark's finished shards."""
    rows = (
        Shard.objects.filter(benchmark__in={each.benchmark.pk for each in measured}, state=Shard.State.DONE)
        .order_by()
        .values_list("benchmark_id", "environment")
        .distinct()
    )
    found: dict[int, list[dict[str, Any]]] = {}
    for benchmark, environment in rows:
        if environment not in found.setdefault(benchmark, []):
            found[benchmark].append(environment)
    return found
