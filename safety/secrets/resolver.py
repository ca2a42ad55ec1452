"""Replaces references by values, just in time."""

from collections.abc import Mapping
from typing import Any

from safety.secrets.errors import TooManyReferences
from safety.secrets.stores import store
from safety.secrets.values import SecretRef, SecretValue, reference_in

DEEPEST = 32
MOST_REFERENCES = 100


class Resolver:
    """Reads the secrets of one step for one tenant; each reference once, however often it occurs.

    `values` holds every value read so far, by its reference, also when `resolve` raised; `wipe` ends them.
    """

    def __init__(self, tenant_slug: str) -> None:
        self.values: dict[SecretRef, SecretValue] = {}
        self._tenant_slug = tenant_slug
        self._seen = 0

    def resolve(self, value: Any) -> Any:
        """`value` with a SecretValue in the place of each reference, the rest copied. Raises SecretError."""
        return self._resolve(value, 0)

    def wipe(self) -> None:
        """Overwrite every value read."""
        for value in self.values.values():
            value.wipe()
        self.values.clear()

    def _resolve(self, value: Any, depth: int) -> Any:
        if depth > DEEPEST:
            raise TooManyReferences(f"arguments are nested deeper than {DEEPEST} levels")
        reference = reference_in(value)
        if reference is not None:
            return self._read(reference)
        if isinstance(value, Mapping):
            return {key: self._resolve(part, depth + 1) for key, part in value.items()}
        if isinstance(value, list | tuple):
            parts = [self._resolve(part, depth + 1) for part in value]
            return parts if isinstance(value, list) else tuple(parts)
        return value

    def _read(self, reference: SecretRef) -> SecretValue:
        self._seen += 1
        if self._seen > MOST_REFERENCES:
            raise TooManyReferences(f"more than {MOST_REFERENCES} secret references in one step")
        if reference not in self.values:
            kept = store(reference.store)
            self.values[reference] = SecretValue(kept.read(self._tenant_slug, reference.path, reference.key))
        return self.values[reference]
