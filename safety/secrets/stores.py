"""The secret stores by name: those of the worker's environment, and those of the table."""

from functools import cache
from pathlib import Path
from threading import Lock
from typing import LiteralString

from django.conf import settings

from safety.secrets.asset_service import AssetService, AssetServiceSettings
from safety.secrets.configured import build
from safety.secrets.errors import StoreUnknown
from safety.secrets.found import SecretStore
from safety.secrets.local import EnvStore, FileStore
from safety.secrets.vault import VaultStore
from safety.secrets.vault_settings import VaultSettings
from safety.sql import fetch

# Names that the environment gives; the table may not take them.
BUILT_IN = ("env", "file", "vault", "asset")

# A tenant's own store wins over one of the same name for all.
_OF_THE_TENANT: LiteralString = """
SELECT id, name, kind, settings, prefixes, cache_s, tenant_id IS NULL AS shared FROM opsc_secret_store
WHERE is_active AND (tenant_id = %(tenant)s OR tenant_id IS NULL) ORDER BY name, tenant_id NULLS LAST
"""

_guard = Lock()
_built: dict[int, tuple[str, SecretStore]] = {}


def store(name: str, tenant_id: int | None = None) -> SecretStore:
    """The store of that name for the tenant. Raises StoreUnknown, StoreMisconfigured.

    Stores of the table are looked up at each call, so that a change holds from the next step on; signed-in
    sessions are kept while nothing changes.
    """
    known = _built_in(
        settings.OPSC.get("SECRETS_DIR", ""),
        VaultSettings.from_environment(),
        AssetServiceSettings.from_environment(),
    )
    if name in known:
        return known[name]
    rows = (
        fetch(_OF_THE_TENANT, {"tenant": tenant_id}) if tenant_id is not None and name not in BUILT_IN else []
    )
    for row in rows:
        if row["name"] == name:
            return _kept(row.pop("id"), **row)
    names = sorted({*known, *(row["name"] for row in rows)})
    raise StoreUnknown(f"no secret store {name!r} here; configured: {', '.join(names)}")


def _kept(number: int, **given: object) -> SecretStore:
    """The store built from these settings, built anew when they changed."""
    fingerprint = repr(sorted(given.items()))
    with _guard:
        kept = _built.get(number)
        if kept is not None and kept[0] == fingerprint:
            return kept[1]
        made = build(**given)  # type: ignore[arg-type]  # the columns of the table
        _built[number] = (fingerprint, made)
    _close(kept[1] if kept else None)
    return made


def _close(replaced: SecretStore | None) -> None:
    if isinstance(replaced, VaultStore):
        replaced.session.close()


@cache
def _built_in(
    secrets_dir: str, vault: VaultSettings | None, assets: AssetServiceSettings | None
) -> dict[str, SecretStore]:
    known: dict[str, SecretStore] = {"env": EnvStore()}
    if secrets_dir:
        known["file"] = FileStore(Path(secrets_dir))
    if vault is not None:
        known["vault"] = VaultStore(vault)
    if assets is not None:
        known["asset"] = AssetService(assets)
    return known
