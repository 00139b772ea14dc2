"""The application's settings, with the method of these tests and a visibility timeout that can be made too short."""

import os
from pathlib import Path

import tests.faults.sleeping  # noqa: F401  # registers the method
from webapp.settings import *  # noqa: F403
from webapp.settings import CELERY_BROKER_TRANSPORT_OPTIONS

if "FAULTS_VISIBILITY_SECONDS" in os.environ:
    CELERY_BROKER_TRANSPORT_OPTIONS = {
        **CELERY_BROKER_TRANSPORT_OPTIONS,
        "visibility_timeout": float(os.environ["FAULTS_VISIBILITY_SECONDS"]),
    }

if "FAULTS_WITHOUT_WEIGHTS" in os.environ:
    WEIGHTS_DIR = Path(os.environ["FAULTS_WITHOUT_WEIGHTS"])
