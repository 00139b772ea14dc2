"""The application's settings, with static files as they are: a list of fingerprints is made by an installation."""

from webapp.settings import *  # noqa: F403
from webapp.settings import STORAGES

STORAGES = {
    **STORAGES,
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
