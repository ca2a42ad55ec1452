"""Links of the hash chains in the admin; `manage.py verify_audit` checks them."""

from django.contrib import admin

from executions.models import AuditLink
from safety.administration import HistoryAdmin, TenantFilter


@admin.register(AuditLink)
class AuditLinkAdmin(HistoryAdmin):
    """One row for each event and access decision that was sealed."""

    list_display = ("seq", "tenant", "kind", "row_id", "sealed_at", "digest")
    list_filter = ("kind", TenantFilter)
    list_select_related = ("tenant",)
    ordering = ("-pk",)
    fields = ("tenant", "seq", "kind", "row_id", "sealed_at", "row_digest", "digest")

    @admin.display(description="hash")
    def digest(self, link: AuditLink) -> str:
        """The hash of the link."""
        return bytes(link.hash).hex()

    @admin.display(description="hash of the row")
    def row_digest(self, link: AuditLink) -> str:
        """The hash of what it seals."""
        return bytes(link.row_hash).hex()
