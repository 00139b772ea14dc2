"""Classifiers and data sets."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from saliency_core.classifiers.preprocessing import INTERPOLATIONS, PIPELINES
from saliency_core.methods.registry import method_descriptions
from webapp.benchmarks.services import why_not_applicable
from webapp.library.models import Classifier, ForwardRate


class ForwardRateSerializer(serializers.ModelSerializer):
    class Meta:
        model = ForwardRate
        fields = ["device", "precision", "images_per_second", "measured_at"]


class ClassifierSerializer(serializers.ModelSerializer):
    is_own = serializers.SerializerMethodField()
    owner = serializers.CharField(
        source="owner.username", default=None, allow_null=True, help_text="Null for the built-in ones."
    )
    number_of_layers = serializers.SerializerMethodField()
    rates = ForwardRateSerializer(many=True, read_only=True)

    class Meta:
        model = Classifier
        fields = [
            "id", "key", "name", "is_own", "owner", "shared_with_lab", "library", "architecture", "family", "state",
            "step", "problem", "bytes_done", "bytes_total", "weights_sha256", "preprocessing", "output_activation",
            "default_layer", "number_of_layers", "rates", "created",
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


class PreprocessingChangeSerializer(serializers.Serializer):
    """How images come to a model; what is left out stays, and null is what is usual for the architecture."""

    mean = serializers.ListField(
        child=serializers.FloatField(),
        required=False,
        allow_null=True,
        help_text="Three numbers, for red, green and blue, on the scale from 0 to 1.",
    )
    std = serializers.ListField(
        child=serializers.FloatField(),
        required=False,
        allow_null=True,
        help_text="Three numbers above 0, on the same scale.",
    )
    size = serializers.IntegerField(
        required=False,
        allow_null=True,
        help_text="Input size in pixels a side; some networks take images of one size only.",
    )
    interpolation = serializers.ChoiceField(INTERPOLATIONS, required=False, allow_null=True)
    pipeline = serializers.ChoiceField(
        PIPELINES, required=False, allow_null=True, help_text="Benchmarks follow their protocol instead."
    )

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        """Refuses names that are none of these: in silence a misspelt one would leave things as they are."""
        given: dict[str, Any] = super().to_internal_value(data)
        unknown = [str(name) for name in data if name not in self.fields]
        if unknown:
            text = _("A preprocessing has no part of this name.")
            raise serializers.ValidationError({name: [text] for name in unknown})
        return given


class ClassifierChangeSerializer(serializers.Serializer):
    """What the owner may change; what is left out stays."""

    name = serializers.CharField(max_length=100, required=False)
    shared_with_lab = serializers.BooleanField(
        required=False, help_text="Every member may use it; only you change it."
    )
    preprocessing = PreprocessingChangeSerializer(required=False)


class MethodApplicabilitySerializer(serializers.Serializer):
    method = serializers.CharField()
    works = serializers.BooleanField()
    reason = serializers.CharField(allow_null=True, help_text="Why it can't explain the model.")


class CompatibilitySerializer(serializers.Serializer):
    """What is known of the model's network, and what a worker found out by trying."""

    state = serializers.ChoiceField(
        ["none", "waiting", "running", "ready", "failed"],
        help_text="Of what is found by trying; layers, facts and methods are known before.",
    )
    problem = serializers.CharField()
    layers = LayerSerializer(many=True)
    methods = MethodApplicabilitySerializer(many=True)
    facts = serializers.DictField(help_text="ReLUs, activations, head, attention: see classifiers.facts.")
    findings = serializers.DictField(
        help_text="Where it is ready: parameters, normalisation, relevance (conservation errors), predictions "
        "(top classes of the sample photographs), batch_difference."
    )


class ArchitectureSerializer(serializers.Serializer):
    library = serializers.CharField()
    name = serializers.CharField()


class ClassifierUploadSerializer(serializers.Serializer):
    """The fields of the upload, for the description: they are checked by the form that the page of imports has."""

    name = serializers.CharField(max_length=100)
    library = serializers.ChoiceField(Classifier.Library.choices, required=False)
    architecture = serializers.CharField(
        max_length=120,
        required=False,
        help_text="As the library spells it: resnet50. Not for ONNX, which brings its own network.",
    )
    weights = serializers.FileField(
        help_text="safetensors, or a state dict saved as .pt, .pth or .bin; whole pickled modules are refused. With "
        "the library onnx one .onnx file that takes a batch of any size and gives logits."
    )
    output_activation = serializers.ChoiceField(Classifier.Activation.choices, required=False)
    class_names = serializers.FileField(
        required=False, help_text="One name a line, or a JSON list, in the order of the model's outputs."
    )
    mean = serializers.CharField(
        required=False,
        help_text="Three numbers: 0.485, 0.456, 0.406; like all of the preprocessing, when left out as the "
        "architecture's published weights want it, ImageNet's where there are none.",
    )
    std = serializers.CharField(required=False, help_text="Three numbers: 0.229, 0.224, 0.225.")
    size = serializers.IntegerField(required=False, help_text="Input size in pixels a side.")
    interpolation = serializers.ChoiceField(["bilinear", "bicubic"], required=False)
    pipeline = serializers.ChoiceField(["squash", "resize_crop"], required=False)
