"""The page of one's own account: name and e-mail, password, sessions."""

from __future__ import annotations

from django.contrib import messages
from django.contrib.auth import update_session_auth_hash
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST

from webapp.accounts import services
from webapp.accounts.forms import AccountForm, ChangePasswordForm
from webapp.accounts.tokens import revoke_all_tokens
from webapp.audit.models import AuditEvent
from webapp.audit.recording import record


@sensitive_post_parameters()
@require_http_methods(["GET", "POST"])
@login_required
@never_cache
def account(request: HttpRequest) -> HttpResponse:
    """The page; a POST says with `save` which of its two forms it is."""
    saved = request.POST.get("save")
    form = AccountForm(request.POST if saved == "account" else None, user=request.user)
    password_form = ChangePasswordForm(request.user, request.POST if saved == "password" else None)
    if saved == "account" and form.is_valid():
        messages.success(request, _("Your account is changed."))
        return redirect("accounts:account")
    if saved == "password" and password_form.is_valid():
        password_form.save()
        record(AuditEvent.Kind.PASSWORD_CHANGED, password_form.user)
        update_session_auth_hash(request, password_form.user)
        messages.success(
            request, _("The password is changed. Other browsers that were signed in must sign in again.")
        )
        return redirect("accounts:account")
    context = {
        "form": form,
        "password_form": password_form,
        "is_new": request.session.pop("new_account", False),
        "go_on": request.session.pop("new_account_next", ""),
        "number_of_tokens": request.user.api_tokens.count(),
    }
    refused = form.errors or password_form.errors
    return render(request, "accounts/account.html", context, status=422 if refused else 200)


@require_POST
@login_required
def sign_out_everywhere(request: HttpRequest) -> HttpResponse:
    """Ends all other sessions; this one stays. With `revoke_tokens` the account's API tokens end too."""
    services.sign_out_everywhere(request.user)
    update_session_auth_hash(request, request.user)
    text = _("Everywhere else you are signed out.")
    if request.POST.get("revoke_tokens"):
        number = revoke_all_tokens(request.user)
        text += " " + ngettext(
            "%(number)s API token is revoked.", "%(number)s API tokens are revoked.", number
        ) % {"number": number}
    messages.success(request, text)
    return redirect("accounts:account")
