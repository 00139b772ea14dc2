"""The form of a new benchmark; its second half is built from the chosen method's own description."""

from __future__ import annotations

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.http import QueryDict
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from saliency_core.experiments.base import experiment_descriptions
from saliency_core.methods.registry import method_description, method_descriptions
from webapp.accounts.models import User
from webapp.common.forms import add_refusal
from webapp.common.parameter_fields import field_for
from webapp.library.models import Classifier, Dataset
from webapp.library.selectors import classifiers_for, datasets_for

PREFIX = "parameter_"
USUAL_NUMBER_OF_IMAGES = 500
USUAL_METHOD = {"cnn": "grad_cam", "vit": "transformer_attribution"}
"""What the form shows first, by the classifier's family."""
FAMILIES = {
    "cam": _("Class activation"),
    "gradient": _("Gradient"),
    "propagation": _("Propagation"),
    "perturbation": _("Perturbation"),
    "transformer": _("Transformer attention"),
    "baseline": _("Baseline"),
}


def method_choices() -> list[tuple[str, list[tuple[str, str]]]]:
    """All methods, grouped by family."""
    groups: dict[str, list[tuple[str, str]]] = {family: [] for family in FAMILIES}
    for method in method_descriptions():
        groups[method.family].append((method.key, gettext(method.title)))
    return [(str(FAMILIES[family]), methods) for family, methods in groups.items() if methods]


class BenchmarkForm(forms.Form):
    """Bound with `data`, or showing what `chosen` (the page's address) says, with defaults for the rest."""

    classifier = forms.ModelChoiceField(Classifier.objects.none(), label=_("Model"), empty_label=None)
    dataset = forms.ModelChoiceField(Dataset.objects.none(), label=_("Data set"), empty_label=None)
    number_of_images = forms.IntegerField(label=_("Number of images"), min_value=1)
    subset_seed = forms.IntegerField(
        label=_("Seed of the choice"),
        min_value=0,
        max_value=2**31 - 1,
        initial=0,
        help_text=_("The same seed chooses the same images; it matters only where not all are taken."),
    )
    method = forms.ChoiceField(label=_("Method"))
    protocol = forms.ChoiceField(label=_("Experiment and protocol"))

    def __init__(self, data: QueryDict | None, *, owner: User, chosen: QueryDict) -> None:
        super().__init__(data)
        self.owner = owner
        self.source = data if data is not None else chosen
        self.fields["classifier"].queryset = classifiers_for(owner)
        self.fields["dataset"].queryset = datasets_for(owner)
        self.fields["method"].choices = method_choices()
        self.fields["protocol"].choices = protocol_choices()
        self.chosen_classifier = self._chosen("classifier")
        self.chosen_dataset = self._chosen("dataset")
        self.method_description = self._chosen_method()
        self._limit_number_of_images()
        self._add_parameters()
        if data is None:
            self._show_chosen(chosen)

    def _chosen(self, name: str) -> Any:
        """The row that is chosen so far; the first one where none is, or one that does not exist."""
        queryset = self.fields[name].queryset
        key = self.source.get(name, "")
        found = queryset.filter(pk=int(key)).first() if key.isdecimal() and len(key) < 12 else None
        if found is None:
            if name == "classifier":
                found = queryset.filter(state=Classifier.State.READY).first()
            found = found or queryset.first()
        self.initial.setdefault(name, found.pk if found else None)
        return found

    def _chosen_method(self) -> Any:
        known = {each.key for each in method_descriptions()}
        key = self.source.get("method", "")
        if key not in known:
            key = USUAL_METHOD.get(getattr(self.chosen_classifier, "family", ""), "grad_cam")
        self.initial.setdefault("method", key)
        return method_description(key)

    def _limit_number_of_images(self) -> None:
        if self.chosen_dataset is None:
            return
        available = self.chosen_dataset.number_of_images
        field = self.fields["number_of_images"]
        field.widget.attrs["max"] = available
        field.help_text = gettext(
            "At most %(count)s: what %(name)s has. Fewer are drawn at random, by the seed."
        ) % {
            "count": f"{available:,}",
            "name": self.chosen_dataset.name,
        }
        self.initial.setdefault("number_of_images", min(available, USUAL_NUMBER_OF_IMAGES))

    def _add_parameters(self) -> None:
        layers = self.chosen_classifier.layers if self.chosen_classifier else []
        default_layer = self.chosen_classifier.default_layer if self.chosen_classifier else None
        for parameter in self.method_description.parameters:
            self.fields[PREFIX + parameter.name] = field_for(parameter, layers, default_layer)

    def _show_chosen(self, chosen: QueryDict) -> None:
        """Takes initial values from the address, unless they don't fit what else is chosen there."""
        for name, field in self.fields.items():
            value = chosen.get(name)
            if value is None or name in ("classifier", "dataset"):
                continue
            try:
                self.initial[name] = field.clean(value)
            except ValidationError:
                continue
        available = self.chosen_dataset.number_of_images if self.chosen_dataset else None
        if available and self.initial.get("number_of_images", 0) > available:
            self.initial["number_of_images"] = available

    @property
    def parameter_fields(self) -> list[forms.BoundField]:
        return [self[name] for name in self.fields if name.startswith(PREFIX)]

    @property
    def experiment_and_protocol(self) -> tuple[str, str]:
        """Keys of the chosen experiment and protocol."""
        choices = [value for value, _title in self.fields["protocol"].choices]
        value = self.source.get("protocol", "")
        return split_protocol(value if value in choices else choices[0])

    def parameters(self, values: dict[str, Any]) -> dict[str, Any]:
        """The method's parameters among the values; an empty layer means the default and is left out."""
        own = {name.removeprefix(PREFIX): value for name, value in values.items() if name.startswith(PREFIX)}
        return {name: value for name, value in own.items() if value not in ("", None)}

    def values(self) -> dict[str, Any]:
        """What the form shows now, for the estimate: cleaned where that is possible."""
        return {name: self.initial.get(name, field.initial) for name, field in self.fields.items()}

    def refuse(self, refusal: ValidationError) -> None:
        """Shows a service's refusal beside its fields, the parameters' own among them."""
        by_field = getattr(refusal, "error_dict", None)
        if by_field is not None:
            named = {
                PREFIX + name if PREFIX + name in self.fields else name: errors
                for name, errors in by_field.items()
            }
            refusal = ValidationError(named)
        add_refusal(self, refusal)


def protocol_choices() -> list[tuple[str, str]]:
    """`("insertion_deletion/thesis@1", "Insertion / deletion · thesis@1")` for every protocol there is."""
    return [
        (f"{experiment.key}/{protocol.name}", f"{gettext(experiment.title)} · {protocol.name}")
        for experiment in experiment_descriptions()
        for protocol in experiment.protocols
    ]


def split_protocol(value: str) -> tuple[str, str]:
    experiment, _slash, protocol = value.partition("/")
    return experiment, protocol
