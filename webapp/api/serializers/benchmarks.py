"""Benchmarks: what is asked for, and what is answered."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.reverse import reverse

from saliency_core.errors import ParameterError
from saliency_core.experiments.base import experiment_description
from webapp.benchmarks.exports import TABLES
from webapp.benchmarks.labels import LONGEST_NAME, LONGEST_TAG, MOST_TAGS
from webapp.benchmarks.methods import title_of
from webapp.benchmarks.models import Benchmark, BenchmarkEvent
from webapp.benchmarks.priorities import PRIORITIES, USUAL_PRIORITY
from webapp.benchmarks.progress import progress_of
from webapp.benchmarks.selectors import environments_of, working_seconds
from webapp.benchmarks.specification import PRECISIONS, USUAL_PRECISION
from webapp.device_labels import LONGEST
from webapp.library.models import Classifier, Dataset
from webapp.library.selectors import classifiers_for, datasets_for
from webapp.method_settings.applying import asked_methods

MOST_ENTRIES = 100
FAILURES_SHOWN = 1000


class MethodRequestSerializer(serializers.Serializer):
    """A method with its parameters; what is left out keeps its default, or with `"settings": "own"` has what the
    member has set for the model. The enhancement is off unless it is given.

    Only the shape is checked here: what the values may be is the service's business.
    """

    key = serializers.CharField()
    parameters = serializers.DictField(default=dict)
    enhancement = serializers.DictField(default=None, allow_null=True)
    settings = serializers.ChoiceField(["defaults", "own"], default="defaults")


class ExperimentRequestSerializer(serializers.Serializer):
    experiment = serializers.CharField(source="key")
    protocol = serializers.CharField(required=False, help_text="The experiment's first one unless given.")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if "protocol" not in attrs:
            try:
                attrs["protocol"] = experiment_description(attrs["key"]).default_protocol.name
            except ParameterError as refused:
                raise serializers.ValidationError(str(refused)) from None
        return attrs


class BenchmarkRequestSerializer(serializers.Serializer):
    classifier = serializers.PrimaryKeyRelatedField(queryset=Classifier.objects.none())
    dataset = serializers.PrimaryKeyRelatedField(queryset=Dataset.objects.none())
    methods = MethodRequestSerializer(many=True, allow_empty=False, max_length=MOST_ENTRIES)
    experiments = ExperimentRequestSerializer(many=True, allow_empty=False, max_length=MOST_ENTRIES)
    number_of_images = serializers.IntegerField(
        min_value=1, max_value=2**31 - 1, required=False, help_text="All of the data set unless given."
    )
    subset_seed = serializers.IntegerField(
        min_value=0, max_value=2**31 - 1, default=0, help_text="The same seed chooses the same images."
    )
    stratified = serializers.BooleanField(default=False, help_text="Every class has its share of the images.")
    class_mapping = serializers.DictField(
        child=serializers.ListField(child=serializers.CharField()),
        default=None,
        allow_null=True,
        help_text="Label → the model's classes, where the data set's own names do not do; [] leaves a label out.",
    )
    precision = serializers.ChoiceField(
        PRECISIONS,
        default=USUAL_PRECISION,
        help_text="Of the scores; fast is 16 bits (float16 on GPUs, bfloat16 on processors, where ViTs stay in "
        "fp32). Maps are always fp32.",
    )
    priority = serializers.ChoiceField(
        PRIORITIES,
        default=USUAL_PRIORITY,
        help_text="A higher one is served first; only administrators give high, and low waits for all others.",
    )
    device_label = serializers.CharField(
        default="",
        allow_blank=True,
        max_length=LONGEST,
        help_text="Only workers with this label take it; empty: any worker.",
    )
    name = serializers.CharField(default="", allow_blank=True, max_length=LONGEST_NAME)
    tags = serializers.ListField(
        child=serializers.CharField(max_length=LONGEST_TAG), default=list, max_length=MOST_TAGS
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        user = getattr(self.context.get("request"), "user", None)
        if user is not None:
            self.fields["classifier"].queryset = classifiers_for(user)
            self.fields["dataset"].queryset = datasets_for(user)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        attrs.setdefault("number_of_images", attrs["dataset"].number_of_images)
        attrs["methods"] = asked_methods(self.context["request"].user, attrs["classifier"], attrs["methods"])
        return attrs


class MethodEstimateSerializer(serializers.Serializer):
    forwards_per_image = serializers.FloatField()
    factors = serializers.ListField(
        child=serializers.IntegerField(), help_text="Of making the maps: maps, windows, forwards for one."
    )
    seconds = serializers.FloatField(allow_null=True)


class EstimateSerializer(serializers.Serializer):
    """What a benchmark would take that has the living workers to itself."""

    images = serializers.IntegerField()
    forwards_per_image = serializers.FloatField(
        help_text="Forward equivalents of all methods: a backward pass counts as two."
    )
    seconds = serializers.FloatField(allow_null=True, help_text="null until a worker has measured the model.")
    images_per_second = serializers.FloatField(allow_null=True)
    device = serializers.CharField(allow_null=True)
    workers = serializers.IntegerField()
    methods = MethodEstimateSerializer(many=True, help_text="One for each method of the request.")


class NamedSerializer(serializers.Serializer):
    id = serializers.IntegerField(source="pk")
    name = serializers.CharField()


class ChosenMethodSerializer(serializers.Serializer):
    key = serializers.CharField()
    title = serializers.CharField()
    parameters = serializers.DictField()
    enhancement = serializers.DictField(allow_null=True)


class ChosenExperimentSerializer(serializers.Serializer):
    experiment = serializers.CharField()
    protocol = serializers.CharField()


class BenchmarkSerializer(serializers.ModelSerializer):
    url = serializers.HyperlinkedIdentityField(view_name="api:benchmark")
    page = serializers.HyperlinkedIdentityField(
        view_name="benchmarks:detail", help_text="Where to see it in the browser."
    )
    classifier = NamedSerializer()
    dataset = NamedSerializer()
    methods = serializers.SerializerMethodField()
    experiments = serializers.SerializerMethodField()
    images_done = serializers.IntegerField(help_text="Of all methods together.")
    images_total = serializers.SerializerMethodField(help_text="Images times methods.")
    figures = serializers.DictField(
        help_text="`entries`: counts and figures of each method under each experiment, as last computed."
    )

    priority = serializers.ChoiceField(PRIORITIES, source="priority_name")
    owner = serializers.CharField(source="owner.username")
    is_own = serializers.SerializerMethodField(help_text="Only one's own can be changed.")
    tags = serializers.SerializerMethodField()
    origin = serializers.IntegerField(source="origin_id", allow_null=True, help_text="What it is a rerun of.")

    class Meta:
        model = Benchmark
        fields = [
            "id", "url", "page", "name", "notes", "tags", "owner", "is_own", "shared_with_lab", "origin",
            "submission", "state", "priority", "device_label", "problem", "classifier", "dataset", "methods",
            "experiments", "number_of_images", "images_done", "images_total", "figures", "created", "started",
            "finished",
        ]  # fmt: skip

    def get_is_own(self, benchmark: Benchmark) -> bool:
        return benchmark.owner_id == self.context["request"].user.pk

    def get_tags(self, benchmark: Benchmark) -> list[str]:
        return [tag.name for tag in benchmark.tags.all()]

    @extend_schema_field(ChosenMethodSerializer(many=True))
    def get_methods(self, benchmark: Benchmark) -> list[dict[str, Any]]:
        return [
            {"enhancement": None, **method, "title": title_of(method)}
            for method in benchmark.specification["methods"]
        ]

    @extend_schema_field(ChosenExperimentSerializer(many=True))
    def get_experiments(self, benchmark: Benchmark) -> list[dict[str, Any]]:
        return [
            {"experiment": each["key"], "protocol": each["protocol"]}
            for each in benchmark.specification["experiments"]
        ]

    def get_images_total(self, benchmark: Benchmark) -> int:
        return benchmark.number_of_images * max(1, len(benchmark.specification["methods"]))


class ProgressSerializer(serializers.Serializer):
    images_done = serializers.IntegerField()
    images_total = serializers.IntegerField()
    shards_done = serializers.IntegerField()
    shards_total = serializers.IntegerField()
    shards_set_aside = serializers.IntegerField()
    workers = serializers.IntegerField()
    images_per_second = serializers.FloatField(allow_null=True)
    seconds_left = serializers.FloatField(allow_null=True)


class FailureSerializer(serializers.Serializer):
    """An image that has no figures; `method` and `experiment` count in the benchmark's lists."""

    method = serializers.IntegerField()
    experiment = serializers.IntegerField()
    index = serializers.IntegerField()
    image = serializers.CharField()
    reason = serializers.CharField()


