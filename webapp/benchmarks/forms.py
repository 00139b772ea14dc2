"""The form of a new benchmark: what is explained, by which methods, how it is measured."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from django import forms
from django.core.exceptions import ValidationError
from django.core.files.uploadedfile import UploadedFile
from django.http import QueryDict
from django.utils.datastructures import MultiValueDict
from django.utils.functional import cached_property
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from saliency_core.methods.registry import method_descriptions
from webapp.accounts.models import User
from webapp.benchmarks.class_mappings import (
    MOST_CHARACTERS,
    builtin_mapping,
    class_labels_count,
    fitting_mappings,
    mapping_between,
    typed_mapping,
    why_not_mapped,
)
from webapp.benchmarks.form_choices import (
    ExperimentGroup,
    MethodOption,
    experiment_groups,
    method_options,
    protocol_choices,
)
from webapp.benchmarks.labels import LONGEST_NAME
from webapp.benchmarks.method_form import ENHANCEMENT_PREFIX, PREFIX, MethodForm
from webapp.benchmarks.priorities import USUAL_PRIORITY, priority_choices
from webapp.benchmarks.refusals import MOST_METHODS
from webapp.benchmarks.selectors import known_labels
from webapp.benchmarks.specification import PRECISIONS, USUAL_PRECISION
from webapp.benchmarks.submissions import MOST_MODELS, ModelPlan, plan_models
from webapp.common.forms import add_refusal
from webapp.common.text import row_number
from webapp.device_labels import is_label
from webapp.library.models import Classifier, Dataset
from webapp.library.selectors import classifiers_for, datasets_for
from webapp.method_settings.benchmark_fields import OwnFields

USUAL_NUMBER_OF_IMAGES = 500
USUAL_METHOD = {"cnn": "grad_cam", "vit": "transformer_attribution"}
"""What the form shows first, by the classifier's family."""
USUAL_EXPERIMENT = "insertion_deletion/thesis@1"
OWN_LIST = "own"
PRECISION_CHOICES = (
    (USUAL_PRECISION, _("fp32: full precision")),
    ("fast", _("fast: 16 bits, up to eleven times as fast; on a processor a ViT stays in fp32")),
)
SHOWN_AS_ASKED = (
    "number_of_images", "subset_seed", "stratified", "class_mapping", "class_list", "name", "tags", "precision",
    "priority", "device_label",
)  # fmt: skip
METHOD_FIELD = re.compile(r"method-(\d{1,4})-(\w+)")
PLACE_IN_METHOD = re.compile(r"methods\.(\d+)\.(key|parameters|enhancement)(?:\.(\w+))?")
PLACE_OF_EXPERIMENT = re.compile(r"experiments\.(\d+)")


def changes_only(sent: QueryDict) -> bool:
    """Whether a button was pressed that changes what is chosen and queues nothing."""
    return bool(sent.get("do") or sent.get("drop"))


class _ModelsField(forms.ModelMultipleChoiceField):
    """Numbers larger than any row's, which SQLite does not take, are those of no model."""

    def clean(self, value: Any) -> Any:
        try:
            return super().clean(value)
        except OverflowError:
            raise ValidationError(gettext("Choose one of the models in the list.")) from None


