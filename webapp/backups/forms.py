"""Forms of the page of backups."""

from __future__ import annotations

from django import forms
from django.utils.translation import gettext_lazy as _


class BackupForm(forms.Form):
    with_weights = forms.BooleanField(
        label=_("with the weights of my own models"),
        required=False,
        help_text=_("Makes the file larger by the size of the models."),
    )


class RestoreForm(forms.Form):
    file = forms.FileField(
        label=_("Backup (ZIP)"), widget=forms.FileInput(attrs={"accept": ".zip,application/zip"})
    )
