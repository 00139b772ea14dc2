"""The fields of one chosen method in the form of a benchmark, built from the method's own description."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from saliency_core.enhancement.description import SLIDING_WINDOW
from saliency_core.errors import ParameterError
from saliency_core.methods.registry import method_description
from webapp.benchmarks.presets import preset_choices, preset_with, presets_of, settled_parameters
from webapp.benchmarks.suitability import why_not_applicable
from webapp.common.parameter_fields import field_for
from webapp.library.models import Classifier

PREFIX = "parameter_"
ENHANCEMENT_PREFIX = "enhancement_"
WITHOUT, WITH, BOTH = "", "on", "both"
VARIANTS = (
    (WITHOUT, _("without enhancement")),
    (WITH, _("with enhancement")),
    (BOTH, _("compare both")),
)


class MethodForm(forms.Form):
    """One method of a benchmark; its fields are named as "method-2-parameter_layer".

    `given` has what was sent or stands in the address, without that prefix. A page says in `shown` which fields it
    had, as "PRESET/ENHANCED": so it can be told what has been chosen since then, and a box that is not ticked from one
    that was not there. `open`: whether the fields are unfolded.
    """

    key = forms.CharField(widget=forms.HiddenInput)
    preset = forms.ChoiceField(
        label=_("Preset"),
        required=False,
        help_text=_("Fills in the parameters below; each can be changed afterwards."),
    )
    enhance = forms.ChoiceField(choices=VARIANTS, required=False, widget=forms.RadioSelect)
    shown = forms.CharField(widget=forms.HiddenInput, required=False)
    open = forms.CharField(widget=forms.HiddenInput, required=False)

    def __init__(
        self, given: Mapping[str, str], *, number: int, classifier: Classifier | None, sent: bool
    ) -> None:
        super().__init__({} if sent else None, prefix=f"method-{number}")
        self.number = number
        self.classifier = classifier
        self.given = dict(given)
        self.description = method_description(given["key"])
        variants = dict(VARIANTS)
        self.variant = given.get("enhance", "") if given.get("enhance", "") in variants else WITHOUT
        self._add_fields()
        self._fill_in_preset()
        if sent:
            self.data = {self.add_prefix(name): value for name, value in self.given.items()}
        else:
            self._show_given()
        self._name_what_is_shown()

    @property
    def enhanced(self) -> bool:
        return self.variant != WITHOUT

    @property
    def is_open(self) -> bool:
        return bool(self.given.get("open")) or bool(self.errors) or self.not_applicable is not None

    @property
    def not_applicable(self) -> str | None:
        """Why the method can't explain the model."""
        return why_not_applicable(self.classifier, self.description.key) if self.classifier else None

    @property
    def has_presets(self) -> bool:
        """Whether the method has settings besides its defaults."""
        return len(presets_of(self.description)) > 1

    @property
    def preset_title(self) -> str:
        """What the present values are called, "" for the usual ones."""
        preset = self.fields["preset"].initial
        usual = next(iter(presets_of(self.description)))
        return "" if preset == usual else str(dict(self.fields["preset"].choices)[preset])

    @property
    def variant_title(self) -> str:
        return {
            WITHOUT: "",
            WITH: gettext("with enhancement"),
            BOTH: gettext("with and without enhancement"),
        }[self.variant]

    @property
    def parameter_fields(self) -> list[forms.BoundField]:
        return [self[name] for name in self.fields if name.startswith(PREFIX)]

    @property
    def enhancement_fields(self) -> list[forms.BoundField]:
        return [self[name] for name in self.fields if name.startswith(ENHANCEMENT_PREFIX)]

    def variants(self) -> list[dict[str, Any]]:
        """The entries of a specification that this stands for: one, or two to be compared, the plain one first.

        An empty layer means the model's usual one and is left out.
        """
        values = {name: self.initial.get(name, field.initial) for name, field in self.fields.items()}
        values |= getattr(self, "cleaned_data", {})
        plain = {"key": self.description.key, "parameters": _named(values, PREFIX), "enhancement": None}
        enhanced = plain | {"enhancement": _named(values, ENHANCEMENT_PREFIX)}
        return {WITHOUT: [plain], WITH: [enhanced], BOTH: [plain, enhanced]}[self.variant]

    def state(self) -> dict[str, str]:
        """What an address needs to show this again, by the fields' full names: all that is not the default."""
        kept = {"key": self.description.key, "enhance": self.variant, "open": self.given.get("open", "")}
        kept["shown"] = str(self["shown"].value() or "")
        for bound in [*self.parameter_fields, *self.enhancement_fields]:
            value = bound.value()
            if isinstance(bound.field, forms.BooleanField):
                kept[bound.name] = "on" if value else ""
                continue
            text, usual = (bound.field.prepare_value(each) for each in (value, bound.field.initial))
            kept[bound.name] = "" if text in (None, usual) or str(text) == str(usual) else str(text)
        return {self.add_prefix(name): value for name, value in kept.items() if value}

    def _add_fields(self) -> None:
        layers = self.classifier.layers if self.classifier else []
        default_layer = self.classifier.default_layer if self.classifier else None
        for parameter in self.description.parameters:
            self.fields[PREFIX + parameter.name] = field_for(parameter, layers, default_layer)
        self.fields["enhance"].label = gettext(SLIDING_WINDOW.title)
        self.fields["enhance"].help_text = gettext(SLIDING_WINDOW.summary)
        if not self.enhanced:
            return
        # A page without scripts may be sent with the enhancement chosen before it has had the fields.
        fill_in = self.is_bound and not any(name.startswith(ENHANCEMENT_PREFIX) for name in self.given)
        for parameter in SLIDING_WINDOW.parameters:
            self.fields[ENHANCEMENT_PREFIX + parameter.name] = field_for(parameter, [], None)
            if fill_in and parameter.default is not False:
                self.given[ENHANCEMENT_PREFIX + parameter.name] = parameter.text(parameter.default)

    @property
    def _shown_before(self) -> tuple[str, bool]:
        """Preset and enhancement of the page that this comes from; empty if it comes from none."""
        preset, _slash, enhanced = self.given.get("shown", "").partition("/")
        return preset, bool(enhanced)

    def _fill_in_preset(self) -> None:
        """Takes the values of a preset that has been chosen since the page was shown."""
        shown, enhanced = self._shown_before
        name = self.given.get("preset", "")
        preset = presets_of(self.description).get(name)
        if preset is None or shown == name:
            return
        for parameter in settled_parameters(self.description):
            value = preset[parameter.name]
            if parameter.kind == "boolean" and not value:
                self.given.pop(PREFIX + parameter.name, None)
            else:
                self.given[PREFIX + parameter.name] = parameter.text(value)
        self.given["shown"] = f"{name}/{'enhanced' if enhanced else ''}"

    def _was_shown(self, name: str) -> bool:
        """Whether the page that this comes from had that field."""
        preset, enhanced = self._shown_before
        return enhanced if name.startswith(ENHANCEMENT_PREFIX) else bool(preset)

    def _show_given(self) -> None:
        """Takes initial values from the address, unless they don't fit the model or their bounds."""
        self.initial |= {
            "key": self.description.key,
            "enhance": self.variant,
            "open": self.given.get("open", ""),
        }
        for name, field in self.fields.items():
            value: Any = self.given.get(name)
            if isinstance(field, forms.BooleanField) and value is None and self._was_shown(name):
                value = False
            if value is None or not name.startswith((PREFIX, ENHANCEMENT_PREFIX)):
                continue
            try:
                self.initial[name] = field.clean(value)
            except ValidationError:
                continue

    def _name_what_is_shown(self) -> None:
        """Names the preset that the fields have the values of, for this page and the one that it leads to."""
        values = {}
        for parameter in settled_parameters(self.description):
            bound = self[PREFIX + parameter.name]
            try:
                values[parameter.name] = parameter.validate(bound.field.clean(bound.value()))
            except (ValidationError, ParameterError):
                break
        preset = preset_with(self.description, values)
        self.fields["preset"].choices = preset_choices(self.description, preset)
        self.fields["preset"].initial = self.initial["preset"] = preset
        shown = f"{preset}/{'enhanced' if self.enhanced else ''}"
        self.initial["shown"] = shown
        if self.is_bound:
            self.data |= {self.add_prefix("preset"): preset, self.add_prefix("shown"): shown}


def _named(values: Mapping[str, Any], prefix: str) -> dict[str, Any]:
    own = {name.removeprefix(prefix): value for name, value in values.items() if name.startswith(prefix)}
    return {name: value for name, value in own.items() if value not in ("", None)}
