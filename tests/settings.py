"""The settings for a run of the tests: state of its own, cheap password hashes, static files as they are."""

import os
import tempfile
import uuid

# Before the settings are loaded. The controller of a parallel run sets these, and its workers inherit them.
os.environ["SALISCOPE_ENV_FILE"] = ""
if "SALISCOPE_TESTS_RUN" not in os.environ:
    os.environ["SALISCOPE_TESTS_RUN"] = uuid.uuid4().hex[:12]
    os.environ["SALISCOPE_STATE_DIR"] = tempfile.mkdtemp(prefix="saliscope-tests-")
    os.environ["SALISCOPE_QUEUE_PREFIX"] = f"saliscope-tests-{os.environ['SALISCOPE_TESTS_RUN']}"

from webapp.settings import *  # noqa: F403

PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
# Wrong passwords in one test must not lock another test's user out; the test of the limit switches it on.
AXES_ENABLED = False