class FilesSerializer(serializers.Serializer):
    """Where everything that can be taken away is."""

    images_csv = serializers.URLField()
    summary_csv = serializers.URLField()
    classes_csv = serializers.URLField()
    bins_csv = serializers.URLField()
    curves_csv = serializers.URLField()
    latex = serializers.URLField()
    report = serializers.URLField()
    results = serializers.URLField()
    document = serializers.URLField()
    archive = serializers.URLField(help_text="POST has it made.")
    archive_file = serializers.URLField()
    events = serializers.URLField()


class BenchmarkDetailSerializer(BenchmarkSerializer):
    progress = ProgressSerializer(source="found.progress")
    number_of_failures = serializers.IntegerField(source="found.number_of_failures")
    failures = FailureSerializer(
        source="found.failures", many=True, help_text=f"The first {FAILURES_SHOWN}; the CSV has all."
    )
    environments = serializers.ListField(
        child=serializers.DictField(), source="found.environments", help_text="Devices and versions used."
    )
    seconds = serializers.FloatField(
        source="found.seconds", allow_null=True, help_text="From the start to the end, or to now."
    )
    specification = serializers.SerializerMethodField(help_text="Everything that determines the figures.")
    files = serializers.SerializerMethodField()

    class Meta(BenchmarkSerializer.Meta):
        fields = [
            *BenchmarkSerializer.Meta.fields, "progress", "number_of_failures", "failures", "environments", "seconds",
            "specification", "specification_sha256", "files",
        ]  # fmt: skip

    def to_representation(self, benchmark: Benchmark) -> dict[str, Any]:
        summaries = benchmark.summaries.defer("running", "classes").order_by(
            "method_index", "experiment_index"
        )
        rows = list(summaries)
        failures = [
            {"method": row.method_index, "experiment": row.experiment_index, **failure}
            for row in rows
            for failure in row.content["failures"]
        ]
        benchmark.found = {
            "progress": progress_of(benchmark),
            "number_of_failures": sum(row.content["failed"] for row in rows),
            "failures": failures[:FAILURES_SHOWN],
            "environments": environments_of(benchmark),
            "seconds": working_seconds(benchmark),
        }
        return super().to_representation(benchmark)

    @extend_schema_field(serializers.DictField())
    def get_specification(self, benchmark: Benchmark) -> dict[str, Any]:
        return shown_specification(benchmark, self.context["request"].user.is_staff)

    @extend_schema_field(FilesSerializer())
    def get_files(self, benchmark: Benchmark) -> dict[str, str]:
        def address(route: str, **kwargs: str) -> str:
            kwargs = {"pk": benchmark.pk, **kwargs}
            return reverse(f"api:benchmark_{route}", kwargs=kwargs, request=self.context["request"])

        plain = ("images_csv", "latex", "report", "results", "document", "archive", "archive_file", "events")
        return {
            **{name: address(name) for name in plain},
            **{f"{table}_csv": address("table", name=table) for table in TABLES},
        }


def shown_specification(benchmark: Benchmark, to_administrator: bool) -> dict[str, Any]:
    """The specification; where data lie on the server is told to administrators only, as on the pages."""
    specification = dict(benchmark.specification)
    if not to_administrator:
        specification["dataset"] = {
            name: value for name, value in specification["dataset"].items() if name != "path"
        }
    return specification


class EventSerializer(serializers.ModelSerializer):
    payload = serializers.DictField()

    class Meta:
        model = BenchmarkEvent
        fields = ["seq", "kind", "payload", "created"]
