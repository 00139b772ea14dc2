"""Queueing: what is frozen, what is refused, what is expected."""

from __future__ import annotations

import pytest
from django.core.exceptions import ValidationError
from django.db import OperationalError

from tests.web import factories
from webapp.benchmarks import transitions
from webapp.benchmarks.class_mappings import builtin_mapping, fitting_mappings, typed_mapping
from webapp.benchmarks.estimates import estimate_benchmark, forwards_per_image
from webapp.benchmarks.models import Benchmark, Shard
from webapp.benchmarks.progress import progress_of
from webapp.benchmarks.services import create_benchmark
from webapp.benchmarks.specification import specification_sha256
from webapp.common.database import now_plus
from webapp.library.models import Classifier, ForwardRate
from workers import planning
from workers.claiming import claim_shard
from workers.planning import images_per_shard, plan_queued_benchmarks

pytestmark = pytest.mark.django_db
DEVICE = "Test processor"


def measured(rate: float, **fields: object) -> Classifier:
    classifier = factories.classifier(**fields)
    ForwardRate.objects.create(classifier=classifier, device=DEVICE, images_per_second=rate)
    return classifier


def test_specification_writes_out_every_default() -> None:
    benchmark = factories.queued_benchmark(images=7)
    specification = benchmark.specification
    assert specification["methods"] == [
        {"key": "grad_cam", "parameters": {"layer": "features.29"}, "enhancement": None}
    ]
    assert specification["experiments"] == [{"key": "insertion_deletion", "protocol": "thesis@1"}]
    assert specification["subset"] == {"count": 7, "seed": 0}
    assert specification["classifier"]["preprocessing"]["pipeline"] == "squash"
    assert specification["classifier"]["preprocessing"]["size"] == 224
    assert specification["classifier"]["weights_sha256"] == "ab" * 32
    assert specification["dataset"]["fingerprint"] == "cd" * 32


def test_sha256_of_a_specification_ignores_the_order_of_keys_only() -> None:
    assert specification_sha256({"a": 1, "b": [1, 2]}) == specification_sha256({"b": [1, 2], "a": 1})
    assert specification_sha256({"a": 1, "b": [1, 2]}) != specification_sha256({"a": 1, "b": [2, 1]})


@pytest.mark.parametrize("images", [0, 101, -1])
def test_number_of_images_outside_the_data_set_is_refused(images: int) -> None:
    with pytest.raises(ValidationError) as refused:
        factories.queued_benchmark(images=images)
    assert "between 1 and 100" in refused.value.message_dict["number_of_images"][0]
    assert not Benchmark.objects.exists()


def test_layer_that_does_not_exist_is_refused() -> None:
    with pytest.raises(ValidationError) as refused:
        factories.queued_benchmark(parameters={"layer": "features.99"})
    assert "features.99" in refused.value.message_dict["methods.0.parameters.layer"][0]


def test_parameter_that_does_not_exist_is_refused() -> None:
    with pytest.raises(ValidationError, match="no parameter 'depth'"):
        factories.queued_benchmark(parameters={"depth": 3})


def test_grad_cam_of_a_transformer_is_refused_with_the_reason() -> None:
    with pytest.raises(ValidationError) as refused:
        factories.queued_benchmark(classifier=factories.classifier(family="vit"))
    assert "is a transformer" in refused.value.message_dict["methods.0.key"][0]


def refusal(**fields: object) -> dict[str, list[str]]:
    """What a benchmark with these fields is refused for, by place."""
    with pytest.raises(ValidationError) as refused:
        factories.queued_benchmark(**fields)
    assert not Benchmark.objects.exists()
    return refused.value.message_dict


def experiment(full_name: str) -> dict[str, str]:
    key, _slash, protocol = full_name.partition("/")
    return {"key": key, "protocol": protocol}


def test_several_methods_and_experiments_keep_their_order() -> None:
    methods = [
        {"key": "rise", "parameters": {"masks": 7}},
        {"key": "grad_cam", "parameters": {}, "enhancement": {"stride": 64}},
        {"key": "grad_cam"},
    ]
    experiments = [experiment("sparsity/gini@1"), experiment("insertion_deletion/group-cam@1")]
    specification = factories.queued_benchmark(methods=methods, experiments=experiments).specification
    assert [method["key"] for method in specification["methods"]] == ["rise", "grad_cam", "grad_cam"]
    assert specification["methods"][0]["parameters"]["masks"] == 7
    assert [method["enhancement"] is None for method in specification["methods"]] == [True, False, True]
    assert specification["methods"][1]["enhancement"]["stride"] == 64
    assert specification["experiments"] == experiments
    assert specification["classifier"]["preprocessing"]["pipeline"] == "squash"


