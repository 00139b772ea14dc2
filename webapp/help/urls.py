"""Addresses of the help pages. Everybody may read them: they hold no data."""

from django.urls import path

from webapp.help import views

app_name = "help"

urlpatterns = [
    path("help/", views.index, name="index"),
    path("help/methods/<slug:key>/", views.method, name="method"),
    path("help/experiments/<slug:key>/", views.experiment, name="experiment"),
    path("help/glossary/", views.glossary, name="glossary"),
    path("help/keyboard/", views.keyboard, name="keyboard"),
]
