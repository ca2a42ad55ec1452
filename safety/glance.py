"""Asking the same question once while one page is drawn.

Only what a page shows about many rows may look through a glance. Whoever decides something asks afresh, always.
"""

from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, TypeVar

Answer = TypeVar("Answer")

_SEEN: ContextVar[dict[Hashable, Any] | None] = ContextVar("seen_in_one_glance", default=None)


@contextmanager
def one_glance() -> Iterator[None]:
    """Within this block `glanced` gives the answer that it gave before."""
    token = _SEEN.set({})
    try:
        yield
    finally:
        _SEEN.reset(token)


def glanced(key: Hashable, ask: Callable[[], Answer]) -> Answer:
    """The answer of `ask`: of now, or within `one_glance` the one that this key was given before."""
    seen = _SEEN.get()
    if seen is None:
        return ask()
    if key not in seen:
        seen[key] = ask()
    answer: Answer = seen[key]
    return answer
