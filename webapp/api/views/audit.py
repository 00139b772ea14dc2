"""The audit log, for administrators."""

from __future__ import annotations

from django.db.models import QuerySet
from django_filters import rest_framework as filters
from rest_framework import mixins
from rest_framework.exceptions import PermissionDenied
from rest_framework.request import Request
from rest_framework.response import Response

from webapp.api.base import ApiView
from webapp.api.serializers.audit import AuditEventSerializer
from webapp.audit.models import AuditEvent


class AuditFilter(filters.FilterSet):
    """`?kind=sign_in_failed&created_after=2026-01-01T00:00:00Z`."""

    kind = filters.MultipleChoiceFilter(choices=AuditEvent.Kind.choices)
    actor_name = filters.CharFilter(lookup_expr="iexact")
    created_after = filters.IsoDateTimeFilter(field_name="created", lookup_expr="gte")
    created_before = filters.IsoDateTimeFilter(field_name="created", lookup_expr="lt")


class Audit(mixins.ListModelMixin, ApiView):
    queryset = AuditEvent.objects.none()
    serializer_class = AuditEventSerializer
    filterset_class = AuditFilter

    def get_queryset(self) -> QuerySet[AuditEvent]:
        return AuditEvent.objects.all()

    def get(self, request: Request) -> Response:
        """For administrators: who did what, when and from where, newest first."""
        if not request.user.is_staff:
            raise PermissionDenied
        return self.list(request)
