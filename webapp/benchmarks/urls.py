"""Addresses of benchmarks and workers."""

from django.urls import path

from webapp.benchmarks.views import detail, downloads, keeping, list_actions, lists, new, results, workers

app_name = "benchmarks"

urlpatterns = [
    path("benchmarks/", lists.benchmark_list, name="list"),
    path("benchmarks/deleted/", lists.deleted, name="deleted"),
    path("benchmarks/selected/", list_actions.selected, name="selected"),
    path("benchmarks/restore/", list_actions.restore, name="restore"),
    path("benchmarks/views/", list_actions.keep_view, name="save_view"),
    path("benchmarks/views/<int:pk>/rename/", list_actions.rename_saved_view, name="rename_view"),
    path("benchmarks/views/<int:pk>/delete/", list_actions.delete_saved_view, name="delete_view"),
    path("benchmarks/new/", new.new, name="new"),
    path("benchmarks/new/expected-time/", new.expected_time, name="expected_time"),
    path("benchmarks/<int:pk>/", detail.detail, name="detail"),
    path("benchmarks/<int:pk>/live/", detail.live_parts, name="live_parts"),
    path("benchmarks/<int:pk>/cancel/", detail.cancel, name="cancel"),
    path("benchmarks/<int:pk>/pause/", detail.pause, name="pause"),
    path("benchmarks/<int:pk>/resume/", detail.resume, name="resume"),
    path("benchmarks/<int:pk>/pin/", list_actions.pin, name="pin"),
    path("benchmarks/<int:pk>/label/", keeping.label, name="label"),
    path("benchmarks/<int:pk>/priority/", keeping.priority, name="priority"),
    path("benchmarks/<int:pk>/share/", keeping.share, name="share"),
    path("benchmarks/<int:pk>/share/<int:user_pk>/withdraw/", keeping.withdraw, name="withdraw"),
    path("benchmarks/<int:pk>/rerun/", keeping.rerun, name="rerun"),
    path("benchmarks/<int:pk>/clone/", keeping.clone, name="clone"),
    path("benchmarks/<int:pk>/delete/", keeping.delete, name="delete"),
    path("benchmarks/<int:pk>/images/", results.images, name="images"),
    path("benchmarks/<int:pk>/classes/", results.classes, name="classes"),
    path("benchmarks/<int:pk>/maps/", results.maps, name="maps"),
    path("benchmarks/<int:pk>/images.csv", downloads.images_csv, name="images_csv"),
    path("benchmarks/<int:pk>/tables/<slug:name>.csv", downloads.table, name="table"),
    path("benchmarks/<int:pk>/tables.tex", downloads.latex, name="latex"),
    path("benchmarks/<int:pk>/results.json", downloads.json_document, name="json"),
    path("benchmarks/<int:pk>/archive/", downloads.make_archive, name="make_archive"),
    path("benchmarks/<int:pk>/archive/cancel/", downloads.cancel_archive, name="cancel_archive"),
    path("benchmarks/<int:pk>/everything.zip", downloads.archive, name="archive"),
    path("benchmarks/<int:pk>/report.txt", downloads.report, name="report"),
    path("workers/", workers.workers, name="workers"),
    path("workers/live/", workers.workers_live, name="workers_live"),
    path("workers/<int:pk>/mode/", workers.worker_mode, name="worker_mode"),
]
