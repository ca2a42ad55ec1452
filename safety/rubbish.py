"""Lists of the admin answer addresses that nobody's page offers: refused, or asked without what is wrong."""

from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.db import DataError, transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect

if TYPE_CHECKING:
    _ModelAdmin = admin.ModelAdmin[Any]
else:
    _ModelAdmin = object

# Patterns cost what their author likes, and no filter of ours needs one: people search with the field for it.
PATTERNS = frozenset(
    {"regex", "iregex", "contains", "icontains", "startswith", "istartswith", "endswith", "iendswith"}
    | {"iexact", "search", "range"}
)
# What the admin itself answers to a value that it cannot read.
UNREADABLE = "?e=1"


class AnswersRubbish(_ModelAdmin):
    """No pattern as a filter, and no error page for a value that only the database finds wrong."""

    def lookup_allowed(self, lookup: str, value: Any, request: HttpRequest) -> bool:
        return lookup.rpartition("__")[2] not in PATTERNS and super().lookup_allowed(lookup, value, request)

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        """A year 99999 or a NUL is read by Django's form of the filter and refused when the rows are asked for."""
        if request.method != "GET" or not request.GET or "e" in request.GET:
            return super().changelist_view(request, extra_context)
        try:
            with transaction.atomic():
                return super().changelist_view(request, extra_context)
        except (DataError, ValueError, OverflowError):
            return HttpResponseRedirect(f"{request.path}{UNREADABLE}")
