"""Classifiers and data sets."""

from __future__ import annotations

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from saliency_core.methods.registry import method_descriptions
from webapp.benchmarks.models import WorkerNode
from webapp.benchmarks.services import why_not_applicable
from webapp.library.models import Classifier, Dataset, ForwardRate


class ForwardRateSerializer(serializers.ModelSerializer):
    class Meta:
        model = ForwardRate
        fields = ["device", "precision", "images_per_second", "measured_at"]


class ClassifierSerializer(serializers.ModelSerializer):
    is_own = serializers.SerializerMethodField()
    number_of_layers = serializers.SerializerMethodField()
    rates = ForwardRateSerializer(many=True, read_only=True)

    class Meta:
        model = Classifier
        fields = [
            "id", "key", "name", "is_own", "library", "architecture", "family", "state", "problem", "bytes_done",
            "bytes_total", "weights_sha256", "preprocessing", "default_layer", "number_of_layers", "rates", "created",
        ]  # fmt: skip

    def get_is_own(self, classifier: Classifier) -> bool:
        return classifier.owner_id is not None and classifier.owner_id == self.context["request"].user.pk

    def get_number_of_layers(self, classifier: Classifier) -> int:
        return len(classifier.layers)


class LayerSerializer(serializers.Serializer):
    name = serializers.CharField()
    kind = serializers.CharField()
    channels = serializers.IntegerField()
    height = serializers.IntegerField()
    width = serializers.IntegerField()


class RefusalSerializer(serializers.Serializer):
    method = serializers.CharField()
    reason = serializers.CharField()


class ClassifierDetailSerializer(ClassifierSerializer):
    layers = LayerSerializer(many=True, read_only=True, help_text="From the input to the output.")
    refusals = serializers.SerializerMethodField(help_text="Methods that can't explain the model, and why.")
    class_names = serializers.ListField(child=serializers.CharField(), read_only=True)

    class Meta(ClassifierSerializer.Meta):
        fields = [*ClassifierSerializer.Meta.fields, "layers", "refusals", "class_names"]

    @extend_schema_field(RefusalSerializer(many=True))
    def get_refusals(self, classifier: Classifier) -> list[dict[str, str]]:
        reasons = {each.key: why_not_applicable(classifier, each.key) for each in method_descriptions()}
        return [{"method": key, "reason": reason} for key, reason in reasons.items() if reason]


class ClassifierUploadSerializer(serializers.Serializer):
    """The fields of the upload, for the description: they are checked by the form that the page of imports has."""

    name = serializers.CharField(max_length=100)
    library = serializers.ChoiceField(Classifier.Library.choices, required=False)
    architecture = serializers.CharField(max_length=120, help_text="As the library spells it: resnet50.")
    weights = serializers.FileField(
        help_text="safetensors, or a state dict saved as .pt, .pth or .bin; whole pickled modules are refused."
    )
    class_names = serializers.FileField(
        required=False, help_text="One name a line, or a JSON list, in the order of the model's outputs."
    )
    mean = serializers.CharField(required=False, help_text="Three numbers: 0.485, 0.456, 0.406.")
    std = serializers.CharField(required=False, help_text="Three numbers: 0.229, 0.224, 0.225.")
    size = serializers.IntegerField(required=False, help_text="Input size in pixels a side.")
    interpolation = serializers.ChoiceField(["bilinear", "bicubic"], required=False)


class DatasetSerializer(serializers.ModelSerializer):
    number_of_classes = serializers.SerializerMethodField()
    number_of_problems = serializers.SerializerMethodField()

    class Meta:
        model = Dataset
        fields = [
            "id", "name", "format", "fingerprint", "number_of_images", "ground_truth", "number_of_classes",
            "number_of_problems", "registered_at",
        ]  # fmt: skip

    def get_number_of_classes(self, dataset: Dataset) -> int:
        return len(dataset.classes)

    def get_number_of_problems(self, dataset: Dataset) -> int:
        return len(dataset.problems)


class DatasetDetailSerializer(DatasetSerializer):
    classes = serializers.DictField(
        child=serializers.IntegerField(), read_only=True, help_text="Images per label."
    )
    problems = serializers.ListField(child=serializers.DictField(), read_only=True)
    path = serializers.SerializerMethodField(help_text="For administrators; null for others.")

    class Meta(DatasetSerializer.Meta):
        fields = [*DatasetSerializer.Meta.fields, "classes", "problems", "path"]

    @extend_schema_field(serializers.CharField(allow_null=True))
    def get_path(self, dataset: Dataset) -> str | None:
        return dataset.path if self.context["request"].user.is_staff else None


class WorkerSerializer(serializers.ModelSerializer):
    class Meta:
        model = WorkerNode
        fields = ["name", "kind", "device", "versions", "started_at", "heartbeat_at", "activity"]
