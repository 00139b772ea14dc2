"""Importing one's own weights."""

from __future__ import annotations

import json
import math
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.core.files.uploadedfile import UploadedFile
from django.utils.translation import gettext, gettext_noop
from django.utils.translation import gettext_lazy as _

from saliency_core.classifiers.architecture_names import did_you_mean, known_names, other_library
from saliency_core.classifiers.preprocessing import INTERPOLATIONS, PIPELINES, Preprocessing
from saliency_core.classifiers.published_preprocessing import published_preprocessing
from webapp.accounts.models import User
from webapp.common.text import UNSTORABLE
from webapp.library.models import Classifier
from webapp.library.services import why_not_accepted

CLASS_NAMES_LIMIT_BYTES = 2_000_000

PIPELINE_TITLES = {
    "squash": gettext_noop("resized to the square as it is"),
    "resize_crop": gettext_noop("shorter side resized, centre cut out"),
}

# Suggestions for a browser without JavaScript: all names that torchvision and timm know are taken and searched.
SUGGESTED_ARCHITECTURES = (
    "alexnet", "convnext_tiny", "deit_small_patch16_224", "deit_tiny_patch16_224", "densenet121", "efficientnet_b0",
    "googlenet", "inception_v3", "mobilenet_v2", "mobilenet_v3_large", "regnet_y_400mf", "resnet18", "resnet34",
    "resnet50", "resnet101", "resnext50_32x4d", "shufflenet_v2_x1_0", "squeezenet1_1", "tf_efficientnet_lite0",
    "vgg16", "vgg16_bn", "vgg19", "vgg19_bn", "vit_base_patch16_224", "vit_small_patch16_224", "wide_resnet50_2",
)  # fmt: skip


class ThreeNumbersField(forms.CharField):
    """Red, green and blue, written "0.485, 0.456, 0.406"; cleaned to a list of three floats.

    Written with all digits of a float: a form that is saved as it was opened changes nothing.
    """

    def prepare_value(self, value: Any) -> Any:
        return ", ".join(f"{number:.15g}" for number in value) if isinstance(value, list | tuple) else value

    def clean(self, value: Any) -> list[float]:
        text = super().clean(value)
        if not text:
            return []
        try:
            numbers = [float(part) for part in text.replace(";", ",").replace(",", " ").split()]
        except ValueError:
            numbers = []
        if len(numbers) != 3 or not all(map(math.isfinite, numbers)):
            raise ValidationError(
                gettext("Give three numbers, for red, green and blue, such as 0.485, 0.456, 0.406.")
            )
        return numbers


