"""What a lab has on its shelves: classifiers with their weights, and data sets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

if TYPE_CHECKING:
    from webapp.accounts.models import User


class ClassifierQuerySet(models.QuerySet["Classifier"]):
    def visible_to(self, user: User) -> ClassifierQuerySet:
        """The built-in classifiers and the member's own."""
        return self.filter(Q(owner__isnull=True) | Q(owner=user))


class Classifier(models.Model):
    """A model that can be explained: an architecture by name, its weights and its preprocessing.

    States: `not_fetched → waiting → preparing → ready | failed`; a failed one goes back to `waiting` when
    its preparation is asked for again. Changes go through `webapp.library.services`.
    """

    class State(models.TextChoices):
        NOT_FETCHED = "not_fetched", _("Weights not fetched")
        WAITING = "waiting", _("Waiting for a worker")
        PREPARING = "preparing", _("Being prepared")
        READY = "ready", _("Ready")
        FAILED = "failed", _("Not usable")

    class Library(models.TextChoices):
        TORCHVISION = "torchvision", "torchvision"
        TIMM = "timm", "timm"

    key = models.CharField(_("key"), max_length=64, unique=True, null=True, editable=False)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, null=True, blank=True, related_name="classifiers"
    )
    name = models.CharField(_("name"), max_length=100)
    library = models.CharField(_("library"), max_length=16, choices=Library.choices)
    architecture = models.CharField(_("architecture"), max_length=120)
    family = models.CharField(_("family"), max_length=8, blank=True)
    preprocessing = models.JSONField(_("preprocessing"), default=dict)
    class_names = models.JSONField(_("class names"), default=list, blank=True)
    description = models.JSONField(
        _("description"),
        default=dict,
        help_text=_("Layers with their map sizes, number of classes, default layer."),
    )
    state = models.CharField(_("state"), max_length=12, choices=State.choices, default=State.NOT_FETCHED)
    problem = models.TextField(_("problem"), blank=True)
    bytes_done = models.BigIntegerField(default=0)
    bytes_total = models.BigIntegerField(default=0)
    upload = models.CharField(_("uploaded file"), max_length=255, blank=True)
    weights_sha256 = models.CharField(_("SHA-256 of the weights"), max_length=64, blank=True)
    lease_expires = models.DateTimeField(null=True, blank=True)
    created = models.DateTimeField(auto_now_add=True)

    objects = ClassifierQuerySet.as_manager()

    class Meta:
        ordering = [models.F("owner").asc(nulls_first=True), "pk"]
        constraints = [
            models.UniqueConstraint(fields=["owner", "name"], name="classifier_name_unique_per_owner")
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def is_ready(self) -> bool:
        return self.state == self.State.READY

    @property
    def layers(self) -> list[dict[str, Any]]:
        """Explainable layers, `{name, kind, channels, height, width}`, from the input to the output."""
        return self.description.get("layers", [])

    @property
    def default_layer(self) -> str | None:
        return self.description.get("default_layer")


class ForwardRate(models.Model):
    """How many images a second a classifier classifies on a device: measured, the basis of every expected time."""

    classifier = models.ForeignKey(Classifier, on_delete=models.CASCADE, related_name="rates")
    device = models.CharField(_("device"), max_length=160)
    precision = models.CharField(_("precision"), max_length=16, default="fp32")
    images_per_second = models.FloatField(_("images per second"))
    measured_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["-images_per_second"]
        constraints = [
            models.UniqueConstraint(
                fields=["classifier", "device", "precision"], name="one_rate_per_classifier_and_device"
            )
        ]

    def __str__(self) -> str:
        return f"{self.classifier}: {self.images_per_second:.1f}/s, {self.device}"


class DatasetQuerySet(models.QuerySet["Dataset"]):
    def visible_to(self, user: User) -> DatasetQuerySet:
        """Data sets are registered by administrators for the whole lab."""
        return self if user.is_authenticated else self.none()


class Dataset(models.Model):
    """A folder of images in a known layout, as it was when it was registered."""

    name = models.CharField(_("name"), max_length=100, unique=True)
    format = models.CharField(_("format"), max_length=40)
    path = models.CharField(_("path"), max_length=1000)
    fingerprint = models.CharField(_("fingerprint"), max_length=64)
    number_of_images = models.PositiveIntegerField(_("number of images"))
    ground_truth = models.JSONField(_("ground truth"), default=list)
    classes = models.JSONField(_("classes"), default=dict, help_text=_("Images per label."))
    problems = models.JSONField(_("problems"), default=list)
    registered_at = models.DateTimeField(auto_now=True)

    objects = DatasetQuerySet.as_manager()

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name
