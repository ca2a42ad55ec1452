"""Which paths of a store a tenant reaches."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from safety.secrets.errors import SecretForbidden

TENANT = "{tenant}"
_SEGMENT = re.compile(r"\w[\w.@-]{0,127}", re.ASCII)
_SLUG = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,49}", re.ASCII)


def segments(path: str) -> tuple[str, ...]:
    """The parts of a path between slashes.

    Raises SecretForbidden for parts that could lead elsewhere: `..`, an empty one, `%2e`, spaces, other signs.
    """
    parts = tuple(path.split("/"))
    if not all(_SEGMENT.fullmatch(part) for part in parts):
        raise SecretForbidden("the path holds `..`, an empty part or a sign that no path may hold")
    return parts


def own_slug(tenant_slug: str) -> str:
    """The slug itself. Raises SecretForbidden when it is no single part of a path."""
    if not _SLUG.fullmatch(tenant_slug):
        raise SecretForbidden("the tenant's slug cannot stand in a path")
    return tenant_slug


@dataclass(frozen=True)
class PathPolicy:
    """A path is allowed when its first parts are those of a prefix, part by part, `{tenant}` being the slug.

    Whole parts are compared: `kv/acme` reaches nothing of `kv/acme2`, and not the folder `kv/acme` itself.
    """

    prefixes: tuple[str, ...]

    def require(self, tenant_slug: str, path: str, *, store: str) -> None:
        """Raises SecretForbidden, with what would be allowed."""
        parts, slug = segments(path), own_slug(tenant_slug)
        allowed = [
            tuple(slug if part == TENANT else part for part in prefix.split("/")) for prefix in self.prefixes
        ]
        if not any(len(parts) > len(begin) and parts[: len(begin)] == begin for begin in allowed):
            reach = " or ".join(f"{store}:{'/'.join(begin)}/…" for begin in allowed) or "nothing"
            raise SecretForbidden(f"{store}:{path} is not this tenant's: it reaches {reach}")


def prefix_problem(prefix: str, *, shared: bool) -> str:
    """What is wrong with a prefix, empty when nothing is. `shared`: every tenant uses the store."""
    parts = prefix.split("/")
    if not all(part == TENANT or _SEGMENT.fullmatch(part) for part in parts):
        return f"{prefix!r} is no path: parts of letters, digits and _.@- between slashes, or {TENANT} as a whole part"
    if shared and TENANT not in parts:
        return (
            f"{prefix!r} is the same for every tenant: put {TENANT} into it, or give the store to one tenant"
        )
    return ""


def prefixes_problem(prefixes: Sequence[str], *, shared: bool) -> str:
    """The first problem of a list of prefixes, empty when there is none."""
    if not prefixes:
        return "at least one prefix is needed: without one nothing can be read"
    return next(filter(None, (prefix_problem(prefix, shared=shared) for prefix in prefixes)), "")
