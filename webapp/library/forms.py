"""Importing one's own weights."""

from __future__ import annotations

import json
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.core.files.uploadedfile import UploadedFile
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from saliency_core.classifiers.preprocessing import Preprocessing
from webapp.accounts.models import User
from webapp.library.models import Classifier

CLASS_NAMES_LIMIT_BYTES = 2_000_000

# Suggestions only: any name that torchvision or timm knows is taken, and checked by a worker.
SUGGESTED_ARCHITECTURES = (
    "alexnet", "convnext_tiny", "deit_small_patch16_224", "deit_tiny_patch16_224", "densenet121", "efficientnet_b0",
    "googlenet", "inception_v3", "mobilenet_v2", "mobilenet_v3_large", "regnet_y_400mf", "resnet18", "resnet34",
    "resnet50", "resnet101", "resnext50_32x4d", "shufflenet_v2_x1_0", "squeezenet1_1", "tf_efficientnet_lite0",
    "vgg16", "vgg16_bn", "vgg19", "vgg19_bn", "vit_base_patch16_224", "vit_small_patch16_224", "wide_resnet50_2",
)  # fmt: skip


class ThreeNumbersField(forms.CharField):
    """Red, green and blue, written "0.485, 0.456, 0.406"; cleaned to a list of three floats."""

    def prepare_value(self, value: Any) -> Any:
        return ", ".join(f"{number:g}" for number in value) if isinstance(value, list | tuple) else value

    def clean(self, value: Any) -> list[float]:
        text = super().clean(value)
        try:
            numbers = [float(part) for part in text.replace(";", ",").replace(",", " ").split()]
        except ValueError:
            numbers = []
        if len(numbers) != 3:
            raise ValidationError(
                gettext("Give three numbers, for red, green and blue, such as 0.485, 0.456, 0.406.")
            )
        return numbers


class ImportClassifierForm(forms.Form):
    name = forms.CharField(
        label=_("Name"), max_length=100, help_text=_("What it is called in lists and reports.")
    )
    library = forms.ChoiceField(label=_("Library"), choices=Classifier.Library.choices)
    architecture = forms.CharField(
        label=_("Architecture"),
        max_length=120,
        help_text=_("The name as the library spells it, such as resnet50. "
            "The number of classes is read from the weights."),
        widget=forms.TextInput(
            attrs={"list": "architectures", "autocapitalize": "none", "autocomplete": "off", "spellcheck": "false"}
        ),
    )  # fmt: skip
    weights = forms.FileField(
        label=_("Weights"),
        help_text=_(
            "safetensors, or a state dict saved as .pt, .pth or .bin: torch.save(model.state_dict(), file). "
            "Whole pickled modules and TorchScript are refused, because opening them runs the code inside."
        ),
        widget=forms.FileInput(attrs={"accept": ".safetensors,.pt,.pth,.bin"}),
    )
    class_names = forms.FileField(
        label=_("Class names"),
        required=False,
        help_text=_("A text file with one name a line, or a JSON list, in the order of the model's outputs."),
        widget=forms.FileInput(attrs={"accept": ".txt,.json,text/plain,application/json"}),
    )
    mean = ThreeNumbersField(label=_("Mean"), help_text=_("Of each channel, on the scale from 0 to 1."))
    std = ThreeNumbersField(
        label=_("Standard deviation"), help_text=_("Of each channel, on the scale from 0 to 1.")
    )
    size = forms.IntegerField(
        label=_("Input size"), min_value=32, max_value=1024, help_text=_("Pixels a side.")
    )
    interpolation = forms.ChoiceField(
        label=_("Interpolation"),
        choices=[("bilinear", _("bilinear")), ("bicubic", _("bicubic"))],
        help_text=_("With which images are resized."),
    )

    def __init__(self, *args: Any, owner: User, **kwargs: Any) -> None:
        usual = Preprocessing()
        kwargs["initial"] = {
            "library": Classifier.Library.TORCHVISION,
            "mean": list(usual.mean),
            "std": list(usual.std),
            "size": usual.size,
            "interpolation": usual.interpolation,
            **kwargs.get("initial", {}),
        }
        super().__init__(*args, **kwargs)
        self.owner = owner

    def clean_name(self) -> str:
        name = self.cleaned_data["name"].strip()
        if Classifier.objects.filter(owner=self.owner, name=name).exists():
            raise ValidationError(gettext("You have a model of this name. Choose another one."))
        return name

    def clean_std(self) -> list[float]:
        if min(self.cleaned_data["std"]) <= 0:
            raise ValidationError(gettext("Standard deviations are above 0."))
        return self.cleaned_data["std"]

    def clean_class_names(self) -> list[str]:
        upload = self.cleaned_data.get("class_names")
        return read_class_names(upload) if upload else []

    def preprocessing(self) -> dict[str, Any]:
        """The cleaned fields as the classifier's row keeps them."""
        cleaned = self.cleaned_data
        return Preprocessing(
            size=cleaned["size"],
            mean=tuple(cleaned["mean"]),
            std=tuple(cleaned["std"]),
            interpolation=cleaned["interpolation"],
        ).to_dict()


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
        except ValueError:
            names = None
        if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
            raise ValidationError(gettext("This looks like JSON but is not a list of names."))
    else:
        names = text.splitlines()
        while names and not names[-1].strip():
            names.pop()
    return [name.strip() for name in names]
