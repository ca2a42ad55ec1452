"""Typed readers of the environment that fail loudly and take secrets from files."""

import os
import secrets
from pathlib import Path
from typing import Any

import environ
from django.core.exceptions import ImproperlyConfigured


class _Reader(environ.FileAwareEnv):  # type: ignore[misc]  # untyped
    """NAME_FILE wins over NAME: the file's content is the value, without the line break at its end."""

    def get_value(self, *args: Any, **kwargs: Any) -> Any:
        value = super().get_value(*args, **kwargs)
        return value.rstrip("\r\n") if isinstance(value, str) else value


reader = _Reader()


def data_dir() -> Path:
    """Where the embedded database and generated keys live (`OPSC_DATA_DIR`), mode 0700."""
    root = reader.str("OPSC_DATA_DIR", default="")
    path = Path(root) if root else Path(__file__).resolve().parent.parent / "var"
    return path.absolute()


def number(name: str, default: float, *, low: float, high: float) -> float:
    """A number within limits; raises ImproperlyConfigured with the name and the limits."""
    raw = reader.str(name, default=str(default))
    try:
        value = float(raw)
    except ValueError:
        value = float("nan")
    if not low <= value <= high:
        raise ImproperlyConfigured(f"{name}={raw!r}: must be a number from {low:g} to {high:g}.")
    return value


def choice(name: str, default: str, *, among: tuple[str, ...]) -> str:
    """One of these words; raises ImproperlyConfigured with the name and the words."""
    value = str(reader.str(name, default=default))
    if value not in among:
        raise ImproperlyConfigured(f"{name}={value!r}: must be one of {', '.join(among)}.")
    return value


def generated_secret(name: str) -> str:
    """`NAME` from the environment, else a random key kept in the data folder (mode 0600).

    Raises ImproperlyConfigured in production, where a key that another process cannot see would be a trap.
    """
    given = reader.str(name, default="")
    if given:
        return str(given)
    if reader.str("DATABASE_URL", default="") and not reader.bool("OPSC_DEBUG", default=False):
        raise ImproperlyConfigured(
            f"{name} is not set. Give every process the same long random value, such as the output of: "
            "python3 -c 'import secrets; print(secrets.token_urlsafe(64))'"
        )
    path = data_dir() / f"{name.lower()}.key"
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return path.read_text().strip()
    with os.fdopen(handle, "w") as file:
        file.write(value := secrets.token_urlsafe(48))
    return value
