"""Keeps what a store answered for some seconds, for stores whose owner asked for it."""

import threading
import time
from dataclasses import replace

from safety.secrets.found import Found, SecretStore, Wanted
from safety.secrets.values import SecretRef, SecretValue

MOST_KEPT = 1000


class Caching:
    """A store that asks another at most once in so many seconds for each tenant and place.

    A secret that was changed is used for that long. Nothing that was lent is kept, no error is, and no tenant
    is answered with what another asked for. Every reader gets a copy to wipe.
    """

    def __init__(self, store: SecretStore, *, seconds: float) -> None:
        self.store = store
        self._seconds = seconds
        self._guard = threading.Lock()
        self._kept: dict[tuple[str, SecretRef], tuple[float, Found]] = {}

    def read(self, wanted: Wanted) -> Found:
        if wanted.since_s:
            # The work may have begun with what was kept then.
            return self.store.read(replace(wanted, since_s=wanted.since_s + self._seconds))
        key = (wanted.tenant_slug, wanted.reference)
        with self._guard:
            self._forget_old()
            if key in self._kept:
                return _copy(self._kept[key][1])
        found = self.store.read(wanted)
        if found.lease is None:
            with self._guard:
                if len(self._kept) < MOST_KEPT:
                    self._kept[key] = (time.monotonic() + self._seconds, _copy(found))
        return found

    def _forget_old(self) -> None:
        now = time.monotonic()
        for key in [key for key, (until, _) in self._kept.items() if until <= now]:
            self._kept.pop(key)[1].wipe()


def _copy(found: Found) -> Found:
    fields = {
        name: SecretValue(value.reveal()) if isinstance(value, SecretValue) else value
        for name, value in found.fields.items()
    }
    return Found(fields, is_open=found.is_open, has_fields=found.has_fields)
