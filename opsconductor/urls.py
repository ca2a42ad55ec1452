"""Every address of the web process."""

from django.contrib import admin
from django.urls import include, path

urlpatterns = [
    path("", include("executions.web.urls")),
    path("", include("executions.web.sign_in_urls")),
    path("api/", include("executions.api.urls")),
    path("admin/", admin.site.urls),
]

handler400 = "executions.web.error_pages.bad_request"
handler403 = "executions.web.error_pages.forbidden"
handler404 = "executions.web.error_pages.not_found"