def test_a_specification_without_the_new_parts_has_the_sha256_it_always_had() -> None:
    classifier = factories.classifier(pk=7, name="VGG16")
    dataset = factories.dataset(pk=3, name="Photographs")
    plain = factories.queued_benchmark(classifier=classifier, dataset=dataset).specification
    assert specification_sha256(plain) == "b9f7f462507235ba1ff72f72b13fe51b35a2ae0c9754922a8aaa493c76af4e4e"
    assert "class_mapping" not in plain
    assert plain["subset"] == {"count": 10, "seed": 0}


def test_a_class_mapping_and_shares_of_the_classes_are_written_down_where_they_are_given() -> None:
    dataset = factories.dataset(ground_truth=["label"], classes={"cat": 60, "dog": 40})
    named = factories.queued_benchmark(dataset=dataset, class_mapping={"cat": ("tabby",)}, stratified=True)
    assert named.specification["class_mapping"] == {"cat": ["tabby"]}
    assert named.specification["subset"] == {"count": 10, "seed": 0, "stratified": True}


def test_what_is_empty_is_refused() -> None:
    dataset, classifier = factories.dataset(), factories.classifier()
    with pytest.raises(ValidationError) as refused:
        create_benchmark(
            owner=factories.member(),
            classifier=classifier,
            dataset=dataset,
            number_of_images=0,
            methods=[],
            experiments=[],
        )
    assert refused.value.message_dict == {
        "number_of_images": [f"Choose between 1 and 100 images: that is what {dataset.name} has."],
        "methods": ["Add at least one method."],
        "experiments": ["Choose at least one experiment."],
    }


def test_too_much_is_refused() -> None:
    methods = [{"key": "rise", "parameters": {"seed": seed}} for seed in range(41)]
    assert refusal(methods=methods) == {
        "methods": ["A benchmark takes at most 40 methods, variants with enhancement included; these are 41."]
    }
    assert refusal(experiments=[experiment("sparsity/gini@1")] * 13) == {
        "experiments": ["A benchmark takes at most 12 experiments; these are 13."]
    }


def test_what_is_there_twice_is_refused() -> None:
    twice = [
        {"key": "grad_cam", "parameters": {"layer": "features.29"}},
        {"key": "rise"},
        {"key": "grad_cam"},
    ]
    assert refusal(methods=twice) == {
        "methods.2.key": ["Grad-CAM is there twice with the same settings: remove one or change it."]
    }
    enhanced = [{"key": "rise", "enhancement": {}}, {"key": "rise", "enhancement": {"window": 96}}]
    assert refusal(methods=enhanced) == {
        "methods.1.key": [
            "RISE + enhancement is there twice with the same settings: remove one or change it."
        ]
    }
    assert refusal(experiments=[experiment("sparsity/gini@1")] * 2) == {
        "experiments.1": ["Sparsity (gini@1) is there twice: remove one."]
    }


def test_every_wrong_method_is_named_in_its_place() -> None:
    methods = [
        {"key": "grad_cam"},
        {"key": "rice"},
        {"key": "raw_attention"},
        {"key": "rise", "parameters": {"masks": 0}},
    ]
    found = refusal(methods=methods, classifier=factories.classifier(name="VGG16"))
    assert list(found) == ["methods.1.key", "methods.2.key", "methods.3.parameters.masks"]
    assert found["methods.1.key"][0].startswith("There is no method 'rice'")
    assert found["methods.2.key"] == [
        "Raw attention needs the attention of a vision transformer, and VGG16 is a convolutional model. "
        "Choose a vision transformer."
    ]
    assert found["methods.3.parameters.masks"] == ["masks must be at least 1; got 0."]


def test_a_number_beyond_all_bounds_is_refused() -> None:
    found = refusal(methods=[{"key": "rise", "parameters": {"masks": 10**400}}])
    assert found["methods.0.parameters.masks"][0].startswith("masks must be a whole number; got 1000")


