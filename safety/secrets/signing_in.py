"""What signing in to a target takes, outside of any step: read for one look, told to a masker, wiped after it."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from safety.masking import Masker, live
from safety.masking.tenant_rules import rules_of
from safety.secrets.resolver import Resolver
from safety.secrets.ssh_certificates import with_certificate


@dataclass(frozen=True)
class Account:
    """An account on a target of a tenant; `credentials` are references as the asset holds them."""

    tenant_id: int
    tenant_slug: str
    masking_version: int
    username: str
    credentials: Mapping[str, Any]


@contextmanager
def signing_in(account: Account) -> Iterator[tuple[Mapping[str, Any], Masker]]:
    """The credentials resolved, and a masker that knows every value of them, for as long as the block runs.

    Raises SecretError and RulesUnusable: nothing may be asked of the target then.
    """
    chosen = rules_of(account.tenant_id, account.masking_version)
    masker = Masker(ip_addresses=chosen.ip_addresses, rules=chosen.rules)
    resolver = Resolver(account.tenant_slug, tenant_id=account.tenant_id)
    live.register(masker)
    try:
        try:
            credentials = with_certificate(resolver, resolver.resolve(account.credentials), account)
        finally:  # also what was read before the one that could not be had
            for name, value in resolver.to_mask():
                masker.add(value.reveal(), name=name)
        yield credentials, masker
    finally:
        resolver.end()
        live.retire(masker)
