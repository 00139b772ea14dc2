from django.apps import AppConfig


class ReasonsConfig(AppConfig):
    name = "webapp.reasons"
