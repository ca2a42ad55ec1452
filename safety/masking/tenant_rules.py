"""What a tenant added to masking, kept in memory for as long as its version says that nothing changed."""

import threading
from dataclasses import dataclass
from typing import LiteralString

from safety.masking.rules import BadRule, Rule, RuleSet
from safety.sql import fetch_one

_LOAD: LiteralString = """
SELECT t.masking_version AS version, t.mask_ip_addresses AS ip_addresses,
       coalesce((SELECT jsonb_agg(jsonb_build_array(r.kind, r.pattern) ORDER BY r.id) FROM opsc_masking_rule r
                 WHERE r.is_active AND (r.tenant_id = t.id OR r.tenant_id IS NULL)), '[]') AS rules
FROM opsc_tenant t WHERE t.id = %(tenant)s
"""


class RulesUnusable(Exception):
    """The tenant's masking rules cannot be had, so nothing of its output could be shown."""


@dataclass(frozen=True, kw_only=True)
class TenantRules:
    """version: `Tenant.masking_version` at which this was read; rules: None when there are none."""

    version: int
    ip_addresses: bool = False
    rules: RuleSet | None = None


NONE = TenantRules(version=0)
_guard = threading.Lock()
_read: dict[int, TenantRules] = {}


def rules_of(tenant_id: int, version: int) -> TenantRules:
    """The rules of the tenant, at least as new as `version`, which every claim brings along.

    One statement when the version is new to this process, nothing otherwise; version 0 is that of no tenant.

    Raises RulesUnusable; database errors as they are.
    """
    if version == 0:
        return NONE
    known = _read.get(tenant_id)
    if known is None or known.version < version:
        known = _load(tenant_id)
        with _guard:
            other = _read.get(tenant_id)
            if other is None or other.version < known.version:
                _read[tenant_id] = known
    return known


def _load(tenant_id: int) -> TenantRules:
    row = fetch_one(_LOAD, {"tenant": tenant_id})
    if row is None:
        raise RulesUnusable("the tenant is gone")
    rules = [Rule(kind, pattern) for kind, pattern in row["rules"]]
    try:
        compiled = RuleSet(rules) if rules else None
    except BadRule as problem:
        raise RulesUnusable(f"a masking rule of this tenant cannot be used ({problem})") from None
    return TenantRules(version=row["version"], ip_addresses=row["ip_addresses"], rules=compiled)