def test_an_experiment_without_its_ground_truth_is_refused() -> None:
    dataset = factories.dataset(name="Photographs", ground_truth=["label"])
    asked = [experiment("insertion_deletion/thesis@1"), experiment("pointing_game/thesis@1")]
    assert refusal(dataset=dataset, experiments=asked) == {
        "experiments.1": [
            "Pointing game (thesis@1) needs boxes around objects, which Photographs does not have: choose another "
            "data set or another experiment."
        ]
    }


def test_a_protocol_that_does_not_exist_is_refused() -> None:
    found = refusal(experiments=[experiment("sparsity/gini@2")])
    assert found["experiments.0"][0].startswith("sparsity has no protocol 'gini@2'")


def test_a_transformer_of_another_size_is_refused() -> None:
    classifier = factories.classifier(name="ViT-B/16 384", family="vit")
    classifier.preprocessing["size"] = 384
    found = refusal(classifier=classifier, methods=[{"key": "rise"}])
    assert found == {
        "experiments.0": [
            "Insertion / deletion (thesis@1) is defined at 224 pixels, and ViT-B/16 384 takes images of 384 pixels "
            "only: choose another model or another experiment."
        ]
    }


def test_a_model_with_other_outputs_is_refused_where_probabilities_count() -> None:
    classifier = factories.classifier(name="Tagger")
    classifier.output_activation = "sigmoid"
    asked = [experiment("road/road@1"), experiment("sanity_check/cascading@1")]
    assert refusal(classifier=classifier, experiments=asked) == {
        "experiments.0": [
            "ROAD (road@1) is defined on softmax probabilities, and Tagger has sigmoid outputs: choose another model "
            "or another experiment."
        ]
    }


def test_shares_of_classes_need_labels() -> None:
    dataset = factories.dataset(name="Photographs")
    assert refusal(dataset=dataset, stratified=True) == {
        "stratified": ["Photographs has no labels, so its classes can't have their share: untick this."]
    }


def boxed(**fields: object) -> dict[str, object]:
    """A data set with boxes and a model with three outputs, under an experiment for which their names count."""
    values = {"name": "Pets", "ground_truth": ["boxes"], "classes": {"cat": 5, "dog": 3, "person": 2}}
    classifier = factories.classifier(name="Three", class_names=["tabby cat", "tiger cat", "dog"])
    return {
        "dataset": factories.dataset(**values),
        "classifier": classifier,
        "experiments": [experiment("pointing_game/thesis@1")],
        **fields,
    }


def test_classes_without_an_output_are_refused_where_they_count() -> None:
    asked = boxed()
    assert refusal(**asked) == {
        "class_mapping": [
            "These classes of Pets have no output in Three: cat, person. Choose or give a list of what the model calls "
            "them; an empty class there leaves one out. Outputs with similar names: cat: tabby cat, tiger cat."
        ]
    }
    nothing = {"cat": [], "dog": [], "person": []}
    assert refusal(**asked, class_mapping=nothing) == {
        "class_mapping": ["This list leaves out every class of Pets: nothing would be measured."]
    }
    mapping = {"cat": ["tabby cat", "1"], "person": []}
    queued = factories.queued_benchmark(**asked, class_mapping=mapping)
    assert queued.specification["class_mapping"] == mapping
    # Nobody asks what classes are called where the predicted one is explained.
    factories.queued_benchmark(**asked | {"experiments": [experiment("sparsity/gini@1")]})


def test_a_built_in_mapping_fits_where_every_class_gets_an_output_or_is_left_out() -> None:
    dataset = factories.dataset(classes={"aeroplane": 2, "person": 1})
    ids = factories.classifier(class_names=["airliner", "warplane"])
    ids.description["class_ids"] = ["n02690373", "n04552348"]
    assert fitting_mappings(ids, dataset) == ["voc-to-imagenet"]
    assert builtin_mapping("voc-to-imagenet", dataset) == {
        "aeroplane": ("n02690373", "n04552348"),
        "person": (),
    }
    assert fitting_mappings(factories.classifier(class_names=["airliner", "warplane"]), dataset) == []
    unknown = factories.classifier()
    assert fitting_mappings(unknown, dataset) == ["voc-to-imagenet"]
    assert fitting_mappings(unknown, factories.dataset(classes={"aeroplane": 2, "cupboard": 1})) == []
    assert fitting_mappings(unknown, factories.dataset(format="coco")) == ["coco-to-imagenet"]


