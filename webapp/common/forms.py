"""What the forms of several apps share."""

from __future__ import annotations

from django import forms
from django.core.exceptions import NON_FIELD_ERRORS, ValidationError


def add_refusal(form: forms.Form, refusal: ValidationError) -> None:
    """Shows what a service refused beside the fields it concerns, and the rest above the form."""
    by_field = getattr(refusal, "error_dict", {NON_FIELD_ERRORS: getattr(refusal, "error_list", [])})
    for field, errors in by_field.items():
        form.add_error(field if field in form.fields else None, errors)
