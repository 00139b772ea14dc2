"""Bringing a data set, registering a folder, renaming and sharing."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.functional import lazy
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from saliency_core.datasets.base import FORMATS
from webapp.library.dataset_looks import AUTOMATIC
from webapp.library.models import Dataset

# Shapes are drawn by whoever reads them, as many as a number in a file says: not from strangers.
UPLOAD_FORMATS = tuple(each.key for each in FORMATS if each.key != "shapes")
_translated = lazy(gettext, str)
_name = Dataset._meta.get_field("name")


def _format_field(keys: tuple[str, ...]) -> forms.ChoiceField:
    known = [(each.key, _translated(each.title)) for each in FORMATS if each.key in keys]
    return forms.ChoiceField(
        label=_("Format"),
        choices=[(AUTOMATIC, _("Find out")), *known],
        required=False,
        help_text=_("How the images and what is known about them lie in the folder."),
    )


def _name_field() -> forms.CharField:
    return forms.CharField(
        label=_("Name"), max_length=_name.max_length, help_text=_("What it is called in lists and reports.")
    )


def _shared_field() -> forms.BooleanField:
    return forms.BooleanField(
        label=_("Shared with the lab"),
        required=False,
        help_text=_("Every member may use it; only its owner changes it."),
    )


class UploadDatasetForm(forms.Form):
    name = _name_field()
    archive = forms.FileField(
        label=_("Archive"),
        widget=forms.FileInput(attrs={"accept": ".zip,.tar.gz,.tgz,application/zip,application/gzip"}),
    )
    format = _format_field(UPLOAD_FORMATS)
    shared_with_lab = _shared_field()

    def clean_format(self) -> str:
        return self.cleaned_data["format"] or AUTOMATIC


class FolderForm(forms.Form):
    """A folder of the server, for administrators."""

    path = forms.CharField(
        label=_("Path"),
        max_length=1000,
        help_text=_("Of the folder on the server, as the workers see it; of some formats also of one file."),
        widget=forms.TextInput(
            attrs={"autocapitalize": "none", "autocomplete": "off", "spellcheck": "false"}
        ),
    )
    format = _format_field(tuple(each.key for each in FORMATS))
    name = _name_field()

    def __init__(self, *args: Any, name_required: bool = True, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["name"].required = name_required

    def clean_format(self) -> str:
        return self.cleaned_data["format"] or AUTOMATIC


class EditDatasetForm(forms.Form):
    """The name; of a member's own whether it is shared; of the lab's its place on the server."""

    name = _name_field()
    shared_with_lab = _shared_field()
    path = FolderForm.base_fields["path"]
    format = _format_field(tuple(each.key for each in FORMATS))

    def __init__(self, *args: Any, dataset: Dataset, **kwargs: Any) -> None:
        kwargs["initial"] = {
            "name": dataset.name,
            "shared_with_lab": dataset.shared_with_lab,
            "path": dataset.path,
            "format": dataset.format,
        }
        super().__init__(*args, **kwargs)
        for name in ("path", "format") if dataset.owner_id is not None else ("shared_with_lab",):
            del self.fields[name]