def test_a_list_of_classes_is_read_as_csv_or_json() -> None:
    assert typed_mapping("label,class\ncat,n1\ncat,n2\nperson,\n") == {"cat": ("n1", "n2"), "person": ()}
    assert typed_mapping('{"cat": "n1", "person": null}') == {"cat": ("n1",), "person": ()}
    with pytest.raises(ValidationError, match="Begin it with the line label,class"):
        typed_mapping("cat,n1")


def test_queueing_asks_for_weights_that_are_not_here() -> None:
    Classifier.objects.filter(key="vgg16").delete()
    classifier = factories.classifier(key="vgg16", state=Classifier.State.NOT_FETCHED, weights_sha256="")
    factories.queued_benchmark(classifier=classifier)
    classifier.refresh_from_db()
    assert classifier.state == Classifier.State.WAITING


def test_expected_time_is_forwards_over_the_measured_rate() -> None:
    classifier = measured(20.0)
    factories.node(device=DEVICE)
    expected = estimate_benchmark(
        classifier=classifier,
        methods=[{"key": "grad_cam"}],
        experiments=[experiment("insertion_deletion/thesis@1")],
        images=50,
    )
    # 1 to find the class, 1 + 2 for Grad-CAM's forward and backward, 113 + 113 points of which 2 are shared.
    assert expected.forwards_per_image == 228
    assert expected.seconds == pytest.approx(50 * 228 / 20)
    assert (expected.images_per_second, expected.device, expected.workers) == (20.0, DEVICE, 1)


def test_two_workers_halve_the_expected_time_and_none_leaves_it_open() -> None:
    classifier = measured(20.0)
    ask = {
        "classifier": classifier,
        "methods": [{"key": "grad_cam"}],
        "experiments": [experiment("insertion_deletion/thesis@1")],
        "images": 50,
    }
    assert estimate_benchmark(**ask).seconds is None
    factories.node(device=DEVICE)
    factories.node(device=DEVICE)
    assert estimate_benchmark(**ask).seconds == pytest.approx(50 * 228 / 40)


def test_the_enhancement_is_counted_and_older_specifications_have_none() -> None:
    benchmark = factories.queued_benchmark(enhancement={"stride": 64})
    method = benchmark.specification["methods"][0]
    assert method["enhancement"]["window"] == 96
    # As test_expected_time…; 3 × 3 windows, each explained (1 + 2 · 1) and scored once.
    assert forwards_per_image(benchmark.specification) == 228 + 9 * 4
    del method["enhancement"]
    assert forwards_per_image(benchmark.specification) == 228


def test_an_enhancement_out_of_its_bounds_is_refused() -> None:
    with pytest.raises(ValidationError, match="stride must be at least 1"):
        factories.queued_benchmark(enhancement={"stride": 0})


@pytest.mark.parametrize(("seconds", "images"), [(45.0, 1), (5.0, 9), (0.001, 1000), (300.0, 1)])
def test_shards_last_about_45_seconds(seconds: float, images: int) -> None:
    assert images_per_shard(seconds) == images


def test_planning_seals_the_specification_and_cuts_all_images() -> None:
    classifier = measured(228 / 9, state=Classifier.State.READY)  # 9 seconds an image: 5 images a shard
    benchmark = factories.queued_benchmark(images=12, classifier=classifier)
    assert plan_queued_benchmarks(DEVICE) == 1
    benchmark.refresh_from_db()
    assert benchmark.state == Benchmark.State.RUNNING
    assert benchmark.specification_sha256 == specification_sha256(benchmark.specification)
    assert list(benchmark.shards.values_list("start", "stop")) == [(0, 5), (5, 10), (10, 12)]
    assert plan_queued_benchmarks(DEVICE) == 0


def test_a_method_that_costs_more_gets_fewer_images_a_shard() -> None:
    # Sparsity takes no forwards. At 4 a second, 1 + 3 for Grad-CAM are a second an image, 1 + 4000 for RISE a quarter
    # of an hour.
    benchmark = factories.queued_benchmark(
        images=100,
        classifier=measured(4.0),
        methods=[{"key": "grad_cam"}, {"key": "rise"}],
        experiments=[experiment("sparsity/gini@1")],
    )
    assert plan_queued_benchmarks(DEVICE) == 1
    ranges = list(benchmark.shards.values_list("method_index", "start", "stop"))
    assert ranges[:3] == [(0, 0, 45), (0, 45, 90), (0, 90, 100)]
    assert ranges[3:] == [(1, start, start + 1) for start in range(100)]


