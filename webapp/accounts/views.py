"""Home, signing in, up and out, the account page, theme and language."""

from __future__ import annotations

from django.conf import settings
from django.contrib.auth import login
from django.contrib.auth.decorators import login_required
from django.contrib.auth.views import LoginView
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from webapp.accounts import appearance
from webapp.accounts.forms import SignInForm, SignUpForm
from webapp.accounts.models import User

BACKEND = "webapp.accounts.backends.NameOrNumberBackend"


@require_GET
def home(request: HttpRequest) -> HttpResponse:
    if request.user.is_authenticated:
        return redirect("benchmarks:list")
    return render(request, "home.html")


class SignIn(LoginView):
    template_name = "accounts/sign_in.html"
    authentication_form = SignInForm
    redirect_authenticated_user = True
    next_page = "benchmarks:list"

    def form_valid(self, form: SignInForm) -> HttpResponse:
        response = super().form_valid(form)
        appearance.restore(response, form.get_user())
        return response


@require_http_methods(["GET", "POST"])
def sign_up(request: HttpRequest) -> HttpResponse:
    """Creates the account, signs it in, and shows the new account number."""
    if request.user.is_authenticated:
        return redirect("accounts:account")
    form = SignUpForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        login(request, form.user, backend=BACKEND)
        request.session["new_account"] = True
        return redirect("accounts:account")
    return render(request, "accounts/sign_up.html", {"form": form})


@require_GET
@login_required
def account(request: HttpRequest) -> HttpResponse:
    is_new = request.session.pop("new_account", False)
    return render(request, "accounts/account.html", {"is_new": is_new})


@require_POST
def choose_theme(request: HttpRequest) -> HttpResponse:
    response = redirect(_came_from(request))
    theme = request.POST.get("theme", "")
    if theme in User.Theme.values:
        appearance.remember_theme(response, theme)
        if request.user.is_authenticated:
            User.objects.filter(pk=request.user.pk).update(theme=theme)
    return response


@require_POST
def choose_language(request: HttpRequest) -> HttpResponse:
    response = redirect(_came_from(request))
    language = request.POST.get("language", "")
    if language in dict(settings.LANGUAGES):
        appearance.remember_language(response, language)
        if request.user.is_authenticated:
            User.objects.filter(pk=request.user.pk).update(language=language)
    return response


def _came_from(request: HttpRequest) -> str:
    """The page a form was sent from, if it is one of ours."""
    address = request.POST.get("next", "")
    if url_has_allowed_host_and_scheme(address, {request.get_host()}, require_https=request.is_secure()):
        return address
    return reverse("accounts:home")
