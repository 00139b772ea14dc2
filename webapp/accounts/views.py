"""Signing in, up and out, theme and language."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib.auth import login
from django.contrib.auth.views import LoginView
from django.core.exceptions import NON_FIELD_ERRORS
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_http_methods, require_POST

from webapp.accounts import appearance, services
from webapp.accounts.forms import TOO_MANY, SignInForm, SignUpForm
from webapp.accounts.models import User

BACKEND = "webapp.accounts.backends.NameOrNumberBackend"


class SignIn(LoginView):
    template_name = "accounts/sign_in.html"
    authentication_form = SignInForm
    redirect_authenticated_user = True
    next_page = "accounts:home"

    def get_context_data(self, **context: Any) -> dict[str, Any]:
        return super().get_context_data(sign_up_open=settings.SIGN_UP == "open", **context)

    def form_valid(self, form: SignInForm) -> HttpResponse:
        response = super().form_valid(form)
        appearance.restore(response, form.get_user())
        return response


@require_http_methods(["GET", "POST"])
def sign_up(request: HttpRequest) -> HttpResponse:
    """Creates the account, signs it in, and shows the new account number and the way to the page that was wanted.

    403 where sign-up is closed, 429 where too many accounts were made from the address.
    """
    if request.user.is_authenticated:
        return redirect("accounts:account")
    if settings.SIGN_UP != "open":
        return render(
            request, "accounts/sign_up_closed.html", status=403 if request.method == "POST" else 200
        )
    form = SignUpForm(request.POST if request.method == "POST" else None, request=request)
    if request.method == "POST" and form.is_valid():
        login(request, form.user, backend=BACKEND)
        request.session["new_account"] = True
        request.session["new_account_next"] = _own_address(request, request.POST.get("next", ""))
        return redirect("accounts:account")
    wanted = _own_address(request, request.GET.get("next") or request.POST.get("next", ""))
    context = {"form": form, "next": wanted}
    refused = 429 if form.has_error(NON_FIELD_ERRORS, TOO_MANY) else 422
    return render(request, "accounts/sign_up.html", context, status=refused if form.errors else 200)


@require_POST
def choose_theme(request: HttpRequest) -> HttpResponse:
    response = redirect(_came_from(request))
    theme = request.POST.get("theme", "")
    if theme in User.Theme.values:
        appearance.remember_theme(response, theme)
        if request.user.is_authenticated:
            services.change_account(request.user, theme=theme)
    return response


@require_POST
def choose_language(request: HttpRequest) -> HttpResponse:
    response = redirect(_came_from(request))
    language = request.POST.get("language", "")
    if language in dict(settings.LANGUAGES):
        appearance.remember_language(response, language)
        if request.user.is_authenticated:
            services.change_account(request.user, language=language)
    return response


def _came_from(request: HttpRequest) -> str:
    """The page a form was sent from, if it is one of ours."""
    return _own_address(request, request.POST.get("next", "")) or reverse("accounts:home")


def _own_address(request: HttpRequest, address: str) -> str:
    """The address, if it is one of this server from its root on; else ""."""
    own = address.startswith("/") and url_has_allowed_host_and_scheme(
        address, {request.get_host()}, require_https=request.is_secure()
    )
    return address if own else ""
