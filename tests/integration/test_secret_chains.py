"""Promises about secrets whose fields are references themselves: followed, not in a circle, not to other tenants."""

from collections.abc import Callable
from typing import Any

import hvac
import pytest

from safety.models import Tenant
from safety.secrets import errors
from safety.secrets.resolver import LONGEST_CHAIN, Resolver
from tests.services.openbao import OpenBao
from tests.world import World


def value(tenant: Tenant, reference: str) -> str:
    resolver = Resolver(tenant.slug, tenant_id=tenant.pk)
    return str(resolver.resolve({"secret": reference}).reveal())


@pytest.fixture
def chain(openbao: OpenBao, monkeypatch: pytest.MonkeyPatch) -> Callable[[dict[str, Any]], None]:
    """Writes secrets whose fields are references."""
    monkeypatch.setenv("VAULT_ADDR", openbao.url)
    monkeypatch.setenv("VAULT_TOKEN", openbao.token)
    client = hvac.Client(url=openbao.url, token=openbao.token)

    def write(secrets: dict[str, Any]) -> None:
        for name, field in secrets.items():
            client.secrets.kv.v2.create_or_update_secret(name, {"value": field})

    return write


def link(name: str) -> dict[str, str]:
    return {"secret": f"vault:secret/{name}"}


def test_a_field_that_is_a_reference_is_followed_and_text_never_is(world: World, chain: Any) -> None:
    chain(
        {
            "acme/a": link("acme/b"),
            "acme/b": link("acme/c"),
            "acme/c": "the end",
            "acme/text": "vault:secret/acme/c",
        }
    )

    assert value(world.acme, "vault:secret/acme/a") == "the end"
    assert value(world.acme, "vault:secret/acme/text") == "vault:secret/acme/c"


def test_a_cycle_and_a_chain_that_is_too_long_are_refused(world: World, chain: Any) -> None:
    chain({"acme/a": link("acme/b"), "acme/b": link("acme/a"), "acme/self": link("acme/self")})
    for number in range(LONGEST_CHAIN + 2):
        chain({f"acme/n{number}": link(f"acme/n{number + 1}")})

    for name in ("a", "self"):
        with pytest.raises(errors.SecretCycle, match=r"leads back to itself: vault:secret/acme/"):
            value(world.acme, f"vault:secret/acme/{name}")
    with pytest.raises(errors.TooManyReferences, match="leads over more than 5"):
        value(world.acme, "vault:secret/acme/n0")


def test_a_followed_reference_leads_to_the_tenants_own_paths_only(world: World, chain: Any) -> None:
    chain({"other/web": "theirs", "acme/a": link("other/web")})

    with pytest.raises(errors.SecretForbidden):
        value(world.acme, "vault:secret/acme/a")
