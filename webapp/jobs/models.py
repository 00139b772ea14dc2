"""Work that members ask for and that takes too long for an answer: comparisons of many results, archives, backups."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from webapp.common.turns import ServedMember

if TYPE_CHECKING:
    from webapp.accounts.models import User


class JobQuerySet(models.QuerySet["Job"]):
    def visible_to(self, user: User) -> JobQuerySet:
        """One's own."""
        return self.filter(owner=user) if user.is_authenticated else self.none()


class JobTurn(ServedMember):
    """Turns at the process that does jobs."""


class Job(models.Model):
    """One piece of work: `waiting → running → ready | failed | cancelled`. Changes go through `webapp.jobs.services`.

    `request`: what is to be done; `content`: what came out; `digest`: the same for the same work on the same rows, so
    that it is done once. A file, where there is one, lies at `path`.
    """

    class Kind(models.TextChoices):
        COMPARISON = "comparison", _("Comparison")
        ARCHIVE = "archive", _("Archive of a benchmark")
        BACKUP = "backup", _("Backup")
        RESTORE = "restore", _("Restoring a backup")

    class State(models.TextChoices):
        WAITING = "waiting", _("Waiting")
        RUNNING = "running", _("Running")
        READY = "ready", _("Ready")
        FAILED = "failed", _("Failed")
        CANCELLED = "cancelled", _("Cancelled")

    OPEN = (State.WAITING, State.RUNNING)

    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="jobs")
    kind = models.CharField(_("kind"), max_length=12, choices=Kind.choices)
    digest = models.CharField(max_length=64, blank=True)
    request = models.JSONField(default=dict)
    content = models.JSONField(default=dict)
    state = models.CharField(_("state"), max_length=10, choices=State.choices, default=State.WAITING)
    progress = models.FloatField(default=0.0, help_text=_("Share of the work that is done, 0 to 1."))
    problem = models.TextField(_("problem"), blank=True)
    size = models.BigIntegerField(_("size"), default=0, help_text=_("Bytes of the file."))
    fence = models.PositiveIntegerField(default=0)
    attempt = models.PositiveSmallIntegerField(default=0)
    lease_expires = models.DateTimeField(null=True, blank=True)
    created = models.DateTimeField(_("created"), auto_now_add=True)
    finished = models.DateTimeField(_("finished"), null=True, blank=True)

    objects = JobQuerySet.as_manager()

    class Meta:
        ordering = ["-pk"]
        indexes = [
            models.Index(fields=["state", "id"], name="jobs_by_state"),
            models.Index(fields=["owner", "kind", "-id"], name="jobs_of_owner"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.pk}"

    @property
    def is_open(self) -> bool:
        return self.state in self.OPEN

    @property
    def path(self) -> Path:
        return settings.STATE_DIR / "jobs" / f"{self.kind}-{self.pk}.zip"

    def payload(self) -> dict[str, Any]:
        """What a page that watches it is told."""
        return {
            "type": "job",
            "id": self.pk,
            "state": self.state,
            "progress": self.progress,
            "size": self.size,
            "problem": self.problem,
        }