class PreprocessingForm(forms.Form):
    """How images come to a model. What is left empty is as the architecture's published weights want it."""

    mean = ThreeNumbersField(
        label=_("Mean"), required=False, help_text=_("Of each channel, on the scale from 0 to 1.")
    )
    std = ThreeNumbersField(
        label=_("Standard deviation"),
        required=False,
        help_text=_("Of each channel, on the scale from 0 to 1."),
    )
    size = forms.IntegerField(
        label=_("Input size"), required=False, min_value=32, max_value=1024, help_text=_("Pixels a side.")
    )
    pipeline = forms.ChoiceField(
        label=_("Fitting images"),
        required=False,
        choices=[("", _("the usual")), *((name, _(PIPELINE_TITLES[name])) for name in PIPELINES)],
        help_text=_("How an image comes to its input size. Benchmarks follow their protocol instead."),
    )
    interpolation = forms.ChoiceField(
        label=_("Interpolation"),
        required=False,
        choices=[("", _("the usual")), *((name, _(name)) for name in INTERPOLATIONS)],
        help_text=_("With which images are resized."),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in ("mean", "std", "size"):
            self.fields[name].widget.attrs["placeholder"] = gettext("the usual")

    def clean_std(self) -> list[float]:
        std: list[float] = self.cleaned_data["std"]
        if std and min(std) <= 0:
            raise ValidationError(gettext("Standard deviations are above 0."))
        return std

    def completed(self, library: str, architecture: str) -> dict[str, Any]:
        """The cleaned fields, empty ones as is usual for the architecture, as the classifier's row keeps them."""
        usual = usual_preprocessing(library, architecture).to_dict()
        given = {name: self.cleaned_data.get(name) for name in usual}
        return usual | {name: value for name, value in given.items() if value not in (None, "", [])}


def usual_preprocessing(library: str, architecture: str) -> Preprocessing:
    """What a form proposes: that of the published weights, ImageNet's where there are none."""
    return published_preprocessing(library, architecture) or Preprocessing()


class ImportClassifierForm(PreprocessingForm):
    name = forms.CharField(
        label=_("Name"), max_length=100, help_text=_("What it is called in lists and reports.")
    )
    library = forms.ChoiceField(label=_("Library"), choices=Classifier.Library.choices)
    architecture = forms.CharField(
        label=_("Architecture"),
        max_length=120,
        required=False,
        help_text=_("The name as the library spells it, such as resnet50; type parts of it to search. Left empty for "
            "ONNX, which brings its own network."),
        widget=forms.TextInput(
            attrs={"list": "architectures", "autocapitalize": "none", "autocomplete": "off", "spellcheck": "false"}
        ),
    )  # fmt: skip
    weights = forms.FileField(
        label=_("Weights, or ONNX file"),
        help_text=_(
            "safetensors, or a state dict saved as .pt, .pth or .bin: torch.save(model.state_dict(), file); the number "
            "of classes is read from it. For ONNX one file that takes a batch of any size and gives logits. Whole "
            "pickled modules and TorchScript are refused, because opening them runs the code inside."
        ),
        widget=forms.FileInput(attrs={"accept": ".safetensors,.pt,.pth,.bin,.onnx"}),
    )
    class_names = forms.FileField(
        label=_("Class names"),
        required=False,
        help_text=_("A text file with one name a line, or a JSON list, in the order of the model's outputs."),
        widget=forms.FileInput(attrs={"accept": ".txt,.json,text/plain,application/json"}),
    )
    output_activation = forms.ChoiceField(
        label=_("Outputs"),
        choices=Classifier.Activation.choices,
        help_text=_("How the model's scores become probabilities."),
    )

    def __init__(self, *args: Any, owner: User, **kwargs: Any) -> None:
        kwargs["initial"] = {
            "library": Classifier.Library.TORCHVISION,
            "output_activation": Classifier.Activation.SOFTMAX,
            **kwargs.get("initial", {}),
        }
        super().__init__(*args, **kwargs)
        self.owner = owner

    def clean_name(self) -> str:
        return free_name(self.owner, self.cleaned_data["name"])

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        library, weights = cleaned.get("library"), cleaned.get("weights")
        if library and weights:
            refused = why_not_accepted(library, weights.name or "")
            if refused:
                self.add_error("weights", refused)
        if library and "architecture" in cleaned:
            if library == Classifier.Library.ONNX:
                cleaned["architecture"] = ""
            else:
                unknown = why_unknown(library, cleaned["architecture"])
                if unknown:
                    self.add_error("architecture", unknown)
        return cleaned

    def clean_class_names(self) -> list[str]:
        upload = self.cleaned_data.get("class_names")
        return read_class_names(upload) if upload else []

    def preprocessing(self) -> dict[str, Any]:
        return self.completed(self.cleaned_data["library"], self.cleaned_data["architecture"])


class ChangePreprocessingForm(PreprocessingForm):
    """The preprocessing of a model that is there; its size stays where the network takes no other."""

    def __init__(self, *args: Any, classifier: Classifier, **kwargs: Any) -> None:
        kwargs["initial"] = dict(classifier.preprocessing)
        super().__init__(*args, **kwargs)
        self.classifier = classifier
        if classifier.description.get("fixed_size"):
            self.fields["size"].disabled = True
            self.fields["size"].help_text = gettext("The network takes images of this size only.")

    def preprocessing(self) -> dict[str, Any]:
        return self.completed(self.classifier.library, self.classifier.architecture)


class ChangeClassifierForm(forms.Form):
    """What the owner of a model may change."""

    name = forms.CharField(
        label=_("Name"), max_length=100, help_text=_("What it is called in lists and reports.")
    )
    shared_with_lab = forms.BooleanField(
        label=_("Share with the lab"),
        required=False,
        help_text=_("Every member may then use the model for maps and benchmarks; only you change it."),
    )

    def __init__(self, *args: Any, classifier: Classifier, **kwargs: Any) -> None:
        kwargs["initial"] = {"name": classifier.name, "shared_with_lab": classifier.shared_with_lab}
        super().__init__(*args, **kwargs)
        self.classifier = classifier

    def clean_name(self) -> str:
        return free_name(self.classifier.owner, self.cleaned_data["name"], of=self.classifier)


def free_name(owner: User | None, name: str, of: Classifier | None = None) -> str:
    """The name without spaces around it. Raises ValidationError if another model of the owner has it."""
    name = name.strip()
    others = Classifier.objects.filter(owner=owner, name=name).exclude(pk=of.pk if of else None)
    if others.exists():
        raise ValidationError(gettext("You have a model of this name. Choose another one."))
    return name


def why_unknown(library: str, architecture: str) -> str | None:
    """Why a library has no architecture of that name, and which ones are meant perhaps; None if it has."""
    title = Classifier.Library(library).label
    if not architecture:
        return gettext("Name the architecture that the weights belong to, such as resnet50.")
    if architecture in known_names()[library]:
        return None
    names = {"library": title, "name": architecture}
    other = other_library(library, architecture)
    if other is not None:
        names["other"] = Classifier.Library(other).label
        return gettext("%(library)s has no architecture “%(name)s”, but %(other)s has: choose it.") % names
    alike = did_you_mean(library, architecture)
    if not alike:
        return gettext("%(library)s has no architecture “%(name)s”. Search for a part of its name.") % names
    return gettext("%(library)s has no architecture “%(name)s”. Did you mean %(alike)s?") % {
        **names,
        "alike": gettext(" or ").join(alike),
    }


def read_class_names(upload: UploadedFile) -> list[str]:
    """Names from a text file (one a line) or a JSON list of strings. Raises ValidationError."""
    if (upload.size or 0) > CLASS_NAMES_LIMIT_BYTES:
        raise ValidationError(gettext("A file of class names has at most 2 MB."))
    try:
        text = upload.read().decode("utf-8-sig")
    except UnicodeDecodeError:
        raise ValidationError(gettext("Save the class names as a UTF-8 text file.")) from None
    if text.lstrip().startswith("["):
        try:
            names = json.loads(text)
        except (ValueError, RecursionError):
            names = None
        if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
            raise ValidationError(gettext("This looks like JSON but is not a list of names."))
    else:
        names = text.splitlines()
        while names and not names[-1].strip():
            names.pop()
    if any(UNSTORABLE.search(name) for name in names):
        raise ValidationError(gettext("A class name holds characters that can't be kept."))
    return [name.strip() for name in names]
