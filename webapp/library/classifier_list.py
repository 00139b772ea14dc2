"""What a list of models is narrowed down to, in its address: `?q=vit&origin=own&family=cnn&state=ready`."""

from __future__ import annotations

from typing import Any

from django import forms
from django.db.models import Q, QuerySet
from django.utils.translation import gettext_lazy as _

from webapp.accounts.models import User
from webapp.library.models import Classifier

ORIGINS = [("builtin", _("Built-in")), ("own", _("Your own")), ("shared", _("Shared by others"))]
FAMILIES = [("cnn", _("Convolutional")), ("vit", _("Transformer"))]


class ClassifierListForm(forms.Form):
    """Whatever it can't understand narrows nothing."""

    q = forms.CharField(label=_("Search"), required=False, max_length=100)
    origin = forms.ChoiceField(label=_("Origin"), required=False, choices=[("", _("All")), *ORIGINS])
    family = forms.ChoiceField(label=_("Family"), required=False, choices=[("", _("All")), *FAMILIES])
    state = forms.ChoiceField(
        label=_("State"), required=False, choices=[("", _("All")), *Classifier.State.choices]
    )

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, auto_id="models-%s", **kwargs)
        self.user = user
        self.is_valid()

    @property
    def narrows(self) -> bool:
        return any(self.cleaned_data.values())

    def narrowed(self, classifiers: QuerySet[Classifier]) -> QuerySet[Classifier]:
        asked = self.cleaned_data
        for word in asked.get("q", "").split():
            classifiers = classifiers.filter(
                Q(name__icontains=word)
                | Q(architecture__icontains=word)
                | Q(library__icontains=word)
                | Q(owner__username__icontains=word)
                | Q(weights_sha256__istartswith=word)
            )
        origins = {
            "builtin": Q(owner__isnull=True),
            "own": Q(owner=self.user),
            "shared": Q(shared_with_lab=True) & ~Q(owner=self.user),
        }
        if asked.get("origin"):
            classifiers = classifiers.filter(origins[asked["origin"]])
        for field in ("family", "state"):
            if asked.get(field):
                classifiers = classifiers.filter(**{field: asked[field]})
        return classifiers
