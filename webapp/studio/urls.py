"""Addresses of maps."""

from django.urls import path

from webapp.studio import views

app_name = "studio"

urlpatterns = [path("maps/<int:pk>/overlay.webp", views.overlay, name="overlay")]
