"""Members of the lab."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import AbstractUser, UserManager
from django.core.validators import RegexValidator
from django.db import IntegrityError, models, transaction
from django.db.models.functions import Lower
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
