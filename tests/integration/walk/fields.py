"""What to send to each address that takes a form; an address without a row here fails the walk."""

import json
from collections.abc import Callable
from typing import Any

from django.contrib import admin
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.auth.models import User
from django.test import RequestFactory

from executions.models import Asset, Execution, Step
from executions.plans.approved import gate_hash
from tests.integration.walk.scene import Scene
from tests.leaks.walking import Filled

WHAT_IS_MISSING = (
    "{} takes a POST: add a row to FIELDS in tests/integration/walk/fields.py that says what to send"
)
Fields = dict[str, Any]


def _plan(scene: Scene, tenant: Any) -> Fields:
    asset = Asset.objects.filter(tenant=tenant).first()
    step = {"id": "a", "kind": "command", "with": {"argv": ["true"]}, "action_class": "read"}
    plan = {"version": 1, "name": "a plan", "mode": "background", "targets": [asset.name], "steps": [step]}
    return {
        "tenant": tenant.pk,
        "plan": json.dumps(plan),
        "seen_hash": "0" * 64,
        "again": "on",
        "form_key": "0" * 32,
    }


def _approval(arguments: Fields) -> Fields:
    execution = Execution.objects.get(pk=arguments["execution_id"])
    wanted = execution.approval_hash
    if "step" in arguments:
        step = Step.objects.get(execution=execution, key=arguments["step"])
        wanted = gate_hash(wanted, step.key, step.spec)
    return {"approval_hash": wanted, "comment": "fine"}


def _switch(scene: Scene, tenant: Any) -> Fields:
    where = {"tenant": tenant.pk, "environment": "prod", "connector": "wait"}
    return where | {"mode": "hold", "hours": "1", "reason": "because"}


_SIGN_IN = {"username": "vera", "password": "wrong", "next": "/"}
# By the name of the address: a function of the scene, the tenant whose ids are sent, and the address's arguments.
FIELDS: dict[str, Callable[[Scene, Any, Fields], Fields]] = {
    "executions:home": lambda scene, tenant, arguments: {},
    "executions:preview": lambda scene, tenant, arguments: _plan(scene, tenant),
    "executions:confirm": lambda scene, tenant, arguments: _plan(scene, tenant),
    "executions:cancel": lambda scene, tenant, arguments: {"reason": "because"},
    "executions:retry": lambda scene, tenant, arguments: {"failed_only": "", "confirmed": "on"},
    "executions:approve": lambda scene, tenant, arguments: _approval(arguments),
    "executions:reject": lambda scene, tenant, arguments: {"comment": "no"},
    "executions:approve_step": lambda scene, tenant, arguments: _approval(arguments),
    "executions:reject_step": lambda scene, tenant, arguments: {"comment": "no"},
    "executions:resolve": lambda scene, tenant, arguments: {"decision": "skip", "reason": "because"},
    "executions:confirm_stop": lambda scene, tenant, arguments: {},
    "executions:reserve": lambda scene, tenant, arguments: {"reason": "because", "minutes": "5"},
    "executions:unreserve": lambda scene, tenant, arguments: {},
    "executions:release": lambda scene, tenant, arguments: {"reason": "because", "force": "on"},
    "executions:change_rollout": lambda scene, tenant, arguments: {
        "phase": "off",
        "percent": "10",
        "most_level": "1",
        "reason": "because",
        "cancel_open": "on",
    },
    "executions:take_back": lambda scene, tenant, arguments: {"reason": "because"},
    "executions:break_glass": lambda scene, tenant, arguments: (
        _approval(arguments) | {"reason": "an emergency of its own"}
    ),
    "executions:review": lambda scene, tenant, arguments: {"comment": "right call"},
    "executions:deputies": lambda scene, tenant, arguments: {
        "tenant": tenant.pk,
        "name": "nina",
        "days": "1",
        "reason": "because",
    },
    "executions:end_delegation": lambda scene, tenant, arguments: {},
    "executions:decide": lambda scene, tenant, arguments: {"decision": "reject", "comment": "no"},
    "executions:turn_switch": lambda scene, tenant, arguments: _switch(scene, tenant),
    "executions:lift_switch": lambda scene, tenant, arguments: {"reason": "because"},
    "new_token": lambda scene, tenant, arguments: {
        "name": "a token",
        "where": f"{(scene.nina if tenant == scene.b else scene.olga).pk}:{tenant.pk}",
        "scopes": ["read"],
        "days": "3",
        "networks": "",
    },
    "revoke_token": lambda scene, tenant, arguments: {},
    "api:executions": lambda scene, tenant, arguments: json.loads(_plan(scene, tenant)["plan"]),
    "api:cancel": lambda scene, tenant, arguments: {"reason": "because"},
    "api:retry": lambda scene, tenant, arguments: {"failed_only": False, "confirm": True},
    "api:nothing": lambda scene, tenant, arguments: {},
    "login": lambda scene, tenant, arguments: _SIGN_IN,
    "once": lambda scene, tenant, arguments: {},
    "logout": lambda scene, tenant, arguments: {},
    "sso": lambda scene, tenant, arguments: {"next": "/"},
    "second_step": lambda scene, tenant, arguments: {"code": "123456"},
    "again": lambda scene, tenant, arguments: {"password": "wrong", "code": "123456", "next": "/"},
    "second_factor": lambda scene, tenant, arguments: {"code": "123456", "password": "wrong"},
    "password": lambda scene, tenant, arguments: {
        "old_password": "wrong",
        "new_password1": "a long new one 7",
        "new_password2": "a long new one 7",
    },
    "sign_out_everywhere": lambda scene, tenant, arguments: {},
    "admin_password": lambda scene, tenant, arguments: {},
    "admin_sign_in": lambda scene, tenant, arguments: _SIGN_IN,
}
# Pages of the admin that are about no table; they send their forms elsewhere, or have none.
PLAIN_ADMIN = {
    "index",
    "login",
    "logout",
    "password_change",
    "password_change_done",
    "autocomplete",
    "jsi18n",
    "view_on_site",
    "app_list",
}


