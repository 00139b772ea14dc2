"""What a settings page is about: a model, a method, its parameters, and the picture that they are tried on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.http import QueryDict

from saliency_core.descriptions import MethodDescription
from saliency_core.enhancement.description import ENHANCEMENT_KEY
from saliency_core.errors import SaliscopeError
from webapp.accounts.models import User
from webapp.benchmarks.methods import specified_method
from webapp.benchmarks.presets import preset_choices, presets_of
from webapp.library.models import Classifier, Dataset
from webapp.method_settings.applying import BEGIN, OTHER, OWN, state_of
from webapp.method_settings.fields import SettingField, setting_fields
from webapp.method_settings.selectors import OwnSettings
from webapp.method_settings.values import Description, checked, description_of, written_all
from webapp.studio.choices import FIRST_METHODS, Choice, read_choice
from webapp.studio.forms import SettingsForm
from webapp.studio.gallery import Gallery, gallery_for
from webapp.studio.sources import Source, opened

EDITED = "edited"


@dataclass(frozen=True)
class Preset:
    """Named settings, as fields have them and as an address."""

    title: str
    fields: dict[str, str]
    address: str


@dataclass
class SettingsPage:
    """`base`: the method that is explained with, another one only on the enhancement's page."""

    classifier: Classifier
    key: str
    base: str
    choice: Choice
    form: SettingsForm
    gallery: Gallery

    @property
    def description(self) -> Description:
        return description_of(self.key)

    @property
    def is_enhancement(self) -> bool:
        return self.key == ENHANCEMENT_KEY

    @property
    def own(self) -> OwnSettings:
        assert self.choice.own is not None
        return self.choice.own

    @property
    def fields(self) -> list[SettingField]:
        return setting_fields(self.form, self.classifier)

    @property
    def state(self) -> str:
        """How the values shown stand to what is saved: "saved", "changed", "default" where neither is any."""
        if not self.form.is_valid():
            return "changed"
        stored = state_of(self.own, self.key, self.form.values())
        if not stored:
            return "changed" if self.differences else "default"
        return {OWN: "saved", OTHER: "changed"}[stored]

    @property
    def differences(self) -> dict[str, Any]:
        """What of the values shown differs from the defaults."""
        return checked(self.classifier, self.key, self.form.values())[0] if self.form.is_valid() else {}

    @property
    def problems(self) -> list[tuple[str, str]]:
        """What is stored and not used: the parameter's title, and why."""
        titles = {parameter.name: parameter.title for parameter in self.description.parameters}
        found = self.own.problems(self.key)
        return [(titles.get(name, name), text) for name, texts in found.items() for text in texts]

    @property
    def source(self) -> Source | None:
        return self.choice.source

    def methods(self) -> list[dict[str, Any]]:
        """What the preview compares, as a specification has it: the defaults, then the values shown if they differ."""
        found = [self._specified({})]
        if self.differences:
            found.append(self._specified(self.differences))
        return found

    def _specified(self, values: dict[str, Any]) -> dict[str, Any]:
        if self.is_enhancement:
            return specified_method(self.base, self.own.differences(self.base), values)
        return specified_method(self.key, values, None)

    def presets(self) -> list[Preset]:
        """Named settings; none where there are only the defaults. They leave the layer, which is the model's."""
        description = self.description
        if not isinstance(description, MethodDescription):
            return []
        layers = {each.name for each in description.parameters if each.kind == "layer"}
        titles = dict(preset_choices(description, ""))
        found = []
        for name, values in presets_of(description).items():
            texts = written_all(self.key, values)
            fields = {f"{self.key}-{each}": text for each, text in texts.items() if each not in layers}
            usual = {f"{self.key}-{each}": text for each, text in written_all(self.key, {}).items()}
            changes = {each: None if text == usual[each] else text for each, text in fields.items()}
            found.append(Preset(titles[name], fields, self.address(**changes)))
        return found if len(found) > 1 else []

    def address(self, **changes: Any) -> str:
        """The query string that brings the page back with the values shown."""
        gone = {"model": None, "method": None, "enhanced": None, "class": None}
        return self.choice.address(**{**gone, EDITED: "1", **changes})


def settings_page(
    user: User, classifier: Classifier, key: str, query: QueryDict, *, lenient: bool
) -> SettingsPage:
    """The page about `key` for a ready classifier that it can explain. Raises ParameterError for an unknown method.

    The address may hold values, as the studio's does; without `edited` they are the member's own.
    """
    base = key if key != ENHANCEMENT_KEY else FIRST_METHODS.get(classifier.family, "gradient")
    description_of(key)
    wanted = query.copy()
    wanted["model"] = str(classifier.pk)
    wanted.setlist("method", [] if key == ENHANCEMENT_KEY else [key])
    wanted.setlist("enhanced", [base] if key == ENHANCEMENT_KEY else [])
    wanted.setlist(BEGIN, [] if EDITED in query else [key])
    choice = read_choice(user, wanted, lenient=lenient)
    form = choice.enhancement if key == ENHANCEMENT_KEY else choice.methods[0].form
    assert form is not None
    if choice.source is None:
        collection = gallery_for(user, choice, query).collection
        choice.source = first_image(collection) if collection else None
    return SettingsPage(classifier, key, base, choice, form, gallery_for(user, choice, query))


def first_image(collection: Dataset) -> Source | None:
    """The first image of a data set; None where its folder is gone or empty."""
    try:
        dataset = opened(collection)
        return Source(collection, dataset.sample(0).identifier) if len(dataset) else None
    except (SaliscopeError, OSError):
        return None
