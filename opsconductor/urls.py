"""Every address of the web process."""

from django.contrib import admin
from django.contrib.auth.views import LogoutView
from django.urls import include, path

from executions.web import session

urlpatterns = [
    path("", include("executions.web.urls")),
    path("sign-in/", session.sign_in, name="login"),
    path("sign-in/once/<str:token>/", session.once, name="once"),
    path("sign-out/", LogoutView.as_view(), name="logout"),
    path("admin/login/", session.admin_sign_in, name="admin_sign_in"),
    path("admin/", admin.site.urls),
]

handler400 = "executions.web.error_pages.bad_request"
handler403 = "executions.web.error_pages.forbidden"
handler404 = "executions.web.error_pages.not_found"
