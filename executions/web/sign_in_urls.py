"""The addresses of signing in and of one's own account."""

from django.contrib.auth.views import LogoutView
from django.urls import path
from django.views.generic.base import RedirectView

from executions.web import account, second_factor, second_step, session, single, tokens
from safety.signin.middleware import is_open

urlpatterns = [
    path("sign-in/", session.sign_in, name="login"),
    path("sign-in/once/<str:token>/", session.once, name="once"),
    path("sign-out/", is_open(LogoutView.as_view()), name="logout"),
    path("sign-in/sso/", single.begin, name="sso"),
    path("sign-in/sso/back/", single.back, name="sso_back"),
    path("sign-in/code/", second_step.code, name="second_step"),
    path("sign-in/again/", second_factor.again, name="again"),
    path("account/second-factor/", second_factor.set_up, name="second_factor"),
    path("account/", account.account, name="account"),
    path("account/password/", account.password, name="password"),
    path("account/tokens/new/", tokens.new, name="new_token"),
    path("account/tokens/<int:token_id>/revoke/", tokens.revoke, name="revoke_token"),
    path("account/sign-out-everywhere/", account.sign_out_everywhere, name="sign_out_everywhere"),
    path("admin/login/", session.admin_sign_in, name="admin_sign_in"),
    path("admin/password_change/", RedirectView.as_view(pattern_name="password"), name="admin_password"),
]
