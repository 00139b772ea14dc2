"""What members asked of the studio: pictures they brought, classes found on them, and maps."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from webapp.common.leases import Leased
from webapp.common.turns import ServedMember
from webapp.library.models import Dataset

if TYPE_CHECKING:
    from webapp.accounts.models import User


class State(models.TextChoices):
    WAITING = "waiting", _("Waiting")
    RUNNING = "running", _("Running")
    READY = "ready", _("Ready")
    FAILED = "failed", _("Failed")


class OwnQuerySet(models.QuerySet[Any]):
    def visible_to(self, user: User) -> OwnQuerySet:
        """One's own."""
        return self.filter(owner=user) if user.is_authenticated else self.none()


class AskedQuerySet(OwnQuerySet):
    def visible_to(self, user: User) -> AskedQuerySet:
        """One's own, of images that one sees: not when a data set is no longer shared."""
        seen = Q(dataset__isnull=True) | Q(dataset__in=Dataset.objects.visible_to(user))
        return super().visible_to(user).filter(seen)


class Picture(models.Model):
    """An image that a member brought, decoded and written anew: nothing of the uploaded file is kept but its pixels."""

    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="pictures")
    name = models.CharField(_("name"), max_length=120)
    digest = models.CharField(max_length=64, help_text=_("SHA-256 of the pixels."))
    width = models.PositiveIntegerField(_("width"))
    height = models.PositiveIntegerField(_("height"))
    created = models.DateTimeField(auto_now_add=True)

    objects = OwnQuerySet.as_manager()

    class Meta:
        ordering = ["-pk"]
        constraints = [models.UniqueConstraint(fields=["owner", "digest"], name="picture_once_per_owner")]

    def __str__(self) -> str:
        return self.name

    @property
    def path(self) -> Path:
        """Where its PNG lies."""
        return settings.UPLOADS_DIR / "pictures" / str(self.owner_id) / f"{self.digest}.png"


class Asked(Leased):
    """What the studio's worker is to find out about one image under one classifier.

    `waiting → running → ready | failed`; changes go through `webapp.studio.services`.
    The image is one of a data set (`dataset` and `image`, its identifier) or a member's own `picture`.
    """

    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="%(class)ss")
    classifier = models.ForeignKey("library.Classifier", on_delete=models.CASCADE, related_name="%(class)ss")
    dataset = models.ForeignKey(
        "library.Dataset", on_delete=models.CASCADE, null=True, blank=True, related_name="%(class)ss"
    )
    picture = models.ForeignKey(
        Picture, on_delete=models.CASCADE, null=True, blank=True, related_name="%(class)ss"
    )
    image = models.CharField(_("image"), max_length=500, help_text=_("Identifier within the data set."))
    pipeline = models.CharField(_("resize pipeline"), max_length=40)
    size = models.PositiveIntegerField(_("input size"), default=224)
    digest = models.CharField(max_length=64)
    state = models.CharField(_("state"), max_length=10, choices=State.choices, default=State.WAITING)
    problem = models.TextField(_("problem"), blank=True)
    created = models.DateTimeField(auto_now_add=True)

    objects = AskedQuerySet.as_manager()

    class Meta:
        abstract = True

    @property
    def is_open(self) -> bool:
        return self.state in (State.WAITING, State.RUNNING)


class StudioTurn(ServedMember):
    """Turns at the studio's worker, of predictions and maps together."""


class Prediction(Asked):
    """The most probable classes of an image: `classes` is [[index, probability], …], best first."""

    classes = models.JSONField(_("classes"), default=list)

    class Meta:
        ordering = ["pk"]
        constraints = [
            models.UniqueConstraint(fields=["owner", "digest"], name="prediction_once_per_owner"),
            models.CheckConstraint(
                condition=Q(dataset__isnull=True) ^ Q(picture__isnull=True), name="prediction_of_one_image"
            ),
        ]
        indexes = [models.Index(fields=["state", "id"], name="predictions_by_state")]

    def __str__(self) -> str:
        return f"{self.classifier_id}: {self.image}"


class Explanation(Asked):
    """One saliency map: of an image, for a class, by a method with its parameters.

    Its files are named by the digest of everything that determines the map. Where they are wanted, its insertion and
    deletion curves follow when it is ready: `curves_state` "" (not wanted) or `waiting → running → ready | failed`,
    under the same fence and lease.
    """

    State = State

    method = models.CharField(_("method"), max_length=64)
    parameters = models.JSONField(_("parameters"), default=dict)
    enhancement = models.JSONField(
        _("enhancement"), default=dict, blank=True, help_text=_("Its parameters; empty without it.")
    )
    target = models.PositiveIntegerField(_("class index"))
    degenerate = models.BooleanField(_("constant map"), default=False)
    seconds = models.FloatField(_("seconds"), null=True, blank=True)
    extras = models.JSONField(
        _("extras"), default=dict, blank=True, help_text=_("Figures that the method reports with its map.")
    )
    curves_state = models.CharField(
        _("state of the curves"), max_length=10, choices=State.choices, blank=True, default=""
    )
    curves_problem = models.TextField(_("problem of the curves"), blank=True)
    curves = models.JSONField(
        _("curves"),
        default=dict,
        blank=True,
        help_text=_("Insertion and deletion curve (lists of probabilities), and the scores of both."),
    )

    pinned = models.BooleanField(
        _("pinned"), default=False, help_text=_("Stays until it is deleted by hand.")
    )
    listed = models.BooleanField(
        _("among the recent maps"),
        default=True,
        help_text=_("Not so for maps that only the page of a benchmark or of a comparison drew."),
    )

    class Meta:
        ordering = ["pk"]
        constraints = [
            models.UniqueConstraint(fields=["owner", "digest"], name="explanation_once_per_owner"),
            models.CheckConstraint(
                condition=Q(dataset__isnull=True) ^ Q(picture__isnull=True), name="explanation_of_one_image"
            ),
        ]
        indexes = [
            models.Index(fields=["state", "id"], name="explanations_by_state"),
            models.Index(fields=["curves_state", "id"], name="curves_by_state"),
        ]

    def __str__(self) -> str:
        return f"{self.method}: {self.image}"

    @property
    def specified_method(self) -> dict[str, Any]:
        """The method as a benchmark's specification has it."""
        return {"key": self.method, "parameters": self.parameters, "enhancement": self.enhancement or None}
