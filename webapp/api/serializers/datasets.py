"""Data sets and their images."""

from __future__ import annotations

from typing import Any

from django.urls import reverse
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from webapp.library.dataset_forms import UPLOAD_FORMATS
from webapp.library.dataset_looks import AUTOMATIC
from webapp.library.models import Dataset
from webapp.library.truth import ShownImage


class DatasetSerializer(serializers.ModelSerializer):
    number_of_classes = serializers.SerializerMethodField()
    number_of_problems = serializers.SerializerMethodField()
    is_own = serializers.SerializerMethodField()
    owner = serializers.SerializerMethodField(help_text="Name of the member; null: the lab's.")

    class Meta:
        model = Dataset
        fields = [
            "id", "name", "format", "fingerprint", "number_of_images", "ground_truth", "number_of_classes",
            "number_of_problems", "registered_at", "state", "step", "done", "total", "problem", "is_own", "owner",
            "shared_with_lab",
        ]  # fmt: skip

    def get_number_of_classes(self, dataset: Dataset) -> int:
        return len(dataset.classes)

    def get_number_of_problems(self, dataset: Dataset) -> int:
        return len(dataset.problems)

    def get_is_own(self, dataset: Dataset) -> bool:
        return dataset.owner_id is not None and dataset.owner_id == self.context["request"].user.pk

    @extend_schema_field(serializers.CharField(allow_null=True))
    def get_owner(self, dataset: Dataset) -> str | None:
        return dataset.owner.username if dataset.owner else None


class DatasetDetailSerializer(DatasetSerializer):
    classes = serializers.DictField(
        child=serializers.IntegerField(), read_only=True, help_text="Images per label."
    )
    problems = serializers.ListField(child=serializers.DictField(), read_only=True)
    path = serializers.SerializerMethodField(
        help_text="Of folders of the server, for administrators; null otherwise."
    )

    class Meta(DatasetSerializer.Meta):
        fields = [*DatasetSerializer.Meta.fields, "classes", "problems", "path"]

    @extend_schema_field(serializers.CharField(allow_null=True))
    def get_path(self, dataset: Dataset) -> str | None:
        shown = dataset.owner_id is None and self.context["request"].user.is_staff
        return dataset.path if shown else None


class DatasetUploadSerializer(serializers.Serializer):
    """The fields of the upload, for the description: they are checked by the form of the page."""

    name = serializers.CharField(max_length=100)
    archive = serializers.FileField(
        help_text=".zip or .tar.gz with images and annotations; see the page of uploads for what is taken."
    )
    format = serializers.ChoiceField(
        [AUTOMATIC, *UPLOAD_FORMATS], required=False, help_text="auto, unless given: found out."
    )
    shared_with_lab = serializers.BooleanField(required=False)


class DatasetChangeSerializer(serializers.Serializer):
    name = serializers.CharField(max_length=100, required=False)
    shared_with_lab = serializers.BooleanField(
        required=False, help_text="Of one's own alone; the lab's are everybody's."
    )


class BoxSerializer(serializers.Serializer):
    """In pixels of the upright image."""

    label = serializers.CharField()
    x = serializers.FloatField()
    y = serializers.FloatField()
    width = serializers.FloatField()
    height = serializers.FloatField()
    difficult = serializers.BooleanField()
    crowd = serializers.BooleanField()


class DatasetImageSerializer(serializers.Serializer):
    index = serializers.IntegerField()
    identifier = serializers.CharField(help_text="As benchmarks and explanations name the image.")
    label = serializers.CharField(help_text="Its class; empty where it has none.")
    width = serializers.IntegerField(help_text="0 where the data set has no boxes and no masks.")
    height = serializers.IntegerField()
    boxes = BoxSerializer(many=True)
    masks = serializers.SerializerMethodField(help_text="Classes with a mask.")
    has_object_mask = serializers.SerializerMethodField()
    flags = serializers.DictField(child=serializers.ListField(child=serializers.CharField()))
    problem = serializers.CharField(help_text="Why its ground truth can't be read; empty where it can.")
    image_url = serializers.SerializerMethodField(help_text="WebP, at most 1280 pixels a side.")
    masks_url = serializers.SerializerMethodField(
        help_text="PNG of the masks, or null; ?class= for one alone."
    )

    @extend_schema_field(serializers.ListField(child=serializers.CharField()))
    def get_masks(self, image: ShownImage) -> list[str]:
        return [name for name, _colour in image.masks if name]

    def get_has_object_mask(self, image: ShownImage) -> bool:
        return any(not name for name, _colour in image.masks)

    def get_image_url(self, image: ShownImage) -> str:
        return self._address("api:dataset_image_file", image)

    @extend_schema_field(serializers.CharField(allow_null=True))
    def get_masks_url(self, image: ShownImage) -> str | None:
        return self._address("api:dataset_masks_file", image) if image.masks else None

    def _address(self, name: str, image: ShownImage) -> Any:
        return reverse(name, args=[self.context["dataset"].pk, image.index])
