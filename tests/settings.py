"""The settings for a run of the tests: state of its own, cheap password hashes, static files as they are."""

import os
import tempfile
import uuid
from pathlib import Path

# Before the settings are loaded. The controller of a parallel run sets these, and its workers inherit them.
os.environ["SALISCOPE_ENV_FILE"] = ""
if "SALISCOPE_TESTS_RUN" not in os.environ:
    os.environ["SALISCOPE_TESTS_RUN"] = uuid.uuid4().hex[:12]
    os.environ["SALISCOPE_STATE_DIR"] = tempfile.mkdtemp(prefix="saliscope-tests-")
    os.environ["SALISCOPE_QUEUE_PREFIX"] = f"saliscope-tests-{os.environ['SALISCOPE_TESTS_RUN']}"
worker = os.environ.get("PYTEST_XDIST_WORKER", "")
if worker and Path(os.environ["SALISCOPE_STATE_DIR"]).name != worker:
    # Databases number their rows alike: without keys and files of its own, a worker would hear and read of the others'.
    run_state = Path(os.environ["SALISCOPE_STATE_DIR"])
    state = run_state / worker
    state.mkdir(exist_ok=True)
    if (run_state / "broker").is_dir() and not (state / "broker").exists():
        (state / "broker").symlink_to(run_state / "broker")
    os.environ["SALISCOPE_STATE_DIR"] = str(state)
    os.environ["SALISCOPE_QUEUE_PREFIX"] = f"saliscope-tests-{os.environ['SALISCOPE_TESTS_RUN']}:{worker}"

from webapp.settings import *  # noqa: E402, F403

PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
# Wrong passwords in one test must not lock another test's user out; the test of the limit switches it on.
AXES_ENABLED = False
# Which shard is served next must not depend on a throw of the dice; the test of that share sets it.
SHARE_WITHOUT_PRIORITY = 0.0
