"""Applications, templates, database, languages and static files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.utils.translation import gettext_lazy as _

from webapp import environment
from webapp.environment import REPOSITORY, env

DEBUG: bool = env.bool("DEBUG", default=False)

STATE_DIR = environment.state_dir()
"""Everything the application writes is below this directory."""
WEIGHTS_DIR = STATE_DIR / "weights"
"""Weights by their SHA-256, and weight files that somebody dropped in."""
UPLOADS_DIR = STATE_DIR / "uploads"
EXPLANATIONS_DIR = STATE_DIR / "explanations"
DATASETS_DIR = STATE_DIR / "datasets"
PIXEL_CACHE_DIR = STATE_DIR / "pixels"  # decoded images at the models' input size; may be deleted at any time
_extra_weights = env.str("SALISCOPE_WEIGHTS_DIR", default="")
WEIGHTS_FOLDERS = (WEIGHTS_DIR, Path(_extra_weights).expanduser()) if _extra_weights else (WEIGHTS_DIR,)
"""Where weight files are looked for, in this order."""
ALLOW_WEIGHTS_DOWNLOAD: bool = env.bool("SALISCOPE_ALLOW_DOWNLOADS", default=True)

DELETED_BENCHMARKS_KEPT_DAYS: int = env.int("SALISCOPE_DELETED_KEPT_DAYS", default=7)
"""So long a deleted benchmark can be brought back."""

INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "channels",
    "axes",
    "django_htmx",
    "rest_framework",
    "django_filters",
    "drf_spectacular",
    "webapp.accounts",
    "webapp.audit",
    "webapp.library",
    "webapp.studio",
    "webapp.benchmarks",
    "webapp.method_settings",
    "webapp.jobs",
    "webapp.backups",
    "webapp.reasons",
    "webapp.comparisons",
    "webapp.api",
]

MIDDLEWARE = [
    "webapp.metrics.middleware.MetricsMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "webapp.security_headers.ContentSecurityPolicyMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "webapp.audit.recording.AuditMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "webapp.error_pages.wrong_method_middleware",
    # Last, as django-axes asks: it turns a locked-out sign-in into its own answer.
    "axes.middleware.AxesMiddleware",
]

ROOT_URLCONF = "webapp.urls"
ASGI_APPLICATION = "webapp.asgi.application"

TEMPLATES: list[dict[str, Any]] = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [REPOSITORY / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.template.context_processors.i18n",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    }
]


def _database() -> dict[str, Any]:
    configuration: dict[str, Any] = env.db_url_config(environment.database_url())
    if configuration["ENGINE"].endswith("sqlite3"):
        configuration["OPTIONS"] = {
            # Writers queue up at BEGIN, where waiting is possible, and not in the middle, where it would fail.
            "transaction_mode": "IMMEDIATE",
            "timeout": 20,
            # NORMAL: a power cut may take the last transactions back, never break the file; work taken back is redone.
            "init_command": "PRAGMA busy_timeout=20000; PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
        }
        # A file, so that the tests' threads and processes meet the same locks as in use.
        configuration["TEST"] = {"NAME": str(STATE_DIR / "tests.sqlite3")}
    else:
        # A server that has gone without a word is noticed within half a minute: the heartbeat that keeps a shard waits.
        patience = {
            "connect_timeout": 5,
            "keepalives_idle": 10,
            "keepalives_interval": 5,
            "keepalives_count": 3,
            "tcp_user_timeout": 20_000,
        }
        configuration["OPTIONS"] = patience | configuration.get("OPTIONS", {})
        # Under ASGI a request has a thread of its own, so there is nothing to keep a connection for, unless said so.
        configuration["CONN_MAX_AGE"] = env.int("DATABASE_CONN_MAX_AGE", default=0)
        configuration["CONN_HEALTH_CHECKS"] = True
    return configuration


DATABASES = {"default": _database()}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

LANGUAGE_CODE = env.str("LANGUAGE_CODE", default="en")
LANGUAGES = [("en", _("English")), ("zh-hans", _("Chinese"))]
LOCALE_PATHS = [REPOSITORY / "locale"]
USE_I18N = True
USE_TZ = True
TIME_ZONE = env.str("TIME_ZONE", default="UTC")

STATIC_URL = "static/"
STATIC_ROOT = STATE_DIR / "static"
METHOD_PICTURES = REPOSITORY / "docs" / "methods" / "pictures"
"""Drawn by tools/method_pages.py: a photograph with each method's maps."""
STATICFILES_DIRS: list[Any] = [REPOSITORY / "static"]
if METHOD_PICTURES.is_dir():
    STATICFILES_DIRS.append(("methods", METHOD_PICTURES))
STATICFILES_FINDERS = [
    "django.contrib.staticfiles.finders.FileSystemFinder",
    "webapp.api.swagger_files.ApplicationsFinder",
    "webapp.plotly_files.PlotlyFinder",
    "webapp.api.swagger_files.SwaggerFinder",
]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
}
WHITENOISE_ALLOW_ALL_ORIGINS = False
MEDIA_ROOT = UPLOADS_DIR

# Bigger uploads go to a file in the state directory at once, which has room for weights where /tmp may not.
FILE_UPLOAD_MAX_MEMORY_SIZE = 2 * 1024**2
FILE_UPLOAD_TEMP_DIR = UPLOADS_DIR
FILE_UPLOAD_PERMISSIONS = 0o640
DATA_UPLOAD_MAX_MEMORY_SIZE = 4 * 1024**2
DATA_UPLOAD_MAX_NUMBER_FIELDS = 2000
DATA_UPLOAD_MAX_NUMBER_FILES = 20
STUDIO_MOST_MAPS_KEPT: int = env.int("SALISCOPE_STUDIO_MOST_MAPS", default=1000)
"""Maps that are kept for one member; the oldest ones that are not pinned make room for new ones."""
MAX_REQUEST_BYTES: int = env.int("SALISCOPE_MAX_UPLOAD_BYTES", default=2 * 1024**3)
"""Longer requests are refused while they arrive, before anything is parsed."""
MAX_FORM_BYTES = 4 * 1024**2
"""Likewise where no large file is brought (webapp.request_limits). The largest of them is a new benchmark's form: a
list of classes has up to 200,000 characters, and it or a file with it comes."""
MODEL_QUOTA_BYTES: int = env.int("SALISCOPE_MODEL_QUOTA_BYTES", default=8 * 1024**3)
"""What the files of all models of a member may take."""

for _folder in (WEIGHTS_DIR, UPLOADS_DIR, STATIC_ROOT):
    _folder.mkdir(exist_ok=True)
