"""Pages that begin after a row instead of skipping rows: as quick on the last page as on the first."""

import base64
import binascii
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar
from uuid import UUID

from django.core.exceptions import BadRequest
from django.db.models import Model, Q

Row = TypeVar("Row", bound=Model)


@dataclass(frozen=True)
class Page(Generic[Row]):
    """Some rows, newest first. `older` is the cursor of the next page, empty on the last one."""

    rows: Sequence[Row]
    older: str


def page_of(rows: Sequence[Row], size: int, *, by: str = "created_at") -> Page[Row]:
    """A page of the first `size` of the rows; fetch one more to know whether there are older ones."""
    older = encode(getattr(rows[size - 1], by), rows[size - 1].pk) if len(rows) > size else ""
    return Page(rows[:size], older)


def encode(at: datetime, key: Any) -> str:
    """The place of a row as a short text for an address."""
    return base64.urlsafe_b64encode(f"{at.isoformat()}|{key}".encode()).decode().rstrip("=")


def older_than(cursor: str, *, by: str = "created_at", uuid_keys: bool = True) -> Q:
    """Condition for the rows after the cursor's; everything when it is empty.

    Raises:
      BadRequest: The cursor was not made by `encode`.
    """
    if not cursor:
        return Q()
    try:
        text = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode()
        at_text, _, key_text = text.partition("|")
        at = datetime.fromisoformat(at_text)
        key: UUID | int = UUID(key_text) if uuid_keys else int(key_text)
    except (binascii.Error, UnicodeError, ValueError) as error:
        raise BadRequest("This page address is damaged. Start again from the first page.") from error
    if at.tzinfo is None or (isinstance(key, int) and not 0 <= key < 2**63):
        raise BadRequest("This page address is damaged. Start again from the first page.")
    return Q(**{f"{by}__lt": at}) | Q(**{by: at, "pk__lt": key})
