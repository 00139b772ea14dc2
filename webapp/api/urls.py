"""Addresses of the REST API, version 1."""

from django.urls import path

from webapp.api.views import (
    benchmarks,
    datasets,
    descriptions,
    documentation,
    library,
    method_settings,
    studio,
    studio_images,
)

app_name = "api"

urlpatterns = [
    path("schema", documentation.Schema.as_view(), name="schema"),
    path("docs", documentation.docs, name="docs"),
    path("me", library.Me.as_view(), name="me"),
    path("methods", descriptions.Methods.as_view(), name="methods"),
    path("methods/<slug:key>", descriptions.Method.as_view(), name="method"),
    path("enhancement", descriptions.Enhancement.as_view(), name="enhancement"),
    path("experiments", descriptions.Experiments.as_view(), name="experiments"),
    path("experiments/<slug:key>", descriptions.Experiment.as_view(), name="experiment"),
    path("classifiers", library.Classifiers.as_view(), name="classifiers"),
    path("classifiers/<int:pk>", library.ClassifierDetail.as_view(), name="classifier"),
    path("classifiers/<int:pk>/prepare", library.PrepareClassifier.as_view(), name="prepare_classifier"),
    path(
        "classifiers/<int:pk>/compatibility",
        library.ClassifierCompatibility.as_view(),
        name="classifier_compatibility",
    ),
    path("architectures", library.Architectures.as_view(), name="architectures"),
    path("datasets", datasets.Datasets.as_view(), name="datasets"),
    path("datasets/<int:pk>", datasets.DatasetDetail.as_view(), name="dataset"),
    path("datasets/<int:pk>/images", datasets.DatasetImages.as_view(), name="dataset_images"),
    path(
        "datasets/<int:pk>/images/<int:index>/image.webp",
        datasets.DatasetImageFile.as_view(),
        name="dataset_image_file",
    ),
    path(
        "datasets/<int:pk>/images/<int:index>/masks.png",
        datasets.DatasetMasksFile.as_view(),
        name="dataset_masks_file",
    ),
    path(
        "classifiers/<int:pk>/settings",
        method_settings.ClassifierSettings.as_view(),
        name="classifier_settings",
    ),
    path(
        "classifiers/<int:pk>/settings/<slug:method>",
        method_settings.MethodSettingsDetail.as_view(),
        name="method_settings",
    ),
    path("benchmarks", benchmarks.Benchmarks.as_view(), name="benchmarks"),
    path("benchmarks/estimate", benchmarks.Estimate.as_view(), name="estimate"),
    path("benchmarks/<int:pk>", benchmarks.BenchmarkDetail.as_view(), name="benchmark"),
    path("benchmarks/<int:pk>/cancel", benchmarks.CancelBenchmark.as_view(), name="cancel_benchmark"),
    path("benchmarks/<int:pk>/resume", benchmarks.ResumeBenchmark.as_view(), name="resume_benchmark"),
    path("benchmarks/<int:pk>/images.csv", benchmarks.ImagesCsv.as_view(), name="benchmark_images_csv"),
    path("benchmarks/<int:pk>/report.txt", benchmarks.Report.as_view(), name="benchmark_report"),
    path("benchmarks/<int:pk>/results.json", benchmarks.Results.as_view(), name="benchmark_results"),
    path("benchmarks/<int:pk>/events", benchmarks.Events.as_view(), name="benchmark_events"),
    path(
        "benchmarks/<int:pk>/explanations",
        studio.BenchmarkExplanations.as_view(),
        name="benchmark_explanations",
    ),
    path("workers", library.Workers.as_view(), name="workers"),
    path("explanations", studio.Explanations.as_view(), name="explanations"),
    path("explanations/<int:pk>", studio.ExplanationDetail.as_view(), name="explanation"),
    path("explanations/<int:pk>/cancel", studio.CancelExplanation.as_view(), name="cancel_explanation"),
    path("explanations/<int:pk>/retry", studio.RetryExplanation.as_view(), name="retry_explanation"),
    path("explanations/<int:pk>/curves.csv", studio.CurvesCsv.as_view(), name="explanation_curves"),
    path("pictures", studio_images.Pictures.as_view(), name="pictures"),
    path("pictures/<int:pk>", studio_images.PictureDetail.as_view(), name="picture"),
    path("predictions", studio_images.Predictions.as_view(), name="predictions"),
    path("predictions/<int:pk>", studio_images.PredictionDetail.as_view(), name="prediction"),
    path("explanations/<int:pk>/overlay.webp", studio.Overlay.as_view(), name="explanation_overlay"),
    path("explanations/<int:pk>/map.npy", studio.RawMap.as_view(), name="explanation_map"),
    path("<path:rest>", documentation.Nothing.as_view(), name="nothing"),
]
