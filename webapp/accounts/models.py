"""Members of the lab."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib.auth.models import AbstractUser, UserManager
from django.core.validators import RegexValidator
from django.db import IntegrityError, models, transaction
from django.db.models.functions import Lower
from django.utils import timezone
from django.utils.crypto import salted_hmac
from django.utils.translation import gettext_lazy as _

FIRST_ACCOUNT_NUMBER = 10001
NUMBER_ATTEMPTS = 20

not_only_digits = RegexValidator(
    r"^\d+$",
    _("A user name needs at least one character that is not a digit: numbers alone are account numbers."),
    inverse_match=True,
)


class User(AbstractUser):
    """A member: signs in with the user name or with the account number, both unique."""

    class Theme(models.TextChoices):
        SYSTEM = "system", _("System")
        LIGHT = "light", _("Light")
        DARK = "dark", _("Dark")

    account_number = models.PositiveIntegerField(_("account number"), unique=True, editable=False)
    language = models.CharField(_("language"), max_length=10, blank=True)
    theme = models.CharField(_("theme"), max_length=6, choices=Theme.choices, default=Theme.SYSTEM)
    keyboard_shortcuts = models.BooleanField(
        _("keyboard shortcuts"),
        default=True,
        help_text=_("Single keys that lead to the sections; “?” lists them."),
    )
    session_key = models.CharField(max_length=32, blank=True, editable=False)
    """Changed to end all sessions of the account: each carries a hash of it (see `services.sign_out_everywhere`)."""

    objects = UserManager()

    class Meta(AbstractUser.Meta):
        constraints = [
            models.UniqueConstraint(
                Lower("username"),
                name="username_unique_in_any_case",
                violation_error_message=_("A user with that name already exists."),
            ),
        ]

    def clean(self) -> None:
        super().clean()
        not_only_digits(self.username)

    def _get_session_auth_hash(self, secret: str | None = None) -> str:
        """Django's hash over the password, and over the session key once there is one.

        It is checked with each request, so a new key ends the sessions whatever backend keeps them.
        """
        if not self.session_key:
            return super()._get_session_auth_hash(secret=secret)
        salt = "webapp.accounts.models.User.get_session_auth_hash"
        content = f"{self.session_key}{self.password}"
        return salted_hmac(salt, content, secret=secret, algorithm="sha256").hexdigest()

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Saves; a new account gets the next free number (two sign-ups at once get two numbers)."""
        if self.account_number is not None:
            super().save(*args, **kwargs)
            return
        for attempt in range(NUMBER_ATTEMPTS):
            highest = User.objects.aggregate(highest=models.Max("account_number"))["highest"]
            self.account_number = (highest or FIRST_ACCOUNT_NUMBER - 1) + 1
            try:
                with transaction.atomic():
                    super().save(*args, **kwargs)
                return
            except IntegrityError:
                number_was_taken = User.objects.filter(account_number=self.account_number).exists()
                self.account_number = None
                if not number_was_taken or attempt == NUMBER_ATTEMPTS - 1:
                    raise


class ApiTokenQuerySet(models.QuerySet["ApiToken"]):
    def visible_to(self, user: User) -> ApiTokenQuerySet:
        """One's own tokens."""
        return self.filter(owner=user) if user.is_authenticated else self.none()


class ApiToken(models.Model):
    """A key with which a script speaks for a member. Only its hash is kept: the token itself is shown once."""

    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="api_tokens", verbose_name=_("owner")
    )
    name = models.CharField(_("name"), max_length=100)
    prefix = models.CharField(
        _("beginning"), max_length=12, help_text=_("The first characters, by which its owner knows it again.")
    )
    sha256 = models.CharField(max_length=64, unique=True, editable=False)
    created = models.DateTimeField(_("created"), auto_now_add=True)
    last_used = models.DateTimeField(_("last used"), null=True, blank=True)
    expires = models.DateTimeField(_("expires"), null=True, blank=True)

    objects = ApiTokenQuerySet.as_manager()

    class Meta:
        ordering = ["-pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["owner", "name"],
                name="token_name_unique_per_owner",
                violation_error_message=_("You have a token of this name. Choose another one."),
            )
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix}…)"

    @property
    def is_expired(self) -> bool:
        return self.expires is not None and self.expires <= timezone.now()
