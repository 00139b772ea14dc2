"""The shape of what `webapp.api.descriptions` makes."""

from __future__ import annotations

from rest_framework import serializers


class ParameterSerializer(serializers.Serializer):
    name = serializers.CharField()
    kind = serializers.ChoiceField(["integer", "number", "boolean", "choice", "layer", "integers"])
    default = serializers.JSONField(help_text="null for a layer: the model's default layer.")
    title = serializers.CharField()
    help = serializers.CharField()
    minimum = serializers.FloatField(allow_null=True)
    maximum = serializers.FloatField(allow_null=True)
    choices = serializers.ListField(child=serializers.CharField())
    unit = serializers.CharField()
    source = serializers.CharField(help_text="Where the default comes from.")


class CostSerializer(serializers.Serializer):
    """Passes of one image through the network, with the default parameters."""

    forwards = serializers.FloatField()
    backwards = serializers.FloatField()
    forward_equivalents = serializers.FloatField(help_text="A backward pass counts as two forward passes.")


class MethodSerializer(serializers.Serializer):
    key = serializers.CharField()
    title = serializers.CharField()
    family = serializers.CharField()
    summary = serializers.CharField()
    paper = serializers.CharField()
    needs = serializers.ListField(
        child=serializers.CharField(), help_text="What a model must have for the method."
    )
    parameters = ParameterSerializer(many=True)
    presets = serializers.DictField(
        help_text="Named settings: name → values of all parameters but the layer."
    )
    cost = CostSerializer()


class EnhancementSerializer(serializers.Serializer):
    key = serializers.CharField()
    title = serializers.CharField()
    summary = serializers.CharField()
    paper = serializers.CharField()
    parameters = ParameterSerializer(many=True)


class FigureSerializer(serializers.Serializer):
    key = serializers.CharField()
    title = serializers.CharField()
    unit = serializers.CharField(help_text="“percent”: values are fractions of 1.")
    better = serializers.ChoiceField(["higher", "lower", ""])
    summary = serializers.CharField()


class ExperimentSerializer(serializers.Serializer):
    key = serializers.CharField()
    title = serializers.CharField()
    summary = serializers.CharField()
    default_protocol = serializers.CharField()
    protocols = serializers.ListField(
        child=serializers.DictField(), help_text="Everything that two comparable figures have in common."
    )
    figures = FigureSerializer(many=True)
