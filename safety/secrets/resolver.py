"""Replaces references by values, just in time."""

import logging
from collections.abc import Iterator, Mapping
from typing import Any

from safety.secrets.errors import SecretCycle, SecretError, TooManyReferences
from safety.secrets.found import Found, Wanted
from safety.secrets.stores import store
from safety.secrets.values import SecretRef, SecretValue, reference_in

logger = logging.getLogger(__name__)

DEEPEST = 32
MOST_REFERENCES = 100
LONGEST_CHAIN = 5  # references that a reference may lead over


class Resolver:
    """Reads the secrets of one step for one tenant; each place once, however many of its fields are wanted.

    So a user name and its password are of one moment, and a place that lends is asked once. A field that holds
    a reference object, `{"secret": "…"}`, is followed, in the same tenant's name, up to LONGEST_CHAIN; text is
    never taken for a reference. `end` gives back what was lent and overwrites all that was read.
    """

    def __init__(
        self, tenant_slug: str, *, tenant_id: int | None = None, lasting_s: float = 0.0, since_s: float = 0.0
    ) -> None:
        self._tenant_slug, self._tenant_id = tenant_slug, tenant_id
        self._lasting_s, self._since_s = lasting_s, since_s
        self._picked: set[SecretRef] = set()  # from where fields were taken
        self._found: dict[SecretRef, Found] = {}
        self._values: dict[SecretRef, SecretValue] = {}
        self._seen = 0

    def resolve(self, value: Any) -> Any:
        """`value` with a SecretValue in the place of each reference, the rest copied. Raises SecretError."""
        return self._resolve(value, 0)

    def read(self, reference: SecretRef) -> SecretValue:
        """The value behind a reference. Raises SecretError."""
        self._seen += 1
        if self._seen > MOST_REFERENCES:
            raise TooManyReferences(f"more than {MOST_REFERENCES} secret references in one step")
        if reference not in self._values:
            self._values[reference] = self._followed(reference)
        return self._values[reference]

    def keep(self, name: SecretRef, value: SecretValue) -> None:
        """Take care of a value that was made for the step, as of one that was read."""
        self._values[name] = value

    def to_mask(self) -> Iterator[tuple[str, SecretValue]]:
        """Name and value of all that must not be shown: what was referred to, and all that was lent."""
        is_open = set()
        for place, found in self._found.items():
            for name, value in found.fields.items():
                if name in found.is_open:
                    is_open.add(id(value))
                elif found.lease is not None and isinstance(value, SecretValue):
                    yield f"{place}#{name}", value
        for reference, value in self._values.items():
            if id(value) not in is_open:
                yield str(reference), value
        yield from self._earlier()

    def unread(self) -> list[str]:
        """A sentence for each place of which an earlier value may be said that could not be had."""
        return [found.unread for found in self._found.values() if found.unread]

    def _earlier(self) -> Iterator[tuple[str, SecretValue]]:
        for reference in self._picked:
            for before in self._found[reference.place].earlier:
                value = before.picked_if_there(reference)
                if value is not None:
                    yield f"{reference} (an earlier version)", value

    def end(self, *, give_back: bool = True) -> None:
        """Give back what was lent, and overwrite every value read. Never raises SecretError.

        Without `give_back` the work goes on elsewhere and needs it: it then ends by itself, at its store.
        """
        for place, found in self._found.items():
            if found.lease is not None and give_back:
                try:
                    found.lease.revoke()
                except SecretError as error:
                    logger.warning("%s was not given back and ends by itself: %s", place, error)
            found.wipe()
        for value in self._values.values():
            value.wipe()
        self._found.clear()
        self._values.clear()
        self._picked.clear()

    def _resolve(self, value: Any, depth: int) -> Any:
        if depth > DEEPEST:
            raise TooManyReferences(f"arguments are nested deeper than {DEEPEST} levels")
        reference = reference_in(value)
        if reference is not None:
            return self.read(reference)
        if isinstance(value, Mapping):
            return {key: self._resolve(part, depth + 1) for key, part in value.items()}
        if isinstance(value, list | tuple):
            parts = [self._resolve(part, depth + 1) for part in value]
            return parts if isinstance(value, list) else tuple(parts)
        return value

    def _followed(self, reference: SecretRef) -> SecretValue:
        passed: list[SecretRef] = []
        step: SecretRef | SecretValue = reference
        while isinstance(step, SecretRef):
            if step in passed:
                raise SecretCycle(
                    f"{reference} leads back to itself: {' -> '.join(map(str, [*passed, step]))}"
                )
            if len(passed) > LONGEST_CHAIN:
                raise TooManyReferences(f"{reference} leads over more than {LONGEST_CHAIN} other references")
            passed.append(step)
            found = self._at(step.place)
            self._picked.add(step)
            step = found.pick(step)
        return step

    def _at(self, place: SecretRef) -> Found:
        if place not in self._found:
            wanted = Wanted(self._tenant_slug, place, self._lasting_s, self._since_s)
            try:
                self._found[place] = store(place.store, self._tenant_id).read(wanted)
            except SecretError as error:
                error.store = place.store
                raise
        return self._found[place]
