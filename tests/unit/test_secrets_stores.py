"""Promises about the stores of this machine and the resolver: a tenant's own secrets, and nothing else."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from safety.secrets import errors
from safety.secrets.local import EnvStore, FileStore
from safety.secrets.resolver import DEEPEST, MOST_REFERENCES, Resolver
from safety.secrets.stores import store
from safety.secrets.values import SecretValue
from tests.secret_stores import read


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """A mounted folder of secrets; acme's are inside, evil things beside."""
    home = tmp_path / "secrets" / "acme"
    home.mkdir(parents=True)
    (home / "web").mkdir()
    (home / "web" / "db_password").write_text("s3cret\n")
    (home / "..data").mkdir()
    (home / "..data" / "pin").write_text("1234-5678")
    (home / "pin").symlink_to("..data/pin")
    (tmp_path / "secrets" / "acme-two").mkdir()
    (tmp_path / "secrets" / "acme-two" / "x").write_text("theirs")
    (tmp_path / "outside").write_text("outside")
    (home / "escape").symlink_to(tmp_path / "outside")
    (home / "neighbour").symlink_to("../acme-two/x")
    (home / "loop").symlink_to("loop")
    (home / "big").write_bytes(b"x" * 65537)
    (home / "full").write_bytes(b"x" * 65536)
    (home / "binary").write_bytes(b"\xff\xfe")
    os.mkfifo(home / "pipe")
    return tmp_path / "secrets"


def test_files_are_read_without_the_newline_at_their_end(files: Path) -> None:
    kept = FileStore(files)

    assert read(kept, "acme", "web/db_password", "") == "s3cret"
    assert read(kept, "acme", "pin", "") == "1234-5678"
    assert len(read(kept, "acme", "full", "")) == 65536


@pytest.mark.parametrize(
    ("path", "error"),
    [
        ("none", errors.SecretMissing),
        ("web/db_password/x", errors.SecretMissing),
        ("escape", errors.SecretForbidden),
        ("neighbour", errors.SecretForbidden),
        ("../acme-two/x", errors.SecretForbidden),
        ("loop", errors.SecretForbidden),
        ("web", errors.WrongType),
        ("pipe", errors.WrongType),
        ("binary", errors.WrongType),
        ("big", errors.TooLarge),
    ],
)
def test_a_file_that_is_not_the_tenants_own_text_is_refused(
    files: Path, path: str, error: type[errors.SecretError]
) -> None:
    with pytest.raises(error):
        read(FileStore(files), "acme", path, "")


@pytest.mark.parametrize("slug", ["", ".", "..", "../secrets/acme", "/etc"])
def test_a_tenant_slug_cannot_lead_elsewhere(files: Path, slug: str) -> None:
    with pytest.raises(errors.SecretError):
        read(FileStore(files), slug, "web/db_password", "")


def test_a_variable_is_read_under_the_tenants_name_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPSC_SECRET_ACME_TWO__DB_PASSWORD", "s3cret")

    assert read(EnvStore(), "acme-two", "DB_PASSWORD", "") == "s3cret"
    with pytest.raises(errors.SecretMissing):
        read(EnvStore(), "acme", "DB_PASSWORD", "")
    with pytest.raises(errors.FieldMissing):
        read(EnvStore(), "acme-two", "DB_PASSWORD", "x")


@pytest.mark.parametrize(
    ("slug", "name"),
    [
        ("acme", "TWO__X"),
        ("acme", "_X"),
        ("acme", "X_"),
        ("acme_two", "X"),
        ("Acme", "X"),
        ("acme", "a/b"),
        ("acme", ""),
    ],
)
def test_names_that_two_tenants_could_share_are_refused(slug: str, name: str) -> None:
    with pytest.raises(errors.SecretForbidden):
        read(EnvStore(), slug, name, "")


def test_only_configured_stores_are_there(
    settings: Any, files: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("VAULT_ADDR", raising=False)
    settings.OPSC = settings.OPSC | {"SECRETS_DIR": ""}

    for name in ("file", "vault", "nonsense"):
        with pytest.raises(errors.StoreUnknown, match=r"configured: env$"):
            store(name)
    settings.OPSC = settings.OPSC | {"SECRETS_DIR": str(files)}
    assert read(store("file"), "acme", "pin", "") == "1234-5678"


def test_references_are_replaced_wherever_they_stand(settings: Any, files: Path) -> None:
    settings.OPSC = settings.OPSC | {"SECRETS_DIR": str(files)}
    resolver = Resolver("acme")
    given = {
        "a": [{"secret": "file:pin"}, 1],
        "b": {"c": ({"secret": "file:pin"}, None)},
        "secret": "x",
        "d": "e",
    }

    resolved = resolver.resolve(given)

    pin = resolved["a"][0]
    assert isinstance(pin, SecretValue)
    assert pin.reveal() == "1234-5678"
    assert resolved == {"a": [pin, 1], "b": {"c": (pin, None)}, "secret": "x", "d": "e"}
    assert given["a"][0] == {"secret": "file:pin"}  # type: ignore[index]
    resolver.end()
    with pytest.raises(ValueError, match="wiped"):
        pin.reveal()


def nested(levels: int) -> Any:
    value: Any = "x"
    for _ in range(levels):
        value = [value]
    return value


@pytest.mark.parametrize(
    "value",
    [lambda: nested(DEEPEST + 1), lambda: [{"secret": "file:pin"}] * (MOST_REFERENCES + 1)],
    ids=["too deep", "too many"],
)
def test_limits_hold(settings: Any, files: Path, value: Callable[[], Any]) -> None:
    settings.OPSC = settings.OPSC | {"SECRETS_DIR": str(files)}

    with pytest.raises(errors.TooManyReferences):
        Resolver("acme").resolve(value())
    Resolver("acme").resolve(nested(DEEPEST))
    Resolver("acme").resolve([{"secret": "file:pin"}] * MOST_REFERENCES)
