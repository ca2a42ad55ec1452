"""Pages that forgot to ask whose rows they show, for test_wall.py."""

from django.contrib import admin
from django.db import connection
from django.http import HttpRequest, JsonResponse, StreamingHttpResponse
from django.urls import include, path

from executions.models import Asset, Event, Execution, OutputChunk

TABLES = (
    "opsc_execution",
    "opsc_step_run",
    "opsc_step",
    "opsc_output_chunk",
    "opsc_event",
    "opsc_asset",
    "opsc_approval",
    "opsc_access_decision",
    "opsc_dead_letter",
    "opsc_lease",
)


def forgetful(request: HttpRequest) -> JsonResponse:
    """Everything there is, by the ORM and by hand."""
    said = {model._meta.db_table: model.objects.count() for model in (Execution, Asset, Event, OutputChunk)}
    with connection.cursor() as cursor:
        for table in TABLES:
            cursor.execute(f"SELECT count(*) FROM {table}")
            said[f"{table} by hand"] = cursor.fetchone()[0]
        cursor.execute("SELECT name FROM opsc_execution ORDER BY name")
        return JsonResponse(said | {"names": [row[0] for row in cursor.fetchall()]})


def failing(request: HttpRequest) -> JsonResponse:
    """Ends in an error, in the middle of what it does."""
    raise ValueError(Execution.objects.count())


def streaming(request: HttpRequest) -> StreamingHttpResponse:
    """An answer that goes on after the page has ended."""
    return StreamingHttpResponse(iter(["a", "b"]))


urlpatterns = [
    path("forgetful/", forgetful),
    path("failing/", failing),
    path("streaming/", streaming),
    path("", include("executions.web.urls")),
    path("", include("executions.web.sign_in_urls")),
    path("admin/", admin.site.urls),
]
