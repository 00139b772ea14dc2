"""Addresses of the start page and the account pages."""

from django.contrib.auth.views import LogoutView
from django.urls import path

from webapp.accounts import account_views, start_page, token_views, views

app_name = "accounts"

urlpatterns = [
    path("", start_page.start, name="home"),
    path("sign-in/", views.SignIn.as_view(), name="sign_in"),
    path("sign-up/", views.sign_up, name="sign_up"),
    path("sign-out/", LogoutView.as_view(next_page="accounts:home"), name="sign_out"),
    path("account/", account_views.account, name="account"),
    path("account/sign-out-everywhere/", account_views.sign_out_everywhere, name="sign_out_everywhere"),
    path("account/tokens/", token_views.tokens, name="tokens"),
    path("account/tokens/<int:pk>/revoke/", token_views.revoke, name="revoke_token"),
    path("theme/", views.choose_theme, name="theme"),
    path("language/", views.choose_language, name="language"),
]
