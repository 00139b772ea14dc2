from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class MethodSettingsConfig(AppConfig):
    """Members' own settings of methods. Their rows are the library's (`webapp.library.models.MethodSettings`)."""

    name = "webapp.method_settings"
    verbose_name = _("Method settings")