def test_progress_counts_the_images_of_every_method() -> None:
    benchmark = factories.running_benchmark(
        images=10, per_shard=5, methods=[{"key": "grad_cam"}, {"key": "rise"}, {"key": "cam"}]
    )
    Shard.objects.filter(benchmark=benchmark, method_index__lt=2, start=0).update(state=Shard.State.DONE)
    progress = progress_of(benchmark)
    assert (progress.images_done, progress.images_total) == (10, 30)
    assert (progress.shards_done, progress.shards_total) == (2, 6)


def test_time_left_takes_images_by_what_their_method_costs() -> None:
    benchmark = factories.running_benchmark(
        images=2,
        per_shard=2,
        methods=[{"key": "grad_cam"}, {"key": "rise"}],
        experiments=[experiment("sparsity/gini@1")],
    )
    # Half of the second method's two images, 4,001 forward passes each, took 4,001 seconds.
    Shard.objects.filter(benchmark=benchmark, method_index=1).update(
        state=Shard.State.RUNNING, progress=0.5, claimed_at=now_plus(-4001)
    )
    progress = progress_of(benchmark)
    assert progress.images_per_second == pytest.approx(1 / 4001, rel=0.01)
    assert progress.seconds_left == pytest.approx(4001 + 2 * 4, rel=0.01)


def test_what_only_the_model_itself_tells_fails_a_benchmark_before_its_first_shard() -> None:
    asked = boxed()
    classifier = measured(20.0, name="Later", state=Classifier.State.NOT_FETCHED)
    benchmark = factories.queued_benchmark(**asked | {"classifier": classifier})
    Classifier.objects.filter(pk=classifier.pk).update(
        state=Classifier.State.READY, description=classifier.description | {"class_names": ["cat", "dog"]}
    )
    assert plan_queued_benchmarks(DEVICE) == 1
    benchmark.refresh_from_db()
    assert benchmark.state == Benchmark.State.FAILED
    assert benchmark.problem.startswith("These classes of Pets have no output in Later: person.")
    assert not Shard.objects.exists()


def test_the_expected_time_of_several_methods_is_told_for_each() -> None:
    classifier = measured(20.0)
    factories.node(device=DEVICE)
    expected = estimate_benchmark(
        classifier=classifier,
        methods=[{"key": "grad_cam"}, {"key": "score_cam", "enhancement": {}}],
        experiments=[experiment("insertion_deletion/thesis@1"), experiment("sparsity/gini@1")],
        images=10,
    )
    # Score-CAM of the image and 25 windows, 1 + 512 forwards each, and a score for every window.
    assert [each.forwards_per_image for each in expected.methods] == [228, 225 + 26 * 513 + 25]
    assert [each.factors for each in expected.methods] == [(3,), (26, 513)]
    assert [each.is_expensive for each in expected.methods] == [False, True]
    assert expected.methods[0].seconds == pytest.approx(10 * 228 / 20)
    assert expected.seconds == pytest.approx(10 * (228 + 13588) / 20)
    repeated = estimate_benchmark(
        classifier=classifier,
        methods=[{"key": "score_cam"}],
        experiments=[experiment("sanity_check/cascading@1"), experiment("insertion_deletion/group-cam@1")],
        images=1,
    )
    # One map for each of the two pictures, and one for each of 20 stages.
    assert repeated.methods[0].factors == (22, 513)


def test_planning_waits_for_weights_and_for_a_measured_rate() -> None:
    unfetched = factories.classifier(state=Classifier.State.NOT_FETCHED)
    factories.queued_benchmark(classifier=unfetched)
    factories.queued_benchmark(classifier=factories.classifier())
    assert plan_queued_benchmarks(DEVICE) == 0
    assert not Shard.objects.exists()


