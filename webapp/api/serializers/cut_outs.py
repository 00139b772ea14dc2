"""Cut-outs of a map."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from webapp.studio.cut_outs import BLACK, RESTS

MOST_SHARES = 100


class ShareField(serializers.FloatField):
    def __init__(self, **options: Any) -> None:
        super().__init__(
            min_value=0,
            max_value=100,
            help_text="Of the pixels, those with the highest values, in %.",
            **options,
        )


class CutOutRequestSerializer(serializers.Serializer[Any]):
    share = ShareField(default=25)
    rest = serializers.ChoiceField(RESTS, default=BLACK, help_text="What becomes of the other pixels.")


class SharesSerializer(serializers.Serializer[Any]):
    share = serializers.ListField(child=ShareField(), min_length=1, max_length=MOST_SHARES)


class CutOutSerializer(serializers.Serializer[Any]):
    """Agreement with the object: null where the data set has no mask of it."""

    share = serializers.FloatField()
    pixels = serializers.IntegerField()
    probability = serializers.FloatField(
        allow_null=True, help_text="Of the class, for the cut-out on black; null where it was not measured."
    )
    iou = serializers.FloatField(allow_null=True)
    precision = serializers.FloatField(allow_null=True)
    recall = serializers.FloatField(allow_null=True)


class CutOutsSerializer(serializers.Serializer[Any]):
    object_known = serializers.BooleanField(help_text="Whether the data set has a mask of the object.")
    object_label = serializers.CharField(
        allow_null=True, help_text="Its class in the data set; empty for an object of any class."
    )
    cut_outs = CutOutSerializer(many=True)
