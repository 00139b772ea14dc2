"""Secrets, hosts, cookies, passwords and sign-in limits."""

from __future__ import annotations

from datetime import timedelta

from django.core.management.utils import get_random_secret_key

from webapp.environment import EnvironmentProblem, env, state_dir
from webapp.state_files import read_or_create

SECRET_KEY: str = env.str("SECRET_KEY", default="") or read_or_create(
    state_dir() / "secret_key", get_random_secret_key
)

_LOOPBACK = ["localhost", "127.0.0.1", "[::1]"]
# The machine itself may always ask: the supervisor's health check does.
ALLOWED_HOSTS: list[str] = [*dict.fromkeys([*env.list("ALLOWED_HOSTS", default=[]), *_LOOPBACK])]
CSRF_TRUSTED_ORIGINS: list[str] = env.list("CSRF_TRUSTED_ORIGINS", default=[])

HTTPS: bool = env.bool("SALISCOPE_HTTPS", default=False)
"""True behind a proxy that speaks HTTPS and says so in X-Forwarded-Proto."""
SECURE_SSL_REDIRECT = HTTPS
SECURE_REDIRECT_EXEMPT = [r"^healthz$"]
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if HTTPS else None
SECURE_HSTS_SECONDS: int = env.int("SALISCOPE_HSTS_SECONDS", default=31_536_000) if HTTPS else 0
"""So long browsers insist on HTTPS for this name. Begin with 300 where the certificate is not settled yet."""
SECURE_HSTS_INCLUDE_SUBDOMAINS = HTTPS
SECURE_HSTS_PRELOAD = HTTPS
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"

SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_SECURE = HTTPS
CSRF_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_SECURE = HTTPS
LANGUAGE_COOKIE_SAMESITE = "Lax"
LANGUAGE_COOKIE_SECURE = HTTPS

AUTH_USER_MODEL = "accounts.User"
LOGIN_URL = "accounts:sign_in"
LOGIN_REDIRECT_URL = "accounts:home"
LOGOUT_REDIRECT_URL = "accounts:home"
AUTHENTICATION_BACKENDS = [
    "axes.backends.AxesStandaloneBackend",
    "webapp.accounts.backends.NameOrNumberBackend",
]
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.Argon2PasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]

# Ten wrong passwords for one account from one address close that pair for a quarter of an hour.
AXES_FAILURE_LIMIT = 10
AXES_COOLOFF_TIME = timedelta(minutes=15)
# The server's word (see NUM_PROXIES), never a header's, whatever other packages are installed.
AXES_CLIENT_IP_CALLABLE = "webapp.common.client_address.client_address"
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_USERNAME_CALLABLE = "webapp.accounts.sign_in_limits.counted_name"
AXES_LOCKOUT_TEMPLATE = "accounts/locked.html"
AXES_RESET_ON_SUCCESS = True
AXES_VERBOSE = False
SIGN_IN_FAILURES_OF_AN_ACCOUNT: int = env.int("SALISCOPE_SIGN_IN_FAILURES", default=100)
"""So many for one account from all addresses together within that time close it for everybody. It takes ten addresses
to reach that, so a colleague cannot lock another one out from a desk, and guessing from many machines gets nowhere."""

SIGN_UP: str = env.str("SALISCOPE_SIGN_UP", default="open")
"""Whether visitors may make themselves an account ("open"), or administrators make them ("closed")."""
if SIGN_UP not in ("open", "closed"):
    raise EnvironmentProblem(f"SALISCOPE_SIGN_UP is “{SIGN_UP}”: set it to open or closed.")
SIGN_UPS_OF_AN_ADDRESS: int = env.int("SALISCOPE_SIGN_UPS_PER_HOUR", default=20)
"""So many accounts may be made from one address within an hour; 0 for any number."""

METRICS_TOKEN: str = env.str("SALISCOPE_METRICS_TOKEN", default="")
"""Whoever sends it as a bearer may read /metrics. Without it only this machine may, and not through a proxy."""

AUDIT_KEPT_DAYS: int = env.int("SALISCOPE_AUDIT_KEPT_DAYS", default=365)
"""So long the audit log is kept."""
