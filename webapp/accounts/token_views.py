"""The page of a member's API tokens."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from webapp.accounts.forms import TokenForm
from webapp.accounts.models import ApiToken
from webapp.accounts.tokens import create_token, revoke_token
from webapp.common.forms import add_refusal


@require_http_methods(["GET", "POST"])
@login_required
@never_cache
def tokens(request: HttpRequest) -> HttpResponse:
    """The list, and the form of a new one. A new token is in the answer to the form and in no other."""
    form = TokenForm(request.POST if request.method == "POST" else None)
    context: dict[str, Any] = {}
    if request.method == "POST" and form.is_valid():
        try:
            token, text = create_token(
                owner=request.user, name=form.cleaned_data["name"], expires=form.expires()
            )
        except ValidationError as refusal:
            add_refusal(form, refusal)
        else:
            context = {"new_token": token, "new_text": text}
            form = TokenForm()
    context |= {"form": form, "tokens": ApiToken.objects.visible_to(request.user)}
    return render(request, "accounts/tokens.html", context, status=422 if form.errors else 200)


@require_POST
@login_required
def revoke(request: HttpRequest, pk: int) -> HttpResponse:
    token = get_object_or_404(ApiToken.objects.visible_to(request.user), pk=pk)
    revoke_token(token)
    messages.success(request, _("The token %(name)s is revoked.") % {"name": token.name})
    return redirect("accounts:tokens")
