"""How many accounts may be made from one address, on top of whether everybody may make one (settings.security)."""

from __future__ import annotations

import math
from datetime import timedelta

from django.conf import settings
from django.http import HttpRequest
from django.utils import timezone

from webapp.audit.models import AuditEvent
from webapp.audit.recording import address_of

WITHIN = timedelta(hours=1)


def minutes_to_wait(request: HttpRequest) -> int:
    """Until another account may be made from the request's address; 0 where that is now. The audit log is counted,
    which all web processes write.
    """
    most = settings.SIGN_UPS_OF_AN_ADDRESS
    if most <= 0:
        return 0
    made = AuditEvent.objects.filter(
        kind=AuditEvent.Kind.SIGNED_UP, address=address_of(request), created__gt=timezone.now() - WITHIN
    )
    latest = list(made.order_by("-pk").values_list("created", flat=True)[:most])
    if len(latest) < most:
        return 0
    return max(1, math.ceil((latest[-1] + WITHIN - timezone.now()).total_seconds() / 60))
