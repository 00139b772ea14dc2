"""The audit log."""

from __future__ import annotations

from rest_framework import serializers

from webapp.audit.models import AuditEvent


class AuditEventSerializer(serializers.ModelSerializer):
    details = serializers.DictField(help_text="Plain values that say more; never a password or a token.")

    class Meta:
        model = AuditEvent
        fields = ["id", "created", "kind", "actor_name", "address", "subject", "details"]
        read_only_fields = fields