def fields_of(scene: Scene, place: Filled, tenant: Any) -> Fields | None:
    """What its form sends; None when nobody has said that."""
    if place.name in FIELDS:
        return FIELDS[place.name](scene, tenant, place.arguments)
    space, _, name = place.name.partition(":")
    if space != "admin":
        return None
    if name in PLAIN_ADMIN:
        return {}
    for model, model_admin in admin.site._registry.items():
        prefix = f"{model._meta.app_label}_{model._meta.model_name}_"
        if name.startswith(prefix):
            return _of_admin(
                scene, model_admin, name.removeprefix(prefix), place.arguments.get("object_id"), tenant
            )
    return {} if name == "auth_user_password_change" else None


def _of_admin(scene: Scene, model_admin: Any, page: str, key: Any, tenant: Any) -> Fields:
    if page == "delete":
        return {"post": "yes"}
    if page == "changelist":
        first = model_admin.model._base_manager.values_list("pk", flat=True).first()
        return {"action": "delete_selected", ACTION_CHECKBOX_NAME: str(first), "post": "yes"}
    return form_of(scene, model_admin, key, tenant)


def form_of(scene: Scene, model_admin: Any, key: Any, tenant: Any, *, person: User | None = None) -> Fields:
    """The form that the person, by default the platform's admin, is offered: filled from the row, or a new one.

    Where there is no such form, whatever the row has.
    """
    request = RequestFactory().get("/")
    request.user = person or scene.root
    row = model_admin.model._base_manager.filter(pk=key).first() if key is not None else None
    new = {"tenant": tenant.pk, "name": "made", "slug": "made", "reason": "because"}
    given = {field.name: field.value_from_object(row) for field in row._meta.concrete_fields} if row else new
    may = model_admin.has_change_permission if row else model_admin.has_add_permission
    if may(request):
        form = model_admin.get_form(request, row, change=row is not None)
        given = {name: given.get(name, field.initial) for name, field in form.base_fields.items()}
    return {
        name: _sent(value)
        for name, value in given.items()
        if value not in (None, False) and not callable(value)
    }


def _sent(value: Any) -> Any:
    return json.dumps(value, default=str) if isinstance(value, dict | tuple) else value
