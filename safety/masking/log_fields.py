"""Which execution and step run the log lines of this thread are about."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from uuid import UUID

_bound: ContextVar[dict[str, str] | None] = ContextVar("opsconductor_log_fields", default=None)


@contextmanager
def bind(*, execution: UUID | str = "", step_run: UUID | str = "") -> Iterator[None]:
    """Add `execution` and `step_run` to every line logged inside, by this thread or asyncio task."""
    given = {"execution": str(execution), "step_run": str(step_run)}
    token = _bound.set(bound() | {name: value for name, value in given.items() if value})
    try:
        yield
    finally:
        _bound.reset(token)


def bound() -> dict[str, str]:
    """The fields that a line logged now has to carry."""
    return _bound.get() or {}
