"""The Celery application. Its configuration is in `webapp.settings.messaging`, shared with the web process's hints."""

from __future__ import annotations

import os
import warnings
from typing import Any

from celery import Celery, signals
from celery.exceptions import SecurityWarning

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "webapp.settings")

# Imported here, in the parent, so that the pool's children inherit the flag.
from workers import acknowledging, parent_death, stopping

# Running as root is a supported way (containers), and messages are JSON: nothing in them is ever executed.
warnings.filterwarnings("ignore", category=SecurityWarning)

acknowledging.install()
app = Celery("saliscope", include=["workers.tasks"])
app.config_from_object("django.conf:settings", namespace="CELERY")


@signals.setup_logging.connect
def keep_logging_as_django_set_it_up(**_: Any) -> None:
    """With a receiver here, Celery leaves logging alone."""


@signals.worker_shutting_down.connect
def ask_running_tasks_to_stop(**_: Any) -> None:
    stopping.request()


@signals.worker_process_init.connect
def end_with_the_parent(**_: Any) -> None:
    parent_death.die_with_parent()
