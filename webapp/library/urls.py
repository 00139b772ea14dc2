"""Addresses of models and data sets."""

from django.urls import include, path

from webapp.library import views

app_name = "library"

urlpatterns = [
    path("models/", views.classifiers, name="classifiers"),
    path("models/import/", views.import_classifier, name="import_classifier"),
    path("models/<int:pk>/", views.classifier, name="classifier"),
    path("models/<int:pk>/state/", views.classifier_state, name="classifier_state"),
    path("models/<int:pk>/fetch/", views.prepare_classifier, name="prepare_classifier"),
    path("models/<int:pk>/delete/", views.delete_classifier, name="delete_classifier"),
    path("data-sets/", include("webapp.library.dataset_urls")),
]
