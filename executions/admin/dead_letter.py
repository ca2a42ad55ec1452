"""Dead letters in the admin; people decide about them on the page of the execution."""

from django.contrib import admin
from django.urls import reverse

from executions.models import DeadLetter
from safety.administration import HistoryAdmin, TenantFilter


@admin.register(DeadLetter)
class DeadLetterAdmin(HistoryAdmin):
    """Work that used up its attempts, or whose outcome is unknown."""

    list_display = ("execution", "category", "reason", "attempts", "created_at", "closed_at", "closed_by")
    list_filter = ("category", ("closed_at", admin.EmptyFieldListFilter), TenantFilter)
    list_select_related = ("execution",)
    search_fields = ("category", "reason", "execution__name")
    uuid_fields = ("execution_id", "step_run_id")
    date_hierarchy = "created_at"
    ordering = ("-pk",)

    def view_on_site(self, obj: DeadLetter) -> str:
        """The page of its execution, at the step run."""
        return f"{reverse('executions:detail', args=[obj.execution_id])}?run={obj.step_run_id}"
