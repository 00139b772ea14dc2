"""Addresses of backups."""

from django.urls import path

from webapp.backups import views

app_name = "backups"

urlpatterns = [
    path("account/backup/", views.backups, name="backups"),
    path("account/backup/restore/", views.restore, name="restore"),
    path("account/backup/<int:pk>/cancel/", views.cancel, name="cancel"),
    path("account/backup/<int:pk>/delete/", views.delete, name="delete"),
    path("account/backup/<int:pk>/saliscope-backup.zip", views.download, name="download"),
]