def test_a_benchmark_whose_specification_cannot_be_read_keeps_no_other_waiting() -> None:
    named = measured(20.0, class_names=["cat", "dog", "person"])
    broken = factories.queued_benchmark(**boxed(classifier=named))
    sound = factories.queued_benchmark(images=2, classifier=measured(20.0))
    # As an older version restored it from a changed backup.
    specification = broken.specification | {"class_mapping": [["dog", ["pug"]]]}
    Benchmark.objects.filter(pk=broken.pk).update(specification=specification)
    assert plan_queued_benchmarks(DEVICE) == 2
    assert claim_shard(factories.node(device=DEVICE)).benchmark_id == sound.pk
    broken.refresh_from_db()
    assert (broken.state, broken.problem) == (
        "failed",
        "It can't be divided into shards: see the worker's log. Queue a new benchmark in its place.",
    )


def test_what_the_database_refuses_of_a_benchmark_fails_it_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    benchmark = factories.queued_benchmark(images=2, classifier=measured(20.0))
    # Without the images that it is of.
    monkeypatch.setattr(planning, "_cut", lambda row, _: Shard.objects.create(benchmark=row, method_index=0))
    assert plan_queued_benchmarks(DEVICE) == 1
    benchmark.refresh_from_db()
    assert (benchmark.state, benchmark.problem) == ("failed", planning.CANNOT_PLAN)
    assert benchmark.specification_sha256 == ""


def test_a_database_that_is_away_fails_no_benchmark(monkeypatch: pytest.MonkeyPatch) -> None:
    benchmark = factories.queued_benchmark(images=2, classifier=measured(20.0))

    def away(*_: object) -> None:
        raise OperationalError("server closed the connection")

    monkeypatch.setattr(planning, "_sizes", away)
    with pytest.raises(OperationalError):
        plan_queued_benchmarks(DEVICE)
    benchmark.refresh_from_db()
    assert benchmark.state == "queued"


@pytest.mark.parametrize(
    ("count", "subset", "problem"),
    [
        (101, 101, "Choose between 1 and 100 images: that is what Photographs has."),
        (100, 101, "Its number of images is not that of its specification: queue a new benchmark."),
        (101, 100, "Its number of images is not that of its specification: queue a new benchmark."),
    ],
)
def test_more_images_than_there_are_are_not_planned(count: int, subset: int, problem: str) -> None:
    dataset = factories.dataset(name="Photographs", number_of_images=100)
    benchmark = factories.queued_benchmark(images=100, classifier=measured(20.0), dataset=dataset)
    specification = benchmark.specification | {"subset": {"count": subset, "seed": 0}}
    Benchmark.objects.update(number_of_images=count, specification=specification)
    assert plan_queued_benchmarks(DEVICE) == 1
    benchmark.refresh_from_db()
    assert (benchmark.state, benchmark.problem) == ("failed", problem)
    assert not Shard.objects.exists()


def test_images_are_counted_where_they_are_after_a_restoring_without_them() -> None:
    named = factories.dataset(number_of_images=100, fingerprint="", state="failed")
    benchmark = factories.queued_benchmark(images=20, classifier=measured(20.0), dataset=named)
    dataset = {**benchmark.specification["dataset"], "fingerprint": "ef" * 32}
    Benchmark.objects.update(specification=benchmark.specification | {"dataset": dataset})
    factories.dataset(name="Photographs", number_of_images=10, fingerprint="ef" * 32)
    assert plan_queued_benchmarks(DEVICE) == 1
    benchmark.refresh_from_db()
    assert benchmark.problem == "Choose between 1 and 10 images: that is what Photographs has."


def test_planning_after_resume_keeps_the_shards() -> None:
    benchmark = factories.queued_benchmark(images=12, classifier=measured(228 / 9))
    plan_queued_benchmarks(DEVICE)
    before = list(benchmark.shards.values_list("pk", flat=True))
    transitions.cancel(benchmark)
    transitions.resume(benchmark)
    assert plan_queued_benchmarks(DEVICE) == 1
    assert list(benchmark.shards.values_list("pk", flat=True)) == before


def test_the_precision_is_part_of_the_specification() -> None:
    owner = factories.member()
    row, dataset = factories.classifier(), factories.dataset()
    ask = {
        "owner": owner,
        "classifier": row,
        "dataset": dataset,
        "number_of_images": 10,
        "methods": [{"key": "grad_cam"}],
        "experiments": [{"key": "insertion_deletion", "protocol": "thesis@1"}],
    }
    assert create_benchmark(**ask).specification["precision"] == "fp32"
    assert create_benchmark(**ask, precision="fast").specification["precision"] == "fast"
    with pytest.raises(ValidationError, match="one of fp32, fast"):
        create_benchmark(**ask, precision="fp8")
