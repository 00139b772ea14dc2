"""All HTTP addresses; every app brings its own."""

from django.contrib import admin
from django.urls import include, path

from webapp.common.admin import sign_in as sign_in_to_admin

urlpatterns = [
    path("healthz", include("webapp.health.urls")),
    path("metrics", include("webapp.metrics.urls")),
    path("admin/login/", sign_in_to_admin, name="admin_sign_in"),
    path("admin/", admin.site.urls),
    path("i18n/", include("django.conf.urls.i18n")),
    path("api/v1/", include("webapp.api.urls")),
    path("", include("webapp.accounts.urls")),
    path("", include("webapp.method_settings.urls")),
    path("", include("webapp.help.urls")),
    path("", include("webapp.library.urls")),
    path("", include("webapp.studio.urls")),
    path("", include("webapp.comparisons.urls")),
    path("", include("webapp.backups.urls")),
    path("", include("webapp.benchmarks.urls")),
    path("", include("webapp.worker_files.urls")),
]

handler400 = "webapp.error_pages.bad_request"
handler403 = "webapp.error_pages.permission_denied"
handler404 = "webapp.error_pages.page_not_found"
handler500 = "webapp.error_pages.server_error"
