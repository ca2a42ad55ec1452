"""Every address of the web process."""

from django.contrib import admin
from django.urls import include, path

from executions.web import error_pages

urlpatterns = [
    path("", include("executions.web.urls")),
    path("", include("executions.web.sign_in_urls")),
    path("api/", include("executions.api.urls")),
    # Django would look for the page of a row in whatever tenant it is.
    path("admin/r/<int:content_type_id>/<path:object_id>/", error_pages.nothing, name="no_way_to_a_row"),
    path("admin/", admin.site.urls),
]

handler400 = "executions.web.error_pages.bad_request"
handler403 = "executions.web.error_pages.forbidden"
handler404 = "executions.web.error_pages.not_found"
