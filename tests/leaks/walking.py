"""Every address of the web process, filled with what is in the database, and visited by everybody."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.apps import apps
from django.contrib import admin
from django.contrib.auth.models import User
from django.contrib.contenttypes.models import ContentType
from django.urls import NoReverseMatch, URLPattern, URLResolver, get_resolver, reverse

from executions.models import Asset, Execution, Step, StepRun
from safety.models import Delegation, Switch, Tenant
from safety.tokens.models import ApiToken
from tests.leaks.acts import Visitor

MOST_OBJECTS = 3  # of one table in the admin, each with four pages; the tables are searched as a whole, too
# What a part of an address is the key of.
TABLES = {
    "execution_id": Execution,
    "step_run_id": StepRun,
    "asset_id": Asset,
    "switch_id": Switch,
    "token_id": ApiToken,
    "delegation_id": Delegation,
}
NOT_THERE = ("/no/such/page", "/admin/no/such/page")


class Unfillable(Exception):
    """Nobody has told the hunt what to put into this address, so it would not be looked at."""


@dataclass(frozen=True)
class Filled:
    """An address of the pattern `name`, with the arguments that fill it; `is_first` of its pattern."""

    name: str
    arguments: dict[str, Any]
    address: str
    is_first: bool


def filled(*, wholly: bool = False) -> Iterator[Filled]:
    """Every address of every pattern, filled from the rows that there are.

    Raises Unfillable for a pattern with a part that is new to the hunt; `wholly`: also when there is no row for it.
    """
    for names, pattern in _patterns(get_resolver(), ()):
        full = ":".join((*names, pattern.name or ""))
        number = -1
        for number, arguments in enumerate(_arguments(pattern)):
            try:
                yield Filled(full, arguments, reverse(full, kwargs=arguments), number == 0)
            except NoReverseMatch as problem:
                raise Unfillable(f"{full}: {problem}") from problem
        if wholly and number < 0:
            raise Unfillable(f"{full}: there is no row to fill it with")


def addresses() -> dict[str, bool]:
    """Every address of every pattern, and whether it is the first of its pattern. Raises like `filled`."""
    found = dict.fromkeys(NOT_THERE, True)
    for one in filled():
        found.setdefault(one.address, one.is_first)
    return found


def _patterns(resolver: URLResolver, names: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], URLPattern]]:
    for entry in resolver.url_patterns:
        if isinstance(entry, URLResolver):
            inner = (*names, entry.namespace) if entry.namespace else names
            yield from _patterns(entry, inner)
        elif entry.name is not None:
            yield names, entry
        elif names != ("admin",):  # whose nameless ones are redirects and the page for what is not there
            raise Unfillable(f"{entry.pattern}: an address without a name")


def _arguments(pattern: URLPattern) -> Iterator[dict[str, Any]]:
    groups = set(pattern.pattern.regex.groupindex)
    if not groups:
        yield {}
    elif groups <= set(TABLES):
        keys = [list(TABLES[name].objects.values_list("pk", flat=True)) for name in sorted(groups)]
        longest = max(map(len, keys))
        for number in range(longest):
            yield {name: own[number % len(own)] for name, own in zip(sorted(groups), keys, strict=True)}
    elif groups == {"execution_id", "step"}:
        steps = Step.objects.order_by("pk").values_list("execution_id", "key")[:MOST_OBJECTS]
        yield from ({"execution_id": execution, "step": key} for execution, key in steps)
    elif groups == {"slug"}:
        yield from ({"slug": slug} for slug in Tenant.objects.values_list("slug", flat=True))
    elif groups == {"token"}:
        yield {"token": "no-such-token"}
    elif groups == {"id"} and pattern.name == "auth_user_password_change":
        yield from ({"id": key} for key in User.objects.values_list("pk", flat=True))
    elif groups == {"object_id"}:
        yield from _objects(pattern)
    elif groups == {"app_label"}:
        yield from (
            {"app_label": label}
            for label in sorted({model._meta.app_label for model in admin.site._registry})
        )
    elif groups == {"content_type_id", "object_id"}:
        content_type = ContentType.objects.get_for_model(Execution)
        yield {
            "content_type_id": content_type.pk,
            "object_id": Execution.objects.values_list("pk", flat=True)[0],
        }
    else:
        raise Unfillable(f"{pattern.name or pattern}: what to put into {', '.join(sorted(groups))}?")


def _objects(pattern: URLPattern) -> Iterator[dict[str, Any]]:
    """The rows of the table that this page of the admin is about."""
    for model in admin.site._registry:
        prefix = f"{model._meta.app_label}_{model._meta.model_name}_"
        if pattern.name and pattern.name.startswith(prefix):
            keys = apps.get_model(model._meta.label).objects.values_list("pk", flat=True)[:MOST_OBJECTS]
            yield from ({"object_id": key} for key in keys)
            return
    if pattern.name is not None:
        raise Unfillable(f"{pattern.name}: an object of which table?")


def walk(everybody: dict[str, Visitor]) -> int:
    """Visit every address as Olga, the admin's as its superuser, and one of each pattern as everybody.

    Returns: how many addresses there are. Signing out comes last.
    """
    found = addresses()
    for address in sorted(found, key=lambda address: "sign-out" in address or "logout" in address):
        for visitor in everybody.values():
            if found[address] or visitor.name == ("root" if address.startswith("/admin/") else "olga"):
                visitor.get(address)
    return len(found)
