"""What a lab has on its shelves: classifiers with their weights, and data sets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from webapp.common.leases import Leased

if TYPE_CHECKING:
    from webapp.accounts.models import User


class ClassifierQuerySet(models.QuerySet["Classifier"]):
    def visible_to(self, user: User) -> ClassifierQuerySet:
        """The built-in classifiers, the member's own, and those that others share with the lab."""
        if not user.is_authenticated:
            return self.none()
        return self.filter(Q(owner__isnull=True) | Q(owner=user) | Q(shared_with_lab=True))

    def owned_by(self, user: User) -> ClassifierQuerySet:
        """What the member may change: their own."""
        return self.filter(owner=user) if user.is_authenticated else self.none()

    def stoppable_by(self, user: User) -> ClassifierQuerySet:
        """Whose preparation the member may cancel: their own, and for administrators all that they see."""
        return self.visible_to(user) if user.is_staff else self.owned_by(user)


class Preparable(Leased):
    """What a worker makes ready: `waiting → preparing → ready | failed | cancelled`, and back to `waiting` when it is
    asked for again. `asked_by` is told of the end, as its owner is.
    """

    asked_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )

    class Meta:
        abstract = True

    @property
    def is_being_prepared(self) -> bool:
        """Whether a worker is at it, or will be."""
        return self.state in ("waiting", "preparing")


class Classifier(Preparable):
    """A model that can be explained: an architecture by name, its weights and its preprocessing.

    States: `not_fetched`, then those of whatever is prepared. Changes go through `webapp.library.services`. The lease
    is also that of a worker that writes the compatibility report of one that is ready.
    """

    class State(models.TextChoices):
        NOT_FETCHED = "not_fetched", _("Weights not fetched")
        WAITING = "waiting", _("Waiting for a worker")
        PREPARING = "preparing", _("Being prepared")
        READY = "ready", _("Ready")
        FAILED = "failed", _("Not usable")
        CANCELLED = "cancelled", _("Cancelled")

    class Step(models.TextChoices):
        FETCHING = "fetching", _("Fetching the weights")
        READING = "reading", _("Checking the file")
        LOADING = "loading", _("Loading the model")
        TRYING = "trying", _("Trying the methods")

    class Library(models.TextChoices):
        TORCHVISION = "torchvision", "torchvision"
        TIMM = "timm", "timm"
        ONNX = "onnx", "ONNX"

    class Activation(models.TextChoices):
        SOFTMAX = "softmax", _("softmax: one class for each image")
        SIGMOID = "sigmoid", _("sigmoid: any number of classes for each image")

    key = models.CharField(_("key"), max_length=64, unique=True, null=True, editable=False)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, null=True, blank=True, related_name="classifiers"
    )
    name = models.CharField(_("name"), max_length=100)
    library = models.CharField(_("library"), max_length=16, choices=Library.choices)
    architecture = models.CharField(
        _("architecture"),
        max_length=120,
        blank=True,
        help_text=_("Empty for ONNX files, which bring their own."),
    )
    output_activation = models.CharField(
        _("output activation"), max_length=8, choices=Activation.choices, default=Activation.SOFTMAX
    )
    shared_with_lab = models.BooleanField(
        _("shared with the lab"),
        default=False,
        help_text=_("Every member may use it; only its owner changes it."),
    )
    family = models.CharField(_("family"), max_length=8, blank=True)
    preprocessing = models.JSONField(_("preprocessing"), default=dict)
    earlier_preprocessings = models.JSONField(
        _("earlier preprocessings"),
        default=list,
        blank=True,
        editable=False,
        help_text=_(
            "What its owner has changed, the oldest first: maps that used them are drawn with them again."
        ),
    )
    class_names = models.JSONField(_("class names"), default=list, blank=True)
    description = models.JSONField(
        _("description"),
        default=dict,
        help_text=_("Layers with their map sizes, number of classes, default layer."),
    )
    compatibility = models.JSONField(
        _("compatibility report"),
        default=dict,
        blank=True,
        help_text=_("What a worker found out about the model: which methods work, and why others do not."),
    )
    state = models.CharField(_("state"), max_length=12, choices=State.choices, default=State.NOT_FETCHED)
    step = models.CharField(_("step"), max_length=10, choices=Step.choices, blank=True)
    problem = models.TextField(_("problem"), blank=True)
    bytes_done = models.BigIntegerField(default=0)
    bytes_total = models.BigIntegerField(default=0)
    upload = models.CharField(_("uploaded file"), max_length=255, blank=True)
    weights_sha256 = models.CharField(_("SHA-256 of the weights"), max_length=64, blank=True)
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
    def can_be_tried_again(self) -> bool:
        """Whether its preparation has come to nothing and its file can still be had."""
        ended = self.state in (self.State.FAILED, self.State.CANCELLED)
        return ended and bool(self.key or self.upload)

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
    batch_size = models.PositiveSmallIntegerField(
        _("batch size"),
        null=True,
        blank=True,
        help_text=_("Pictures per forward pass with which it is fastest."),
    )
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


