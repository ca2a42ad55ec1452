"""What every page of the admin has: rows of one's own tenants, rights from roles, and no full counts."""

from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db.models import NOT_PROVIDED, Model, Q, QuerySet
from django.http import HttpRequest, HttpResponse

from safety.choices import Permission
from safety.granting import administers_everywhere
from safety.models import Tenant
from safety.rubbish import AnswersRubbish
from safety.visibility import tenants_visible_to

if TYPE_CHECKING:
    _ModelAdmin = admin.ModelAdmin[Any]
    _Paginator = Paginator[Any]
else:
    _ModelAdmin, _Paginator = admin.ModelAdmin, Paginator

REACHABLE_ROWS = 10_000


class BoundedPaginator(_Paginator):
    """Pages through the first REACHABLE_ROWS rows; what lies behind them is found with filters.

    Counting stops there, so that a table of millions costs no more than a small one.
    """

    @cached_property
    def count(self) -> int:
        """Rows that can be paged to."""
        rows = self.object_list
        if not isinstance(rows, QuerySet):
            return len(rows)
        return int(rows.order_by()[:REACHABLE_ROWS].count())


class TenantFilter(admin.SimpleListFilter):
    """By tenant, among those that the person may see."""

    title = "tenant"
    parameter_name = "of_tenant"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        tenants = Tenant.objects.order_by("name")
        if not request.user.is_superuser:
            tenants = tenants.filter(pk__in=tenants_visible_to(request.user))
        self.path = model_admin.tenant_path
        return [(str(tenant.pk), tenant.name) for tenant in tenants]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        del request
        value = self.value()
        chosen = value in {key for key, _ in self.lookup_choices}
        return queryset.filter(**{self.path: value}) if chosen else queryset


class TenantScopedAdmin(AnswersRubbish, _ModelAdmin):
    """Shows a person the rows of the tenants that they are a member of; a superuser sees all.

    `tenant_path`: the lookup from a row to its tenant's id. `uuid_fields`: found by a complete id, quickly.
    """

    tenant_path = "tenant_id"
    uuid_fields: tuple[str, ...] = ()
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER
    paginator = BoundedPaginator
    list_per_page = 50
    list_max_show_all = 200

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        rows: QuerySet[Any] = super().get_queryset(request)
        if request.user.is_superuser:
            return rows
        tenants = list(tenants_visible_to(request.user)[:2])
        if len(tenants) == 1:  # an index delivers the rows of one tenant in their order
            return rows.filter(**{self.tenant_path: tenants[0]})
        return rows.filter(**{f"{self.tenant_path}__in": tenants_visible_to(request.user)})

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        """For a row that is being added without what the database will fill in."""
        names = tuple(super().get_readonly_fields(request, obj))
        if obj is not None:
            return names
        later = {field.name for field in self.opts.fields if field.db_default is not NOT_PROVIDED}
        return tuple(name for name in names if name not in later)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """A complete id is looked up by index; anything else by the search fields."""
        try:
            wanted = UUID(search_term.strip())
        except ValueError:
            return super().get_search_results(request, queryset, search_term)
        if not self.uuid_fields:
            return super().get_search_results(request, queryset, search_term)
        condition = Q()
        for field in self.uuid_fields:
            condition |= Q(**{field: wanted})
        return queryset.filter(condition), False

    def subject(self, obj: Any) -> Any:
        """The object whose tenant decides about the rights to a row."""
        return obj

    def allowed(self, request: HttpRequest, permission: str, obj: Model | None = None) -> bool:
        """Whether the person's role in the row's tenant (in any, without a row) holds the permission.

        A page asks without a row for every table that its navigation could show: one answer does for the request.
        """
        if obj is not None:
            return bool(request.user.has_perm(permission, self.subject(obj)) or request.user.is_superuser)
        answers: dict[str, bool] = request.META.setdefault("opsc.admin_allowed", {})
        if permission not in answers:
            answers[permission] = bool(request.user.has_perm(permission) or request.user.is_superuser)
        return answers[permission]

    def has_module_permission(self, request: HttpRequest) -> bool:
        return self.has_view_permission(request)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.allowed(request, "executions.view_execution", obj)


class HistoryAdmin(TenantScopedAdmin):
    """Rows that tell what happened: to be read, never to be written or removed here.

    `for_auditors`: fields that are shown to those who read the audit of the tenant.
    """

    for_auditors: tuple[str, ...] = ()

    def lookup_allowed(self, lookup: str, value: Any, request: HttpRequest) -> bool:
        """What is not shown is not asked for, either."""
        is_hidden = lookup.partition("__")[0] in self.get_exclude(request)
        return not is_hidden and super().lookup_allowed(lookup, value, request)

    def get_exclude(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        shown = not self.for_auditors or self.allowed(request, Permission.READ_AUDIT, obj)
        return (*(self.exclude or ()), *(() if shown else self.for_auditors))

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        del request, obj
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        del request, obj
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        del request, obj
        return False


class AsksFirst:
    """Django looks for the row of a history before it asks for the right, and so tells whether there is one."""

    def history_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> HttpResponse:
        """Raises PermissionDenied, whether or not there is such a row."""
        page: Any = self
        if not page.has_view_or_change_permission(request):
            raise PermissionDenied
        answer: HttpResponse = super().history_view(request, object_id, extra_context)  # type: ignore[misc]
        return answer


class WithinReach:
    """Refuses in a form what the person could not write as it would then be, such as an asset moved to prod."""

    may_write: Callable[[Any], bool]
    beyond_reach: str

    def _post_clean(self) -> None:
        form: Any = self
        super()._post_clean()  # type: ignore[misc]
        if not form.errors and not form.may_write(form.instance):
            form.add_error(None, self.beyond_reach)


class TenantAdministeredAdmin(TenantScopedAdmin):
    """Rows that the admins of their tenant may write.

    `deletable`: whether they may be removed. `fixed_fields`: set once, when the row is made. `tenant_wide`: a row
    holds in all of its tenant, so that only an admin without limits may write it.
    """

    deletable = False
    tenant_wide = True
    fixed_fields: tuple[str, ...] = ("tenant",)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        always = tuple(super().get_readonly_fields(request, obj))
        return always if obj is None else always + self.fixed_fields

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        form = super().get_form(request, obj, change=change, **kwargs)

        def may_write(instance: Any) -> bool:
            return self._administers(request, instance)

        where = "without limits, and this holds in all of it" if self.tenant_wide else "in this environment"
        said = {"beyond_reach": f"You administer this tenant, but not {where}."}
        return type(form.__name__, (WithinReach, form), {"may_write": staticmethod(may_write)} | said)

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self._administers(request, obj)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self._administers(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.deletable and self._administers(request, obj)

    def _administers(self, request: HttpRequest, obj: Any) -> bool:
        """Whether the person may write this row; without one, whether any of some tenant."""
        if obj is None or request.user.is_superuser or not self.tenant_wide:
            return self.allowed(request, "safety.administer_tenant", obj)
        tenant_id = obj.pk if isinstance(obj, Tenant) else obj.tenant_id
        return tenant_id is not None and administers_everywhere(request.user, tenant_id)

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        """Offer only the tenants that the person administers."""
        if db_field.name == "tenant" and not request.user.is_superuser:
            visible = Tenant.objects.filter(pk__in=tenants_visible_to(request.user))
            own = [one.pk for one in visible if request.user.has_perm("safety.administer_tenant", one)]
            kwargs["queryset"] = visible.filter(pk__in=own)
        return super().formfield_for_foreignkey(db_field, request, **kwargs)