class BenchmarkForm(forms.Form):
    """Bound with `data`, or showing what `chosen` (the page's address) says, with defaults for the rest.

    Each chosen method has a MethodForm. What is sent with `do=add` has the method `add` added, with `drop=N` that
    one taken out. `sent` marks what a page has sent: there, nothing ticked means nothing.
    """

    classifier = forms.ModelChoiceField(Classifier.objects.none(), label=_("Model"), empty_label=None)
    also = _ModelsField(
        Classifier.objects.none(),
        label=_("Also on these models"),
        required=False,
        help_text=_(
            "One benchmark for each model. Methods that can't explain a model are left out there, and where it has no "
            "layer of the chosen name its usual one is taken."
        ),
    )
    dataset = forms.ModelChoiceField(Dataset.objects.none(), label=_("Data set"), empty_label=None)
    number_of_images = forms.IntegerField(label=_("Number of images"), min_value=1)
    subset_seed = forms.IntegerField(
        label=_("Seed of the choice"),
        min_value=0,
        max_value=2**31 - 1,
        initial=0,
        help_text=_("The same seed chooses the same images; it matters only where not all are taken."),
    )
    stratified = forms.BooleanField(
        label=_("Every class has its share"),
        required=False,
        help_text=_("Draws from each class in proportion to its number of images."),
    )
    experiment = forms.MultipleChoiceField(
        label=_("Experiments"), error_messages={"required": _("Choose at least one experiment.")}
    )
    class_mapping = forms.ChoiceField(label=_("What the model calls the classes"), required=False)
    class_list = forms.CharField(
        label=_("List of classes"),
        required=False,
        max_length=MOST_CHARACTERS,
        widget=forms.Textarea(attrs={"rows": 6, "spellcheck": "false"}),
        help_text=_(
            "CSV with the columns label,class: a line for each class of the data set, several where it stands for "
            "several outputs, an empty class to leave it out. Classes are names, ids or numbers of the model's outputs."
        ),
    )
    class_file = forms.FileField(label=_("… or a file with it"), required=False)
    precision = forms.ChoiceField(
        label=_("Precision"),
        choices=PRECISION_CHOICES,
        required=False,
        initial=USUAL_PRECISION,
        help_text=_(
            "Of the scores of perturbed images; maps are always made in full precision. Figures of different "
            "precisions are not compared without a warning."
        ),
    )
    priority = forms.ChoiceField(
        label=_("Priority"),
        required=False,
        initial=USUAL_PRIORITY,
        help_text=_(
            "Workers take a higher priority first, whoever it belongs to; within one, members are served in turn. "
            "One of low priority waits for as long as there is anything else to do."
        ),
    )
    device_label = forms.ChoiceField(
        label=_("Workers"),
        required=False,
        help_text=_("Only workers with this label take it. Their labels are on the page of workers."),
    )
    name = forms.CharField(label=_("Name of the benchmark"), required=False, max_length=LONGEST_NAME)
    tags = forms.CharField(
        label=_("Tags"), required=False, max_length=1000, help_text=_("Several with commas between them.")
    )
    sent = forms.CharField(widget=forms.HiddenInput, required=False, initial="1")

    def __init__(
        self,
        data: QueryDict | None,
        *,
        owner: User,
        chosen: QueryDict,
        files: MultiValueDict[str, UploadedFile] | None = None,
    ) -> None:
        super().__init__(data, files)
        self.owner = owner
        self.source = data if data is not None else chosen
        self.method_errors: list[str] = []
        self.experiment_errors: dict[str, list[str]] = {}
        self.fields["classifier"].queryset = classifiers_for(owner)
        self.fields["also"].queryset = classifiers_for(owner)
        self.fields["dataset"].queryset = datasets_for(owner)
        self.fields["priority"].choices = priority_choices(owner)
        labels = known_labels()
        # One that an earlier benchmark had may be gone: it is shown, and waited for.
        asked = self.source.get("device_label", "")
        labels += [asked] if is_label(asked) and asked not in labels else []
        self.fields["device_label"].choices = [("", _("any")), *((label, label) for label in labels)]
        self.fields["experiment"].choices = protocol_choices()
        self.chosen_classifier = self._chosen("classifier")
        self.further_classifiers = self._further_classifiers()
        self.chosen_dataset = self._chosen("dataset")
        self.chosen_experiments = self._chosen_experiments()
        self._limit_number_of_images()
        self._offer_class_mappings()
        if data is None:
            self._show_chosen()
        self.methods = self._chosen_methods()

    def _chosen(self, name: str) -> Any:
        """The row that is chosen so far; the first one where none is, or one that does not exist."""
        queryset = self.fields[name].queryset
        key = row_number(self.source.get(name, ""))
        found = None if key is None else queryset.filter(pk=key).first()
        if found is None:
            if name == "classifier":
                found = queryset.filter(state=Classifier.State.READY).first()
            found = found or queryset.first()
        self.initial.setdefault(name, found.pk if found else None)
        return found

    def _further_classifiers(self) -> list[Classifier]:
        """Those ticked besides the first one."""
        keys = {number for key in self.source.getlist("also") if (number := row_number(key)) is not None}
        keys -= {getattr(self.chosen_classifier, "pk", None)}
        found = list(self.fields["also"].queryset.filter(pk__in=keys)[: MOST_MODELS - 1]) if keys else []
        self.initial["also"] = found
        return found

    @cached_property
    def other_classifiers(self) -> list[tuple[Classifier, bool]]:
        """All models but the first one, and whether each is ticked."""
        ticked = {each.pk for each in self.further_classifiers}
        rows = self.fields["also"].queryset.prefetch_related(None).defer("description", "class_names")
        others = rows.exclude(pk=getattr(self.chosen_classifier, "pk", None))
        return [(row, row.pk in ticked) for row in others]

    @cached_property
    def plans(self) -> list[ModelPlan]:
        """What becomes of each model where there are several; none for a single one."""
        rows = self.chosen_classifier, self.chosen_dataset
        if not self.further_classifiers or None in rows or not self.specified_experiments:
            return []
        try:
            mapping = self._explicit_mapping(
                self["class_mapping"].value() or "", self["class_list"].value() or ""
            )
        except ValidationError:
            mapping = None
        return plan_models(
            classifiers=[self.chosen_classifier, *self.further_classifiers],
            dataset=self.chosen_dataset,
            methods=self.specified_methods,
            experiments=self.specified_experiments,
            images=self.images,
            class_mapping=mapping if self.class_labels_count else None,
            precision=self.chosen_precision,
            device_label=self.chosen_label,
        )

    def _chosen_experiments(self) -> list[str]:
        """Ticked protocols, as "insertion_deletion/thesis@1"."""
        known = dict(self.fields["experiment"].choices)
        chosen = [value for value in dict.fromkeys(self.source.getlist("experiment")) if value in known]
        if not chosen and "sent" not in self.source:
            chosen = [USUAL_EXPERIMENT]
        self.initial["experiment"] = chosen
        return chosen

    def _chosen_methods(self) -> list[MethodForm]:
        """The methods in the order of their numbers, numbered anew; `method=KEY` in an address is one that begins, with
        the member's own settings.
        """
        known = {method.key for method in method_descriptions()}
        numbered: dict[int, dict[str, str]] = {}
        for name in self.source:
            field = METHOD_FIELD.fullmatch(name)
            if field:
                numbered.setdefault(int(field[1]), {})[field[2]] = self.source[name]
        removed = self.source.get("drop", "")
        self.own = own = OwnFields(self.owner, self.chosen_classifier, self.source)
        kept = [(number, fields) for number, fields in sorted(numbered.items()) if str(number) != removed]
        given = [fields if self.is_bound else own.renewed(number, fields) for number, fields in kept]
        given += [own.begun(key) for key in self.source.getlist("method")]
        if self.source.get("do") == "add":
            given.append(own.begun(self.source.get("add", "")))
        given = [fields for fields in given if fields.get("key") in known]
        if not given and "sent" not in self.source:
            family = getattr(self.chosen_classifier, "family", "")
            given = [own.begun(USUAL_METHOD.get(family, "grad_cam"), open="1")]
        return [
            MethodForm(fields, number=number, classifier=self.chosen_classifier, sent=self.is_bound)
            for number, fields in enumerate(given[: MOST_METHODS + 1])
        ]

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

    def _offer_class_mappings(self) -> None:
        offered: list[str] = []
        if self.class_labels_count:
            rows = self.chosen_classifier, self.chosen_dataset
            offered = fitting_mappings(*rows)
            # Where the model's names are not known yet, they are more likely ImageNet's than this data set's.
            if offered and (mapping_between(*rows) is None or why_not_mapped(*rows)):
                self.initial["class_mapping"] = offered[0]
        self.fields["class_mapping"].choices = [
            ("", gettext("as the data set does")),
            *((name, name) for name in offered),
            (OWN_LIST, gettext("as in a list of your own")),
        ]

    def _show_chosen(self) -> None:
        """Takes initial values from the address, unless they don't fit what else is chosen there."""
        for name in SHOWN_AS_ASKED:
            if name not in self.source:
                continue
            try:
                self.initial[name] = self.fields[name].clean(self.source[name])
            except ValidationError:
                continue
        available = self.chosen_dataset.number_of_images if self.chosen_dataset else None
        if available and (self.initial.get("number_of_images") or 0) > available:
            self.initial["number_of_images"] = available

    @property
    def has_errors(self) -> bool:
        own = bool(self.errors or self.method_errors or self.experiment_errors)
        return own or any(method.errors for method in self.methods)

    @property
    def can_be_stratified(self) -> bool:
        return self.chosen_dataset is not None and "label" in self.chosen_dataset.ground_truth

    @cached_property
    def method_options(self) -> list[tuple[str, list[MethodOption]]]:
        return method_options([each for each in (self.chosen_classifier, *self.further_classifiers) if each])

    @property
    def experiment_groups(self) -> list[ExperimentGroup]:
        return experiment_groups(
            self.chosen_classifier, self.chosen_dataset, self.chosen_experiments, self.experiment_errors
        )

    @property
    def class_labels_count(self) -> bool:
        """Whether a chosen experiment depends on what the data set calls its classes."""
        rows = self.chosen_classifier is not None and self.chosen_dataset is not None
        return rows and class_labels_count(self.specified_experiments)

    @property
    def has_own_list(self) -> bool:
        return self["class_mapping"].value() == OWN_LIST

    @cached_property
    def mapping_note(self) -> dict[str, str] | None:
        """What becomes of the data set's classes: how many have an output, which are left out, or what is wrong."""
        if self.has_errors:
            return None
        try:
            explicit = self._explicit_mapping(self["class_mapping"].value(), self["class_list"].value() or "")
        except ValidationError:
            return None
        problem = why_not_mapped(self.chosen_classifier, self.chosen_dataset, explicit)
        if problem:
            return {"problem": problem}
        mapping = mapping_between(self.chosen_classifier, self.chosen_dataset, explicit)
        if mapping is None:
            return {
                "text": gettext("Whether every class has an output is seen when a worker opens the model.")
            }
        text = gettext("%(count)d of %(total)d classes have an output in the model.") % {
            "count": len(mapping.classes) - len(mapping.left_out),
            "total": len(mapping.classes),
        }
        return {"text": text, "left_out": ", ".join(mapping.left_out)}

    @property
    def specified_methods(self) -> list[dict[str, Any]]:
        """What is chosen, as a specification has it."""
        return [variant for method in self.methods for variant in method.variants()]

    @property
    def specified_experiments(self) -> list[dict[str, str]]:
        pairs = (value.partition("/") for value in self.chosen_experiments)
        return [{"key": key, "protocol": protocol} for key, _slash, protocol in pairs]

    @property
    def images(self) -> int:
        """The number of images shown, for the estimate."""
        try:
            return self.fields["number_of_images"].clean(self["number_of_images"].value())
        except ValidationError:
            return self.initial.get("number_of_images") or 1

    @property
    def chosen_precision(self) -> str:
        value = self["precision"].value()
        return value if value in PRECISIONS else USUAL_PRECISION

    @property
    def chosen_label(self) -> str:
        return self["device_label"].value() or ""

    def clean_precision(self) -> str:
        return self.cleaned_data["precision"] or USUAL_PRECISION

    def clean_priority(self) -> str:
        return self.cleaned_data["priority"] or USUAL_PRIORITY

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        upload = cleaned.get("class_file")
        if upload:
            # Whoever chooses a file means it, whatever else the page without scripts still says.
            self.data = self.data.copy()
            self.data["class_mapping"], self.data["class_list"] = OWN_LIST, _text_of(upload)
            cleaned |= {"class_mapping": OWN_LIST, "class_list": self.data["class_list"]}
        cleaned["explicit_mapping"] = None
        if self.class_labels_count:
            try:
                cleaned["explicit_mapping"] = self._explicit_mapping(
                    cleaned.get("class_mapping", ""), cleaned.get("class_list", "")
                )
            except ValidationError as refused:
                self.add_error("class_list", refused)
        return cleaned

    def _explicit_mapping(self, choice: str, typed: str) -> dict[str, tuple[str, ...]] | None:
        if choice == OWN_LIST:
            if not typed.strip():
                raise ValidationError(gettext("Paste a list, or choose a file with one."))
            return typed_mapping(typed)
        return builtin_mapping(choice, self.chosen_dataset) if choice else None

    def is_valid(self) -> bool:
        return all([super().is_valid(), *(method.is_valid() for method in self.methods)])

    def refuse(self, refusal: ValidationError) -> None:
        """Shows a service's refusal beside the fields it concerns, those of methods and experiments among them."""
        by_place: Mapping[str, Any] = getattr(refusal, "error_dict", {})
        rest = {}
        owners = [method for method in self.methods for _variant in method.variants()]
        for place, errors in by_place.items():
            in_method, of_experiment = PLACE_IN_METHOD.fullmatch(place), PLACE_OF_EXPERIMENT.fullmatch(place)
            messages = ValidationError(errors).messages
            if place == "methods":
                self.method_errors += messages
            elif in_method:
                _refuse_in(owners[int(in_method[1])], in_method[2], in_method[3], messages)
            elif of_experiment:
                self.experiment_errors[self.chosen_experiments[int(of_experiment[1])]] = messages
            else:
                rest["experiment" if place == "experiments" else place] = errors
        if rest or not by_place:
            add_refusal(self, ValidationError(rest) if rest else refusal)

    def address(self) -> str:
        """The query of the address that shows this form again."""
        state: list[tuple[str, str]] = [("sent", "1")]
        for name in ("classifier", "dataset", "number_of_images", "subset_seed"):
            state.append((name, str(self[name].value() or "")))
        state += [("also", str(each.pk)) for each in self.further_classifiers]
        state += [(name, self[name].value() or "") for name in ("name", "tags")]
        if self["stratified"].value():
            state.append(("stratified", "on"))
        if self.chosen_precision != USUAL_PRECISION:
            state.append(("precision", self.chosen_precision))
        if self["priority"].value() != USUAL_PRIORITY:
            state.append(("priority", self["priority"].value() or ""))
        state.append(("device_label", self["device_label"].value() or ""))
        state += [("experiment", value) for value in self.chosen_experiments]
        if self.class_labels_count:
            choice = self["class_mapping"].value() or ""
            state.append(("class_mapping", choice))
            state += [("class_list", self["class_list"].value() or "")] if choice == OWN_LIST else []
        for method in self.methods:
            state += method.state().items()
        return urlencode([(name, value) for name, value in state if value or name == "class_mapping"])


def _refuse_in(method: MethodForm, part: str, name: str | None, messages: list[str]) -> None:
    field = {"parameters": PREFIX, "enhancement": ENHANCEMENT_PREFIX}.get(part, "") + (name or "")
    # A method and its variant may be refused for the same reason.
    known = method.errors.get(field if field in method.fields else "__all__", [])
    for message in messages:
        if message not in known:
            method.add_error(field if field in method.fields else None, message)


def _text_of(upload: UploadedFile) -> str:
    """The beginning of the file as text: longer ones are refused for their length."""
    return upload.read(4 * MOST_CHARACTERS).decode("utf-8-sig", errors="replace")