class MethodSettingsQuerySet(models.QuerySet["MethodSettings"]):
    def visible_to(self, user: User) -> MethodSettingsQuerySet:
        """One's own."""
        return self.filter(owner=user) if user.is_authenticated else self.none()


class MethodSettings(models.Model):
    """A member's own parameters of a method for one classifier; those of the enhancement are under its own key.

    Where there is no row the method's defaults hold. Only what differs from the defaults is kept.
    """

    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="method_settings"
    )
    classifier = models.ForeignKey(Classifier, on_delete=models.CASCADE, related_name="method_settings")
    method = models.CharField(_("method"), max_length=64)
    parameters = models.JSONField(_("parameters"), default=dict)
    changed = models.DateTimeField(_("changed"), auto_now=True)

    objects = MethodSettingsQuerySet.as_manager()

    class Meta:
        ordering = ["classifier", "method"]
        constraints = [
            models.UniqueConstraint(
                fields=["owner", "classifier", "method"], name="one_settings_per_method_and_classifier"
            )
        ]

    def __str__(self) -> str:
        return f"{self.classifier}: {self.method}"


class DatasetQuerySet(models.QuerySet["Dataset"]):
    def visible_to(self, user: User) -> DatasetQuerySet:
        """The lab's data sets, the member's own, and those that others share with the lab."""
        if not user.is_authenticated:
            return self.none()
        return self.filter(Q(owner__isnull=True) | Q(owner=user) | Q(shared_with_lab=True))

    def owned_by(self, user: User) -> DatasetQuerySet:
        """What the member may change: their own, and for administrators also the lab's."""
        if not user.is_authenticated:
            return self.none()
        return (
            self.filter(Q(owner=user) | Q(owner__isnull=True)) if user.is_staff else self.filter(owner=user)
        )

    def stoppable_by(self, user: User) -> DatasetQuerySet:
        """Whose preparation the member may cancel: their own, and for administrators all that they see."""
        return self.visible_to(user) if user.is_staff else self.owned_by(user)


class Dataset(Preparable):
    """A folder of images in a known layout, as it was when it was looked at.

    Folders of the server are registered by administrators for the whole lab (no owner). A member's archive is
    unpacked and looked at by a worker. Changes go through `webapp.library.dataset_services`.
    """

    class State(models.TextChoices):
        WAITING = "waiting", _("Waiting for a worker")
        PREPARING = "preparing", _("Being prepared")
        READY = "ready", _("Ready")
        FAILED = "failed", _("Not usable")
        CANCELLED = "cancelled", _("Cancelled")

    class Step(models.TextChoices):
        UNPACKING = "unpacking", _("Unpacking the archive")
        LAYOUT = "layout", _("Finding out the layout")
        ANNOTATIONS = "annotations", _("Reading the annotations")
        IMAGES = "images", _("Reading the images")

    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, null=True, blank=True, related_name="datasets"
    )
    shared_with_lab = models.BooleanField(
        _("shared with the lab"),
        default=False,
        help_text=_("Every member may use it; only its owner changes it."),
    )
    name = models.CharField(_("name"), max_length=100)
    format = models.CharField(_("format"), max_length=40)
    path = models.CharField(_("path"), max_length=1000, blank=True)
    fingerprint = models.CharField(_("fingerprint"), max_length=64, blank=True)
    number_of_images = models.PositiveIntegerField(_("number of images"), default=0)
    ground_truth = models.JSONField(_("ground truth"), default=list)
    classes = models.JSONField(_("classes"), default=dict, help_text=_("Images per label."))
    problems = models.JSONField(_("problems"), default=list)
    state = models.CharField(_("state"), max_length=10, choices=State.choices, default=State.READY)
    step = models.CharField(_("step"), max_length=12, choices=Step.choices, blank=True)
    done = models.BigIntegerField(default=0, help_text=_("Of the step: bytes of the archive, or images."))
    total = models.BigIntegerField(default=0)
    problem = models.TextField(_("problem"), blank=True)
    upload = models.CharField(_("uploaded file"), max_length=255, blank=True)
    registered_at = models.DateTimeField(auto_now=True)

    objects = DatasetQuerySet.as_manager()

    class Meta:
        ordering = ["name"]
        constraints = [
            models.UniqueConstraint(
                fields=["name"], condition=Q(owner__isnull=True), name="dataset_name_unique_in_lab"
            ),
            models.UniqueConstraint(fields=["owner", "name"], name="dataset_name_unique_per_owner"),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def is_ready(self) -> bool:
        return self.state == self.State.READY
