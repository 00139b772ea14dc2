"""Maps."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.reverse import reverse

from saliency_core.errors import SaliscopeError
from webapp.api.serializers.benchmarks import MethodRequestSerializer
from webapp.benchmarks.image_table import PAGE_SIZE
from webapp.library.models import Classifier, Dataset
from webapp.library.selectors import classifiers_for, datasets_for
from webapp.studio.asking import MOST_MAPS
from webapp.studio.models import Explanation, Picture, Prediction
from webapp.studio.sources import Source, class_names_of, opened


class ExplanationRequestSerializer(serializers.Serializer):
    images = serializers.ListField(
        child=serializers.CharField(max_length=500),
        min_length=1,
        max_length=PAGE_SIZE,
        help_text="Identifiers of measured images, as the CSV names them.",
    )
    method = serializers.IntegerField(
        min_value=0, max_value=1000, default=0, help_text="Its place in the benchmark's list, from 0."
    )
    experiment = serializers.IntegerField(
        min_value=0,
        max_value=1000,
        default=0,
        help_text="Its place: experiments may explain different classes and show images to the model differently.",
    )


class ImageRequestSerializer(serializers.Serializer):
    """A model and an image: one of a data set, or a picture of one's own."""

    classifier = serializers.PrimaryKeyRelatedField(queryset=Classifier.objects.none())
    dataset = serializers.PrimaryKeyRelatedField(queryset=Dataset.objects.none(), required=False)
    image = serializers.CharField(
        max_length=500, required=False, help_text="Its identifier within the data set."
    )
    picture = serializers.PrimaryKeyRelatedField(
        queryset=Picture.objects.none(), required=False, help_text="Instead of a data set and an image."
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        user = getattr(self.context.get("request"), "user", None)
        if user is not None:
            self.fields["classifier"].queryset = classifiers_for(user)
            self.fields["dataset"].queryset = datasets_for(user)
            self.fields["picture"].queryset = Picture.objects.visible_to(user)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Adds `source`."""
        dataset, image, picture = (attrs.get(name) for name in ("dataset", "image", "picture"))
        if (picture is None) == (dataset is None or not image):
            raise serializers.ValidationError("Name either a data set and an image in it, or a picture.")
        if picture is None:
            try:
                opened(dataset).index_of(image)
            except (SaliscopeError, OSError) as problem:
                raise serializers.ValidationError({"image": [str(problem)]}) from None
        attrs["source"] = Source(None, "", picture) if picture else Source(dataset, image)
        return attrs


class MapsRequestSerializer(ImageRequestSerializer):
    target = serializers.IntegerField(
        min_value=0, max_value=2**31 - 1, help_text="Index of the explained class."
    )
    methods = MethodRequestSerializer(many=True, allow_empty=False, max_length=MOST_MAPS)


class PinSerializer(serializers.Serializer):
    pinned = serializers.BooleanField()


class PictureSerializer(serializers.ModelSerializer):
    url = serializers.HyperlinkedIdentityField(view_name="api:picture")

    class Meta:
        model = Picture
        fields = ["id", "url", "name", "width", "height", "digest", "created"]


class PictureUploadSerializer(serializers.Serializer):
    file = serializers.FileField(help_text="JPEG, PNG or WebP; only its pixels are kept.")


class FoundClassSerializer(serializers.Serializer):
    index = serializers.IntegerField()
    name = serializers.CharField()
    probability = serializers.FloatField()


class PredictionSerializer(serializers.ModelSerializer):
    url = serializers.HyperlinkedIdentityField(view_name="api:prediction")
    classes = serializers.SerializerMethodField(
        help_text="The most probable ones, best first; empty until the state is “ready”."
    )

    class Meta:
        model = Prediction
        fields = [
            "id", "url", "state", "problem", "classifier", "dataset", "picture", "image", "classes", "created",
        ]  # fmt: skip

    @extend_schema_field(FoundClassSerializer(many=True))
    def get_classes(self, prediction: Prediction) -> list[dict[str, Any]]:
        names = class_names_of(prediction.classifier)
        return [
            {"index": index, "name": names[index], "probability": probability}
            for index, probability in prediction.classes
        ]


class ExplanationFilesSerializer(serializers.Serializer):
    overlay = serializers.URLField(help_text="The image with the map laid over it, WebP.")
    map = serializers.URLField(help_text="The raw map, float32 H × W, NPY.")
    curves = serializers.URLField(help_text="Insertion and deletion of this image, CSV.")


class ExplanationSerializer(serializers.ModelSerializer):
    url = serializers.HyperlinkedIdentityField(view_name="api:explanation")
    page = serializers.HyperlinkedIdentityField(
        view_name="studio:map", help_text="Where to see it in the browser."
    )
    scores = serializers.SerializerMethodField(
        help_text="insertion_auc, deletion_auc and overall of this image; null until measured. The rules are those of "
        "thesis@1 where the image is squashed to 224 pixels, else the nearest (the map's page names them)."
    )
    files = serializers.SerializerMethodField(help_text="Once the state is “ready”; null before.")

    class Meta:
        model = Explanation
        fields = [
            "id", "url", "page", "state", "problem", "classifier", "dataset", "picture", "image", "method",
            "parameters", "enhancement", "target", "degenerate", "seconds", "curves_state", "scores", "pinned",
            "created", "files",
        ]  # fmt: skip

    @extend_schema_field(serializers.DictField(child=serializers.FloatField(), allow_null=True))
    def get_scores(self, explanation: Explanation) -> dict[str, float] | None:
        names = ("insertion_auc", "deletion_auc", "overall")
        return {name: explanation.curves[name] for name in names} if explanation.curves else None

    @extend_schema_field(ExplanationFilesSerializer(allow_null=True))
    def get_files(self, explanation: Explanation) -> dict[str, Any] | None:
        if explanation.state != Explanation.State.READY:
            return None
        names = {
            "overlay": "api:explanation_overlay",
            "map": "api:explanation_map",
            "curves": "api:explanation_curves",
        }
        return {
            name: reverse(route, kwargs={"pk": explanation.pk}, request=self.context["request"])
            for name, route in names.items()
        }
