"""All methods for one model: what each is set to, what a map costs, and why others can't be used."""

from __future__ import annotations

from dataclasses import dataclass

from django.utils.translation import gettext as _

from saliency_core.enhancement.description import ENHANCEMENT_KEY
from saliency_core.methods.registry import methods_by_family
from webapp.accounts.models import User
from webapp.benchmarks.form_choices import FAMILIES
from webapp.benchmarks.methods import specified_method
from webapp.benchmarks.suitability import why_not_applicable
from webapp.library.models import Classifier
from webapp.library.selectors import classifiers_for
from webapp.method_settings.costs import MapCost, cost_of_map, studio_rate
from webapp.method_settings.selectors import OwnSettings, models_with_settings, own_settings
from webapp.method_settings.values import Description, description_of
from webapp.studio.choices import FIRST_METHODS


@dataclass(frozen=True)
class SettingsRow:
    """`own`: title and text of what differs from the defaults; `problems`: what is kept and can't be used."""

    key: str
    description: Description
    own: list[tuple[str, str]]
    problems: list[str]
    cost: MapCost | None
    reason: str | None

    @property
    def is_changed(self) -> bool:
        return bool(self.own or self.problems)


@dataclass(frozen=True)
class SettingsFamily:
    title: str
    fitting: list[SettingsRow]
    unfit: list[SettingsRow]


@dataclass(frozen=True)
class SettingsOverview:
    families: list[SettingsFamily]
    enhancement: SettingsRow
    changed: int
    sources: list[tuple[Classifier, int]]


def overview_of(user: User, classifier: Classifier) -> SettingsOverview:
    """`sources`: other models that the member has settings for, with the number of methods."""
    own = own_settings(user, classifier)
    rate = studio_rate(classifier)
    groups: dict[str, tuple[list[SettingsRow], list[SettingsRow]]] = {key: ([], []) for key in FAMILIES}
    for description in methods_by_family():
        reason = why_not_applicable(classifier, description.key)
        method = specified_method(description.key, own.differences(description.key), None)
        cost = None if reason else cost_of_map(classifier, method, rate)
        row = _row(own, description.key, cost, reason)
        groups[description.family][1 if reason else 0].append(row)
    base = FIRST_METHODS.get(classifier.family, "gradient")
    enhanced = specified_method(base, own.differences(base), own.differences(ENHANCEMENT_KEY))
    families = [SettingsFamily(str(FAMILIES[key]), *rows) for key, rows in groups.items() if any(rows)]
    numbers = models_with_settings(user)
    others = classifiers_for(user).filter(pk__in=numbers).exclude(pk=classifier.pk).prefetch_related(None)
    return SettingsOverview(
        families,
        _row(own, ENHANCEMENT_KEY, cost_of_map(classifier, enhanced, rate), None),
        len(own.stored),
        [(each, numbers[each.pk]) for each in others.defer("description", "class_names")],
    )


def _row(own: OwnSettings, key: str, cost: MapCost | None, reason: str | None) -> SettingsRow:
    description, different = description_of(key), own.differences(key)
    shown = [
        (each.title, _on_or_off(different[each.name]) or each.text(different[each.name]))
        for each in description.parameters
        if each.name in different
    ]
    problems = [text for texts in own.problems(key).values() for text in texts]
    return SettingsRow(key, description, shown, problems, cost, reason)


def _on_or_off(value: object) -> str:
    return (_("on") if value else _("off")) if isinstance(value, bool) else ""
