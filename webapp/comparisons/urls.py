"""Addresses of comparisons. They come before those of benchmarks."""

from django.urls import path

from webapp.comparisons import views

app_name = "comparisons"

urlpatterns = [
    path("benchmarks/compare/", views.compare, name="compare"),
    path("benchmarks/compare/maps/", views.maps, name="maps"),
    path("benchmarks/compare/<slug:name>.<slug:ending>", views.download, name="download"),
]
