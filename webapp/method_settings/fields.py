"""The fields of a settings page: each with its bounds, its default and whether it differs from that."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.forms import BoundField
from django.utils.translation import gettext as _

from saliency_core.descriptions import Parameter
from saliency_core.errors import ParameterError
from webapp.library.models import Classifier
from webapp.method_settings.layers import Stage, stages_of
from webapp.method_settings.values import written
from webapp.studio.forms import SettingsForm


@dataclass(frozen=True)
class SettingField:
    """`usual` is the default as a field has it, `shown_usual` as a person reads it; `stages` only of a layer."""

    field: BoundField
    parameter: Parameter
    usual: str
    shown_usual: str
    differs: bool
    stages: Sequence[Stage] = ()

    @property
    def is_checkbox(self) -> bool:
        return self.parameter.kind == "boolean"

    @property
    def bounds(self) -> str:
        """ "1 to 4096", "at least 1"; empty where there are none."""
        low, high = self.parameter.minimum, self.parameter.maximum
        if low is not None and high is not None:
            return _("%(low)s to %(high)s") % {"low": f"{low:g}", "high": f"{high:g}"}
        if low is not None:
            return _("at least %(low)s") % {"low": f"{low:g}"}
        return _("at most %(high)s") % {"high": f"{high:g}"} if high is not None else ""


def setting_fields(form: SettingsForm, classifier: Classifier) -> list[SettingField]:
    return [_setting_field(form, parameter, classifier) for parameter in form.parameters]


def _setting_field(form: SettingsForm, parameter: Parameter, classifier: Classifier) -> SettingField:
    bound = form[parameter.name]
    usual, value = written(parameter, parameter.default), bound.value()
    if parameter.kind == "layer":
        default = classifier.default_layer or ""
        stages = stages_of(classifier, str(value or ""))
        return SettingField(bound, parameter, usual, default, value not in ("", None, default), stages)
    if parameter.kind == "boolean":
        shown = _("on") if parameter.default else _("off")
    else:
        shown = _(usual) if parameter.kind == "choice" and usual else usual
    return SettingField(bound, parameter, usual, shown, _differs(parameter, value))


def _differs(parameter: Parameter, value: Any) -> bool:
    try:
        return parameter.validate(value) != parameter.validate(parameter.default)
    except ParameterError:
        return True
