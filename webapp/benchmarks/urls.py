"""Addresses of benchmarks and workers."""

from django.urls import path

from webapp.benchmarks.views import detail, downloads, lists, new, results, workers

app_name = "benchmarks"

urlpatterns = [
    path("benchmarks/", lists.benchmark_list, name="list"),
    path("benchmarks/new/", new.new, name="new"),
    path("benchmarks/new/expected-time/", new.expected_time, name="expected_time"),
    path("benchmarks/<int:pk>/", detail.detail, name="detail"),
    path("benchmarks/<int:pk>/live/", detail.live_parts, name="live_parts"),
    path("benchmarks/<int:pk>/cancel/", detail.cancel, name="cancel"),
    path("benchmarks/<int:pk>/resume/", detail.resume, name="resume"),
    path("benchmarks/<int:pk>/images/", results.images, name="images"),
    path("benchmarks/<int:pk>/classes/", results.classes, name="classes"),
    path("benchmarks/<int:pk>/maps/", results.maps, name="maps"),
    path("benchmarks/<int:pk>/images.csv", downloads.images_csv, name="images_csv"),
    path("benchmarks/<int:pk>/tables/<slug:name>.csv", downloads.table, name="table"),
    path("benchmarks/<int:pk>/tables.tex", downloads.latex, name="latex"),
    path("benchmarks/<int:pk>/results.json", downloads.json_document, name="json"),
    path("benchmarks/<int:pk>/everything.zip", downloads.archive, name="archive"),
    path("benchmarks/<int:pk>/report.txt", downloads.report, name="report"),
    path("workers/", workers.workers, name="workers"),
    path("workers/live/", workers.workers_live, name="workers_live"),
    path("workers/<int:pk>/mode/", workers.worker_mode, name="worker_mode"),
]
