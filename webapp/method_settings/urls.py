"""Addresses of method settings; all below a model's."""

from django.urls import path

from webapp.method_settings import actions, views

app_name = "method_settings"

urlpatterns = [
    path("models/<int:pk>/settings/", views.overview, name="overview"),
    path("models/<int:pk>/settings/reset/", actions.reset_all, name="reset_all"),
    path("models/<int:pk>/settings/copy/", actions.copy, name="copy"),
    path("models/<int:pk>/settings/<slug:method>/", views.method, name="method"),
    path("models/<int:pk>/settings/<slug:method>/reset/", actions.reset, name="reset"),
    path("models/<int:pk>/settings/<slug:method>/preview/", views.preview, name="preview"),
]
