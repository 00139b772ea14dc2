"""Addresses of models and data sets."""

from django.urls import include, path

from webapp.library import classifier_views

app_name = "library"

urlpatterns = [
    path("models/", classifier_views.classifiers, name="classifiers"),
    path("models/import/", classifier_views.import_classifier, name="import_classifier"),
    path("models/architectures/", classifier_views.architectures, name="architectures"),
    path("models/<int:pk>/", classifier_views.classifier, name="classifier"),
    path("models/<int:pk>/fetch/", classifier_views.prepare_classifier, name="prepare_classifier"),
    path("models/<int:pk>/cancel/", classifier_views.cancel_preparation, name="cancel_preparation"),
    path("models/<int:pk>/look-again/", classifier_views.look_again, name="look_again"),
    path("models/<int:pk>/edit/", classifier_views.change_classifier, name="change_classifier"),
    path(
        "models/<int:pk>/preprocessing/", classifier_views.change_preprocessing, name="change_preprocessing"
    ),
    path("models/<int:pk>/delete/", classifier_views.delete_classifier, name="delete_classifier"),
    path("data-sets/", include("webapp.library.dataset_urls")),
]
