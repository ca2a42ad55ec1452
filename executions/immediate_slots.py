"""How many immediate executions this process takes on at once; beyond the bound they are queued."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from django.conf import settings

_guard = threading.Lock()
_taken = 0


def has_room() -> bool:
    """Whether this process may take on one more."""
    return _taken < int(settings.OPSC["IMMEDIATE_SLOTS"])


@contextmanager
def slot() -> Iterator[None]:
    """Count as one while the body runs."""
    global _taken
    with _guard:
        _taken += 1
    try:
        yield
    finally:
        with _guard:
            _taken -= 1
