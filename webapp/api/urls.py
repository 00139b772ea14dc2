"""Addresses of the REST API, version 1."""

from django.urls import path

from webapp.api.views import account, benchmarks, descriptions, documentation, library, studio

app_name = "api"

urlpatterns = [
    path("schema", documentation.Schema.as_view(), name="schema"),
    path("docs", documentation.docs, name="docs"),
    path("me", account.Me.as_view(), name="me"),
    path("me/tokens", account.Tokens.as_view(), name="tokens"),
    path("me/tokens/<int:pk>", account.TokenDetail.as_view(), name="token"),
    path("methods", descriptions.Methods.as_view(), name="methods"),
    path("methods/<slug:key>", descriptions.Method.as_view(), name="method"),
    path("enhancement", descriptions.Enhancement.as_view(), name="enhancement"),
    path("experiments", descriptions.Experiments.as_view(), name="experiments"),
    path("experiments/<slug:key>", descriptions.Experiment.as_view(), name="experiment"),
    path("classifiers", library.Classifiers.as_view(), name="classifiers"),
    path("classifiers/<int:pk>", library.ClassifierDetail.as_view(), name="classifier"),
    path("classifiers/<int:pk>/prepare", library.PrepareClassifier.as_view(), name="prepare_classifier"),
    path("datasets", library.Datasets.as_view(), name="datasets"),
    path("datasets/<int:pk>", library.DatasetDetail.as_view(), name="dataset"),
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
    path("explanations/<int:pk>/overlay.webp", studio.Overlay.as_view(), name="explanation_overlay"),
    path("explanations/<int:pk>/map.npy", studio.RawMap.as_view(), name="explanation_map"),
    path("<path:rest>", documentation.Nothing.as_view(), name="nothing"),
]
