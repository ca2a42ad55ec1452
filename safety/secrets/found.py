"""What a store is asked for, and what it answers."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from safety.secrets.errors import FieldMissing, TooLarge, WrongType
from safety.secrets.values import SecretRef, SecretValue, reference_in

LARGEST_VALUE = 65536  # bytes
_THE_ONLY = "value"


@dataclass(frozen=True)
class Wanted:
    """A place in a store, in the name of a tenant. `lasting_s`: how long what is lent must hold, seconds.

    since_s: how long ago the work began that goes on and may know an earlier value, seconds; 0 when none does.
    """

    tenant_slug: str
    reference: SecretRef
    lasting_s: float = 0.0
    since_s: float = 0.0

    @property
    def path(self) -> str:
        """The path below the store."""
        return self.reference.path


class Lease(Protocol):
    """A secret that was made for us and ends with us."""

    def revoke(self) -> None:
        """End it at its store. Raises SecretError."""


@dataclass(frozen=True)
class Found:
    """All fields of one place, text as SecretValue. `lease`: set when they were made for this step.

    `is_open`: names of fields that are no secret by themselves, such as the user name of a lent account.
    earlier: what stood there since the work began, where its store can tell; unread: a sentence about what of
    that could not be had.
    """

    fields: Mapping[str, Any]
    lease: Lease | None = None
    is_open: frozenset[str] = frozenset()
    has_fields: bool = True
    earlier: tuple["Found", ...] = ()
    unread: str = ""

    @classmethod
    def of(cls, fields: Mapping[str, Any], **more: Any) -> "Found":
        """With every text wrapped."""
        wrapped = {
            name: SecretValue(value) if isinstance(value, str) else value for name, value in fields.items()
        }
        return cls(wrapped, **more)

    @classmethod
    def text(cls, value: str) -> "Found":
        """Of a store whose places hold one text and no fields."""
        return cls({_THE_ONLY: SecretValue(value)}, has_fields=False)

    def pick(self, reference: SecretRef) -> SecretValue | SecretRef:
        """The field asked for; without one, the only field, or that called `value`.

        A field that is itself a reference object is given as the reference. Raises SecretError.
        """
        value = self.fields[self._name(reference)]
        if isinstance(value, SecretValue):
            if value.size > LARGEST_VALUE:
                raise TooLarge(f"{reference} is larger than {LARGEST_VALUE} bytes")
            return value
        further = reference_in(value)
        if further is None:
            raise WrongType(f"{reference} is not text")
        return further

    def picked_if_there(self, reference: SecretRef) -> SecretValue | None:
        """As `pick`, of an earlier version: it may have had other fields, or a reference there."""
        try:
            value = self.fields[self._name(reference)]
        except FieldMissing:
            return None
        return value if isinstance(value, SecretValue) else None

    def wipe(self) -> None:
        """Overwrite every text."""
        for value in self.fields.values():
            if isinstance(value, SecretValue):
                value.wipe()
        for before in self.earlier:
            before.wipe()

    def _name(self, reference: SecretRef) -> str:
        key = reference.key
        if key and not self.has_fields:
            raise FieldMissing(f"{reference}: there are no fields in it; leave out #{key}")
        if key in self.fields:
            return key
        if key:
            raise FieldMissing(f"{reference}: there is no such field")
        if _THE_ONLY in self.fields:
            return _THE_ONLY
        if len(self.fields) != 1:
            raise FieldMissing(f"{reference} has several fields or none; say which, as in {reference}#name")
        return next(iter(self.fields))


class SecretStore(Protocol):
    """Gives a tenant its own secrets and nobody else's."""

    def read(self, wanted: Wanted) -> Found:
        """Everything at that place. Raises SecretError."""
