"""Signing in, signing up, and API tokens."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django import forms
from django.contrib.auth.forms import AuthenticationForm, PasswordChangeForm
from django.contrib.auth.password_validation import password_validators_help_texts, validate_password
from django.core.exceptions import ValidationError
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import get_language, ngettext
from django.utils.translation import gettext_lazy as _

from webapp.accounts import services
from webapp.accounts.languages import between_sentences
from webapp.accounts.models import User
from webapp.accounts.sign_in_limits import is_closed_for_all
from webapp.accounts.sign_up_limits import minutes_to_wait
from webapp.common.forms import add_refusal

TOO_MANY = "too_many"
"""Code of the error where too many accounts were made."""


class PasswordInput(forms.PasswordInput):
    """A password field that the template gives a button to show what is typed."""

    reveal = True


class SignInForm(AuthenticationForm):
    error_messages = {
        **AuthenticationForm.error_messages,
        "invalid_login": _(
            "This name or number and password do not belong together. Passwords mind capitals."
        ),
    }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["username"].label = _("User name or account number")
        self.fields["password"].widget = PasswordInput(attrs={"autocomplete": "current-password"})

    def clean(self) -> dict[str, Any]:
        if is_closed_for_all(self.request, self.cleaned_data.get("username") or ""):
            raise ValidationError(
                _(
                    "There were too many failed attempts on this account. Try again in a quarter of an hour, or ask "
                    "an administrator."
                )
            )
        return super().clean()


def user_name_field(**attributes: Any) -> forms.CharField:
    return forms.CharField(
        label=_("User name"),
        max_length=150,
        help_text=_("Letters, digits and @ . + - _, not digits alone. Everybody in the lab sees it."),
        widget=forms.TextInput(attrs={"autocomplete": "username", "autocapitalize": "none", **attributes}),
    )


def password_rules() -> str:
    """What the password validators ask for, in the reader's language."""
    return between_sentences().join(str(text) for text in password_validators_help_texts())


class SignUpForm(forms.Form):
    """Creates the account through `services.sign_up`, whose refusals become errors of the fields."""

    username = user_name_field(autofocus=True)
    password = forms.CharField(
        label=_("Password"), strip=False, widget=PasswordInput(attrs={"autocomplete": "new-password"})
    )
    password_again = forms.CharField(
        label=_("Password, again"), strip=False, widget=PasswordInput(attrs={"autocomplete": "new-password"})
    )

    user: User | None = None

    def __init__(self, *args: Any, request: HttpRequest, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.request = request
        self.fields["password"].help_text = password_rules()

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean()
        name, password = cleaned.get("username"), cleaned.get("password")
        if password and cleaned.get("password_again") is not None and password != cleaned["password_again"]:
            self.add_error("password_again", _("The two passwords are not the same."))
        if password:
            try:
                validate_password(password, User(username=name or ""))
            except ValidationError as problem:
                self.add_error("password", problem)
        if not self.errors:
            self._check_limit()
        if not self.errors:
            try:
                self.user = services.sign_up(username=name, password=password, language=get_language() or "")
            except ValidationError as refusal:
                add_refusal(self, refusal)
        return cleaned

    def _check_limit(self) -> None:
        minutes = minutes_to_wait(self.request)
        if minutes:
            text = ngettext(
                "Too many accounts were made from your address. Try again in %(minutes)d minute, or ask an "
                "administrator for one.",
                "Too many accounts were made from your address. Try again in %(minutes)d minutes, or ask an "
                "administrator for one.",
                minutes,
            )
            self.add_error(None, ValidationError(text % {"minutes": minutes}, code=TOO_MANY))


class AccountForm(forms.Form):
    """Name, e-mail and keys of one's own account, changed through `services.change_account`."""

    username = user_name_field()
    email = forms.EmailField(
        label=_("E-mail"),
        required=False,
        max_length=254,
        help_text=_("For administrators of the lab; it is shown to nobody else, and nothing is sent."),
        widget=forms.EmailInput(attrs={"autocomplete": "email"}),
    )
    keyboard_shortcuts = forms.BooleanField(
        label=_("Single-key shortcuts"),
        required=False,
        help_text=_("Single keys that lead to the sections; “?” lists them."),
    )

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        initial = {name: getattr(user, name) for name in ("username", "email", "keyboard_shortcuts")}
        super().__init__(*args, initial=initial, **kwargs)
        self.user = user

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean()
        if not self.errors:
            try:
                services.change_account(self.user, **cleaned)
            except ValidationError as refusal:
                add_refusal(self, refusal)
        return cleaned


class ChangePasswordForm(PasswordChangeForm):
    """Django's form, with our password fields and labels."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        fields = {
            "old_password": (_("Present password"), "current-password"),
            "new_password1": (_("New password"), "new-password"),
            "new_password2": (_("New password, again"), "new-password"),
        }
        for name, (label, autocomplete) in fields.items():
            self.fields[name].label = label
            self.fields[name].help_text = ""
            self.fields[name].widget = PasswordInput(attrs={"autocomplete": autocomplete})
        self.fields["new_password1"].help_text = password_rules()


class TokenForm(forms.Form):
    """A new API token: what it is called and how long it lasts."""

    name = forms.CharField(
        label=_("Name"),
        max_length=100,
        help_text=_("What uses it, such as “nightly comparison” or a machine's name."),
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    days = forms.TypedChoiceField(
        label=_("Expires"),
        choices=[
            ("30", _("after 30 days")),
            ("90", _("after 90 days")),
            ("365", _("after a year")),
            ("", _("never")),
        ],
        coerce=int,
        empty_value=None,
        required=False,
        initial="90",
    )

    def expires(self) -> datetime | None:
        days = self.cleaned_data["days"]
        return None if days is None else timezone.now() + timedelta(days=days)
