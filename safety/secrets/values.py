"""References to secrets, which may be stored, and secret values, which may not."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, NoReturn

from safety.secrets.errors import ReferenceInvalid

# Store, path below it, its version, and the field inside; segments begin with a letter, digit or underscore: no "..".
_REFERENCE = re.compile(
    r"(?P<store>[a-z][a-z0-9_]{0,31}):(?P<path>\w[\w.@-]{0,127}(?:/\w[\w.@-]{0,127}){0,15})"
    r"(?:\?version=(?P<version>[1-9][0-9]{0,8}))?(?:#(?P<key>[\w.-]{1,128}))?",
    re.ASCII,
)


class SecretValue:
    """A value that shows itself to nobody: not in `repr`, text, JSON or a pickle. `reveal()` gives it."""

    __slots__ = ("_bytes",)

    def __init__(self, value: str) -> None:
        self._bytes: bytearray | None = bytearray(value.encode("utf-8", "surrogatepass"))

    def reveal(self) -> str:
        """The value itself. Raises ValueError after `wipe`."""
        if self._bytes is None:
            raise ValueError("this secret value was wiped")
        return self._bytes.decode("utf-8", "surrogatepass")

    @property
    def size(self) -> int:
        """Bytes; 0 after `wipe`."""
        return len(self._bytes or b"")

    @property
    def is_wiped(self) -> bool:
        return self._bytes is None

    def wipe(self) -> None:
        """Overwrite the value. Best effort: what `reveal` gave out is up to the garbage collector."""
        if self._bytes is not None:
            self._bytes[:] = bytes(len(self._bytes))
            self._bytes = None

    def __repr__(self) -> str:
        return "SecretValue('[masked]')"

    def __str__(self) -> str:
        return "[masked]"

    def __format__(self, spec: str) -> str:
        return format("[masked]", spec)

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise TypeError("a SecretValue cannot be copied or pickled")


@dataclass(frozen=True)
class SecretRef:
    """Where a secret is kept: `vault:kv/acme/web#password`. Its text may be stored and shown.

    `version`: the one that is meant, `vault:kv/acme/web?version=3#password`; the newest when 0.
    """

    store: str
    path: str
    key: str = ""
    version: int = 0

    @classmethod
    def parse(cls, text: str) -> "SecretRef":
        """Raises ReferenceInvalid, with a message that says how a reference looks."""
        match = _REFERENCE.fullmatch(text)
        if match is None:
            raise ReferenceInvalid(
                'a secret is referenced as {"secret": "<store>:<path>"} or "<store>:<path>#<field>", '
                'such as {"secret": "vault:kv/acme/web#password"}'
            )
        return cls(match["store"], match["path"], match["key"] or "", int(match["version"] or 0))

    def __str__(self) -> str:
        version = f"?version={self.version}" if self.version else ""
        return f"{self.store}:{self.path}{version}" + (f"#{self.key}" if self.key else "")

    @property
    def place(self) -> "SecretRef":
        """The same without the field: what is read from the store at once."""
        return replace(self, key="") if self.key else self


def is_reference(value: object) -> bool:
    """Whether `value` is exactly `{"secret": "<store>:<path>"}`, well formed."""
    text = _reference_text(value)
    return text is not None and _REFERENCE.fullmatch(text) is not None


def reference_in(value: object) -> SecretRef | None:
    """The reference that `value` is, none when it is no object with just the key `secret`.

    Raises ReferenceInvalid when it is one, but badly formed.
    """
    text = _reference_text(value)
    return None if text is None else SecretRef.parse(text)


def find_refs(value: Any, path: str = "") -> list[tuple[str, SecretRef]]:
    """Every reference in a JSON-like structure with its place, such as `env.TOKEN` or `args[2]`.

    Raises ReferenceInvalid for a badly formed one, with its place.
    """
    return list(_refs(value, path))


def _refs(value: Any, path: str) -> Iterator[tuple[str, SecretRef]]:
    try:
        reference = reference_in(value)
    except ReferenceInvalid as error:
        raise ReferenceInvalid(f"{path}: {error}" if path else str(error)) from None
    if reference is not None:
        yield path, reference
        return
    for place, part in children(value, path):
        yield from _refs(part, place)


def children(value: Any, path: str) -> Iterator[tuple[str, Any]]:
    """The parts of an object or list with their places below `path`."""
    if isinstance(value, Mapping):
        for key, part in value.items():
            yield (f"{path}.{key}" if path else str(key)), part
    elif isinstance(value, list | tuple):
        for index, part in enumerate(value):
            yield f"{path}[{index}]", part


def _reference_text(value: object) -> str | None:
    if isinstance(value, Mapping) and len(value) == 1 and isinstance(value.get("secret"), str):
        return str(value["secret"])
    return None
