"""Secret stores whose bytes come slowly, or without end: a request to one is over within its time all the same."""

import socket
import time
from collections.abc import Callable
from uuid import uuid4

import pytest

from safety.secrets import asset_service, bounded, errors, vault_session
from safety.secrets.asset_service import AssetService, AssetServiceSettings
from safety.secrets.vault import VaultSettings, VaultStore
from tests.secret_stores import read
from tests.services.hostile import Talk, drips, peer

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 100000\r\n\r\n"
TIMEOUT_S = 0.6


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (vault_session, asset_service):
        monkeypatch.setattr(module, "CONNECT_TIMEOUT_S", 0.3)
    monkeypatch.setattr(asset_service, "TRIES", 1)


def of_vault(port: int) -> None:
    settings = VaultSettings(address=f"http://127.0.0.1:{port}", token="t", timeout_s=TIMEOUT_S)
    read(VaultStore(settings), "acme", "kv/acme/x", "key")


def of_assets(port: int) -> None:
    settings = AssetServiceSettings(address=f"http://127.0.0.1:{port}", timeout_s=TIMEOUT_S)
    read(AssetService(settings), "acme", str(uuid4()), "key")


def body_drips(connection: socket.socket) -> None:
    connection.recv(65536)
    connection.sendall(HEAD)
    drips(b" ", 0.05)(connection)


def never_ends(connection: socket.socket) -> None:
    connection.recv(65536)
    connection.sendall(HEAD.replace(b"Content-Length: 100000\r\n", b""))
    while True:
        connection.sendall(b" " * 65_536)


@pytest.mark.parametrize("asking", [of_vault, of_assets])
@pytest.mark.parametrize("talk", [drips(b"HTTP/1.1 200 OK", 0.05), body_drips])
def test_one_that_drips_is_left_when_its_time_is_over(talk: Talk, asking: Callable[[int], None]) -> None:
    with peer(talk) as port:
        began = time.monotonic()
        with pytest.raises(errors.StoreSlow, match="does not answer in time"):
            asking(port)
        assert time.monotonic() - began < 10


def test_a_tls_handshake_that_drips_is_left_too() -> None:
    with peer(drips(b"\x16\x03\x03\x3f\xff" + b"\x02" * 100, 0.05)) as port:
        settings = AssetServiceSettings(address=f"https://127.0.0.1:{port}", timeout_s=TIMEOUT_S)
        began = time.monotonic()
        with pytest.raises(errors.StoreSlow):
            read(AssetService(settings), "acme", str(uuid4()), "key")
        assert time.monotonic() - began < 10


def test_an_answer_without_end_is_not_taken_in(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounded, "LARGEST_ANSWER", 200_000)
    with peer(never_ends) as port, pytest.raises(errors.SecretError):
        of_assets(port)
