"""Maps that members asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

if TYPE_CHECKING:
    from webapp.accounts.models import User


class ExplanationQuerySet(models.QuerySet["Explanation"]):
    def visible_to(self, user: User) -> ExplanationQuerySet:
        """One's own explanations."""
        return self.filter(owner=user) if user.is_authenticated else self.none()


class Explanation(models.Model):
    """One saliency map: of an image of a data set, for a class, by a method with its parameters.

    `waiting → running → ready | failed`. Its files are named by the digest of everything that determines the map.
    """

    class State(models.TextChoices):
        WAITING = "waiting", _("Waiting")
        RUNNING = "running", _("Running")
        READY = "ready", _("Ready")
        FAILED = "failed", _("Failed")

    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="explanations")
    classifier = models.ForeignKey(
        "library.Classifier", on_delete=models.CASCADE, related_name="explanations"
    )
    dataset = models.ForeignKey("library.Dataset", on_delete=models.CASCADE, related_name="explanations")
    image = models.CharField(_("image"), max_length=500, help_text=_("Identifier within the data set."))
    method = models.CharField(_("method"), max_length=64)
    parameters = models.JSONField(_("parameters"), default=dict)
    pipeline = models.CharField(_("resize pipeline"), max_length=40)
    size = models.PositiveIntegerField(_("input size"), default=224)
    target = models.PositiveIntegerField(_("class index"))
    digest = models.CharField(max_length=64)
    state = models.CharField(_("state"), max_length=10, choices=State.choices, default=State.WAITING)
    fence = models.PositiveIntegerField(default=0)
    attempt = models.PositiveSmallIntegerField(default=0)
    lease_expires = models.DateTimeField(null=True, blank=True)
    problem = models.TextField(_("problem"), blank=True)
    degenerate = models.BooleanField(_("constant map"), default=False)
    seconds = models.FloatField(_("seconds"), null=True, blank=True)
    created = models.DateTimeField(auto_now_add=True)

    objects = ExplanationQuerySet.as_manager()

    class Meta:
        ordering = ["pk"]
        constraints = [models.UniqueConstraint(fields=["owner", "digest"], name="explanation_once_per_owner")]
        indexes = [models.Index(fields=["state", "id"], name="explanations_by_state")]

    def __str__(self) -> str:
        return f"{self.method}: {self.image}"
