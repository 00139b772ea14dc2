"""The settings of one chosen method, or of the enhancement, built from its own description."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django import forms
from django.http import QueryDict

from saliency_core.descriptions import Parameter
from webapp.common.parameter_fields import field_for
from webapp.library.models import Classifier
from webapp.method_settings.values import written
from webapp.studio.permalinks import differing


class SettingsForm(forms.Form):
    """Fields named "KEY-PARAMETER".

    What the address or the page leaves out has its default, so that an address says only what differs; a box that the
    page had (it says so in `shown`) and that is not ticked is off.
    """

    def __init__(
        self,
        query: QueryDict,
        *,
        key: str,
        method: str = "",
        parameters: Sequence[Parameter],
        classifier: Classifier | None,
        lenient: bool,
    ) -> None:
        """`key`: how fields are named; `method`: whose settings these are, if that is another key; `lenient`: what is
        out of its bounds becomes the default, as in an address that somebody typed.
        """
        self.key, self.method, self.parameters = key, method or key, parameters
        super().__init__({}, prefix=key, auto_id="id_%s")
        layers = classifier.layers if classifier else []
        default_layer = classifier.default_layer if classifier else None
        for parameter in parameters:
            self.fields[parameter.name] = field_for(parameter, layers, default_layer)
            # What an address need not say, for the scripts that write one.
            self.fields[parameter.name].widget.attrs["data-usual"] = written(parameter, parameter.default)
        shown = key in query.getlist("shown")
        self.data = {
            self.add_prefix(parameter.name): self._given(query, parameter, shown) for parameter in parameters
        }
        if lenient and not self.is_valid():
            usual = {each.name: each.text(each.default) for each in parameters if each.name in self.errors}
            self.data |= {self.add_prefix(name): text for name, text in usual.items()}
            self.full_clean()

    def values(self) -> dict[str, Any]:
        """What was chosen; an empty layer means the model's usual one and is left out."""
        return {name: value for name, value in self.cleaned_data.items() if value not in ("", None)}

    def state(self) -> dict[str, str]:
        """What an address needs to show this again: all that is not the default."""
        if not self.is_valid():
            return {}
        return differing(self.key, self.parameters, self.cleaned_data)

    def _given(self, query: QueryDict, parameter: Parameter, shown: bool) -> str:
        value = query.get(self.add_prefix(parameter.name))
        if value is not None:
            return value
        if parameter.kind == "boolean" and shown:
            return "false"
        return written(parameter, parameter.default)
