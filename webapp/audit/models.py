"""Who did what, when and from where: what an administrator looks up when something is amiss."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _


class AuditEvent(models.Model):
    """One thing that was done. Rows are written by `webapp.audit.recording.record` and never changed.

    Names are copied, so that a row still says something when the account or the thing is gone.
    """

    class Kind(models.TextChoices):
        SIGNED_UP = "signed_up", _("Account made")
        SIGNED_IN = "signed_in", _("Signed in")
        SIGN_IN_FAILED = "sign_in_failed", _("Sign-in failed")
        SIGN_IN_CLOSED = "sign_in_closed", _("Sign-in closed after failed attempts")
        SIGNED_OUT = "signed_out", _("Signed out")
        SIGNED_OUT_EVERYWHERE = "signed_out_everywhere", _("Signed out everywhere")
        PASSWORD_CHANGED = "password_changed", _("Password changed")
        ACCOUNT_CHANGED = "account_changed", _("Account changed by an administrator")
        TOKEN_CREATED = "token_created", _("API token made")
        TOKEN_REVOKED = "token_revoked", _("API token revoked")
        MODEL_IMPORTED = "model_imported", _("Model imported")
        DATASET_ADDED = "dataset_added", _("Data set added")
        SHARED = "shared", _("Shared")
        SHARE_WITHDRAWN = "share_withdrawn", _("Share withdrawn")
        DELETED = "deleted", _("Deletion")
        BROUGHT_BACK = "brought_back", _("Brought back")
        BACKUP_ASKED_FOR = "backup_asked_for", _("Backup asked for")
        BACKUP_RESTORED = "backup_restored", _("Restoring of a backup asked for")
        WORKER_MODE = "worker_mode", _("Worker's mode set")

    kind = models.CharField(_("what"), max_length=24, choices=Kind.choices)
    created = models.DateTimeField(_("when"), auto_now_add=True)
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("account"),
    )
    actor_name = models.CharField(_("who"), max_length=150, blank=True)
    address = models.GenericIPAddressField(_("from where"), null=True, blank=True)
    subject = models.CharField(
        _("about"), max_length=200, blank=True, help_text=_("What it was done to, as “benchmark #12”.")
    )
    details = models.JSONField(_("details"), default=dict, blank=True)

    class Meta:
        ordering = ["-pk"]
        verbose_name = _("event")
        verbose_name_plural = _("events")
        indexes = [
            models.Index(fields=["created"], name="audit_by_time"),
            models.Index(fields=["actor", "-id"], name="audit_of_account"),
            models.Index(fields=["kind", "-id"], name="audit_of_kind"),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()}: {self.actor_name or '–'} {self.subject}".strip()
