"""The secrets that are in use in this process right now, for whoever writes its logs."""

import threading
import time
from typing import Any, NamedTuple

from safety.masking.exact import ExactValues
from safety.masking.masker import LARGE, Finder, Masker, decode, find_spans
from safety.masking.spans import MaskingError, Span, fails_closed, merge, replace

# Exceptions are logged after their step is over; for this long its values are still masked.
LINGER_S = 60.0


class _Lingering(NamedTuple):
    values: ExactValues
    added: tuple[Finder, ...]
    until: float


_NOTHING = ExactValues(frozenset())
_guard = threading.Lock()
_active: list[Masker] = []
_lingering: dict[tuple[frozenset[bytes], tuple[Finder, ...]], _Lingering] = {}
_timer: threading.Timer | None = None


def register(masker: Masker) -> None:
    """Mask the values and rules of `masker` in this process's logs, those added later too, until `retire`."""
    with _guard:
        _active.append(masker)


def retire(masker: Masker) -> None:
    """Wipe `masker`; logs are still masked for LINGER_S seconds, then its values are forgotten."""
    global _timer
    with _guard:
        _active.remove(masker)
        values = masker.values if not masker.is_wiped else _NOTHING
        added = masker.added
        if values.forms or added:
            _lingering[values.forms, added] = _Lingering(values, added, time.monotonic() + LINGER_S)
            if _timer is None:
                _timer = _started_timer(LINGER_S)
    masker.wipe()


def forget_expired() -> None:
    """Drop values whose step ended more than LINGER_S seconds ago."""
    global _timer
    with _guard:
        now = time.monotonic()
        for key in [key for key, kept in _lingering.items() if kept.until <= now]:
            del _lingering[key]
        _timer = _started_timer(LINGER_S / 4) if _lingering else None


class _LiveMasker(Masker):
    """Masks with the values and rules of every step in this process instead of its own."""

    def raw(self, data: bytes) -> bytes:
        if len(data) > LARGE:
            raise MaskingError("too long to be logged")
        return super().raw(data)

    def spans(self, data: bytes) -> list[Span]:
        with _guard:
            added = [finder for masker in _active for finder in masker.added]
            added += [finder for kept in _lingering.values() for finder in kept.added]
        return find_spans(data, _known(), list(dict.fromkeys(added)))


_live = _LiveMasker()


def mask_for_logs(text: str) -> str:
    """`text` without anything secret: patterns and the values of all steps here.

    Raises MaskingError, also for more than LARGE bytes.
    """
    return _live.text(text)


def mask_data_for_logs(value: Any) -> Any:
    """A JSON-like structure without anything secret, as `Masker.data`. Raises MaskingError."""
    return _live.data(value)


@fails_closed
def mask_values(text: str) -> str:
    """`text` without the values of all steps here; patterns are let through. Raises MaskingError."""
    raw = text.encode("utf-8", "surrogatepass")
    spans = merge(span for values in _known() for span in values.spans(raw))
    return decode(replace(raw, spans)) if spans else text


def _known() -> list[ExactValues]:
    with _guard:
        return [masker.values for masker in _active] + [kept.values for kept in _lingering.values()]


def _started_timer(seconds: float) -> threading.Timer:
    timer = threading.Timer(seconds, forget_expired)
    timer.daemon = True
    timer.start()
    return timer
