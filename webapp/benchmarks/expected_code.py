"""The code that an installation runs: what its web server was last brought up to date with. Workers whose code is
another one take no work, as what they would write might not mean the same.
"""

from __future__ import annotations

from django.db.models import QuerySet
from django.db.models.functions import Now

from webapp.benchmarks.models import ExpectedCode, WorkerNode
from webapp.code_version import code_version

THE_ONE = 1


def record_expected_code() -> None:
    """Makes this process' code the installation's: for what runs beside the web server, never for workers."""
    if expected_code() != code_version():
        values = {"version": code_version(), "since": Now()}
        ExpectedCode.objects.update_or_create(pk=THE_ONE, defaults=values)


def expected_code() -> str:
    """Empty where none was recorded yet: then every worker will do."""
    return ExpectedCode.objects.filter(pk=THE_ONE).values_list("version", flat=True).first() or ""


def workers_taking_work() -> QuerySet[WorkerNode]:
    """Those that an administrator lets work and that run the installation's code, alive or not."""
    workers = WorkerNode.objects.filter(mode=WorkerNode.Mode.WORKING)
    expected = expected_code()
    return workers.filter(code_version=expected) if expected else workers
