"""Worker processes in the admin; they belong to no tenant."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from executions.models import Worker
from safety.administration import HistoryAdmin


@admin.register(Worker)
class WorkerAdmin(HistoryAdmin):
    """Who runs steps, with the last heartbeat."""

    list_display = ("name", "state", "queues", "threads", "running", "memory_mib", "version", "heartbeat_at")
    list_filter = ("state", "version")
    search_fields = ("name",)
    ordering = ("-heartbeat_at", "name")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return admin.ModelAdmin.get_queryset(self, request)

    def subject(self, obj: Any) -> Any:
        del obj
        return None
