"""Masking rules in the admin: a tenant's own, and a box to try one before it counts."""

from typing import Any, cast

from django.contrib import admin
from django.contrib.admin import helpers
from django.core.exceptions import PermissionDenied
from django.db.models import Q, QuerySet
from django.db.models.functions import Now
from django.http import Http404, HttpRequest, HttpResponse
from django.utils.decorators import method_decorator
from django.views.decorators.debug import sensitive_post_parameters

from safety.administration import TenantAdministeredAdmin, TenantFilter
from safety.masking.trial import LONGEST_SAMPLE, Trial, tried
from safety.models import MaskingRule
from safety.signals import masking_rule_changed


@admin.register(MaskingRule)
class MaskingRuleAdmin(TenantAdministeredAdmin):
    """What is masked beyond the built-in patterns. Rules for every tenant are written by superusers."""

    list_display = ("kind", "pattern", "tenant", "is_active", "changed_by", "changed_at")
    list_filter = ("is_active", TenantFilter)
    list_select_related = ("tenant",)
    search_fields = ("kind", "pattern", "note")
    fixed_fields = ("tenant", "created_by", "created_at", "changed_by", "changed_at")
    deletable = True

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Rules for every tenant are shown to all who may see rules."""
        rows = admin.ModelAdmin.get_queryset(self, request)
        own = super().get_queryset(request).values("pk")
        return rows.filter(Q(pk__in=own) | Q(tenant__isnull=True))

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_view_permission(request, _of_a_tenant(obj))

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return _may_write(request, obj) and super().has_change_permission(request, _of_a_tenant(obj))

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return _may_write(request, obj) and super().has_delete_permission(request, _of_a_tenant(obj))

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        if db_field.name == "tenant":
            kwargs["required"] = not request.user.is_superuser
            kwargs["help_text"] = db_field.help_text if request.user.is_superuser else ""
        return super().formfield_for_foreignkey(db_field, request, **kwargs)

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        field: Any = super().formfield_for_dbfield(db_field, request, **kwargs)
        if db_field.name == "pattern" and field is not None:
            field.strip = False
            field.widget.attrs |= {"spellcheck": "false", "autocapitalize": "off", "class": "pattern"}
        return field

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        obj.changed_by = request.user.get_username()
        obj.changed_at = Now()
        if not change:
            obj.created_by = obj.changed_by
        before = MaskingRule.objects.filter(pk=obj.pk).first() if change else None
        super().save_model(request, obj, form, change)
        self._tell(request, "changed" if change else "made", obj, before)

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        self._tell(request, "removed", None, obj)
        super().delete_model(request, obj)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        for rule in queryset:
            self._tell(request, "removed", None, rule)
        super().delete_queryset(request, queryset)

    def _tell(self, request: HttpRequest, change: str, now: Any, before: Any) -> None:
        masking_rule_changed.send(MaskingRule, change=change, now=now, before=before, by=request.user)

    @method_decorator(sensitive_post_parameters("sample"))
    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """The form; with the button "Try it" it shows what the rule does and saves nothing."""
        if request.method == "POST" and "_try" in request.POST:
            return self._tried(request, object_id)
        return super().changeform_view(request, object_id, form_url, extra_context)

    def _tried(self, request: HttpRequest, object_id: str | None) -> HttpResponse:
        row = self.get_object(request, object_id) if object_id else None
        if object_id and row is None:
            raise Http404
        if not (self.has_change_permission(request, row) if row else self.has_add_permission(request)):
            raise PermissionDenied
        form = self.get_form(request, row, change=row is not None, fields=None)(request.POST, instance=row)
        form.is_valid()
        sample = request.POST.get("sample", "")[:LONGEST_SAMPLE]
        trial = Trial.of_nothing(sample) if "pattern" in form.errors else _trial(form, row, sample)
        return self._shown(request, form, row, trial)

    def _shown(self, request: HttpRequest, form: Any, row: Any, trial: Trial) -> HttpResponse:
        """The form as it was sent, with what came of the trial."""
        fields = helpers.AdminForm(
            form,
            cast("Any", self.get_fieldsets(request, row)),
            {},
            self.get_readonly_fields(request, row),
            model_admin=self,
        )
        context = {
            **self.admin_site.each_context(request),
            "title": "Try a masking rule",
            "adminform": fields,
            "object_id": row.pk if row else None,
            "original": row,
            "media": self.media + fields.media,
            "inline_admin_formsets": [],
            "errors": helpers.AdminErrorList(form, []),
            "preserved_filters": self.get_preserved_filters(request),
            "trial": trial,
        }
        return self.render_change_form(request, context, add=row is None, change=row is not None, obj=row)


def _trial(form: Any, row: Any, sample: str) -> Trial:
    tenant = form.cleaned_data.get("tenant") or (row.tenant if row else None)
    addresses = bool(tenant and tenant.mask_ip_addresses)
    kind = form.cleaned_data.get("kind") or "rule"
    return tried(kind, form.cleaned_data["pattern"], sample, ip_addresses=addresses)


def _of_a_tenant(obj: Any) -> Any:
    """The row when it belongs to a tenant whose roles decide."""
    return obj if obj is not None and obj.tenant_id is not None else None


def _may_write(request: HttpRequest, obj: Any) -> bool:
    return bool(obj is None or obj.tenant_id is not None or request.user.is_superuser)
