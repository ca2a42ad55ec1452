"""Short ways to ask a secret store in tests."""

from safety.secrets.found import SecretStore, Wanted
from safety.secrets.values import SecretRef, SecretValue


def read(store: SecretStore, tenant: str, path: str, key: str = "", version: int = 0) -> str:
    """The value of a field, for a tenant. Raises SecretError."""
    reference = SecretRef("store", path, key, version)
    value = store.read(Wanted(tenant, reference.place)).pick(reference)
    assert isinstance(value, SecretValue)
    return value.reveal()
