"""Promises about Vault and OpenBao, kept against a real OpenBao server."""

import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import hvac
import pytest

from safety.secrets import errors
from safety.secrets.resolver import Resolver
from safety.secrets.vault import VaultSettings, VaultStore
from tests.secret_stores import read
from tests.services.openbao import OpenBao

POLICY = (
    'path "secret/data/acme/*" { capabilities = ["read"] }\npath "old/acme/*" { capabilities = ["read"] }'
)


@pytest.fixture(scope="session")
def root(openbao: OpenBao) -> hvac.Client:
    """The server's own operator: a mount of each version, secrets of two tenants, a role that reads acme's."""
    client = hvac.Client(url=openbao.url, token=openbao.token)
    openbao.put("acme/web", password="hunter2-acme", username="web")
    openbao.put("acme/single", anything="only-one")
    openbao.put("acme/valued", value="the-value", other="x")
    openbao.put("acme/big", value="x" * 65537)
    openbao.put("acme/gone", value="x")
    openbao.put("other/web", password="hunter2-other")
    client.secrets.kv.v2.create_or_update_secret("acme/number", {"value": 5})
    client.secrets.kv.v2.delete_latest_version_of_secret("acme/gone")
    client.sys.enable_secrets_engine("kv", path="old", options={"version": "1"})
    client.secrets.kv.v1.create_or_update_secret("acme/web", {"password": "hunter2-old"}, mount_point="old")
    client.sys.create_or_update_policy("acme", POLICY)
    if "approle/" not in client.sys.list_auth_methods()["data"]:
        client.sys.enable_auth_method("approle")
    client.auth.approle.create_or_update_approle("worker", token_policies=["acme"], token_ttl="1h")
    return client


@pytest.fixture
def vault(openbao: OpenBao, root: hvac.Client) -> VaultStore:
    return VaultStore(VaultSettings(address=openbao.url, token=openbao.token))


def by_role(openbao: OpenBao, root: hvac.Client) -> VaultSettings:
    role_id = root.auth.approle.read_role_id("worker")["data"]["role_id"]
    secret_id = root.auth.approle.generate_secret_id("worker")["data"]["secret_id"]
    return VaultSettings(address=openbao.url, role_id=role_id, secret_id=secret_id)


@pytest.mark.parametrize(
    ("path", "key", "value"),
    [
        ("secret/acme/web", "password", "hunter2-acme"),
        ("secret/data/acme/web", "password", "hunter2-acme"),
        ("secret/acme/single", "", "only-one"),
        ("secret/acme/valued", "", "the-value"),
        ("old/acme/web", "password", "hunter2-old"),
    ],
)
def test_both_versions_of_the_engine_are_read(vault: VaultStore, path: str, key: str, value: str) -> None:
    assert read(vault, "acme", path, key) == value


@pytest.mark.parametrize(
    ("path", "key", "error"),
    [
        ("secret/acme/none", "", errors.SecretMissing),
        ("secret/acme/gone", "", errors.SecretMissing),
        ("secret/acme/web", "none", errors.FieldMissing),
        ("secret/acme/web", "", errors.FieldMissing),
        ("secret/acme/number", "", errors.WrongType),
        ("secret/acme/big", "", errors.TooLarge),
        ("secret/other/web", "password", errors.SecretForbidden),
        ("secret/data/other/web", "password", errors.SecretForbidden),
        ("secret/metadata/acme/web", "", errors.SecretForbidden),
        ("secret/acme", "", errors.SecretForbidden),
        ("sys/acme/x", "", errors.SecretForbidden),
    ],
)
def test_each_refusal_is_told_apart_and_holds_no_value(
    vault: VaultStore, path: str, key: str, error: type[errors.SecretError]
) -> None:
    with pytest.raises(error) as failure:
        read(vault, "acme", path, key)

    assert "hunter2" not in str(failure.value)
    assert not failure.value.transient


def test_a_role_reads_what_its_policy_allows(openbao: OpenBao, root: hvac.Client) -> None:
    vault = VaultStore(by_role(openbao, root))

    assert read(vault, "acme", "secret/acme/web", "password") == "hunter2-acme"
    with pytest.raises(errors.SecretForbidden):
        read(vault, "other", "secret/other/web", "password")


def test_a_revoked_token_of_a_role_is_replaced_by_signing_in_again(
    openbao: OpenBao, root: hvac.Client
) -> None:
    vault = VaultStore(by_role(openbao, root))
    read(vault, "acme", "secret/acme/web", "password")
    assert vault.session._client is not None
    root.auth.token.revoke(vault.session._client.token)

    assert read(vault, "acme", "secret/acme/web", "password") == "hunter2-acme"


def test_a_token_from_a_file_is_read_again_when_it_was_renewed(
    openbao: OpenBao, root: hvac.Client, tmp_path: Path
) -> None:
    first, second = (root.auth.token.create(policies=["acme"])["auth"]["client_token"] for _ in range(2))
    (tmp_path / "token").write_text(first + "\n")
    vault = VaultStore(VaultSettings(address=openbao.url, token_file=str(tmp_path / "token")))
    read(vault, "acme", "secret/acme/web", "password")

    root.auth.token.revoke(first)
    (tmp_path / "token").write_text(second)

    assert read(vault, "acme", "secret/acme/web", "password") == "hunter2-acme"


@pytest.mark.parametrize(
    "given",
    [
        {"token": "no-such-token"},
        {"token_file": "/nonexistent/token"},
        {"role_id": "no-such-role", "secret_id": "x"},
        {},
    ],
    ids=["token", "file", "role", "nothing"],
)
def test_a_sign_in_that_is_not_accepted_says_so(
    openbao: OpenBao, root: hvac.Client, given: dict[str, str]
) -> None:
    vault = VaultStore(VaultSettings(address=openbao.url, **given))

    with pytest.raises(errors.SignInRefused) as failure:
        read(vault, "acme", "secret/acme/web", "password")

    assert not failure.value.transient


def test_a_sealed_server_is_worth_a_retry() -> None:
    server = OpenBao()
    try:
        server.put("acme/web", password="x")
        hvac.Client(url=server.url, token=server.token).sys.seal()

        with pytest.raises(errors.StoreSealed) as failure:
            read(VaultStore(VaultSettings(address=server.url, token=server.token)), "acme", "secret/acme/web")
    finally:
        server.close()

    assert failure.value.transient


def test_references_resolve_from_the_variables_that_vault_itself_uses(
    openbao: OpenBao, root: hvac.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = by_role(openbao, root)
    monkeypatch.setenv("VAULT_ADDR", given.address)
    monkeypatch.setenv("VAULT_ROLE_ID", given.role_id)
    monkeypatch.setenv("VAULT_SECRET_ID", given.secret_id)
    monkeypatch.delenv("VAULT_TOKEN", raising=False)

    resolved = Resolver("acme").resolve({"env": {"PW": {"secret": "vault:secret/acme/web#password"}}})

    assert resolved["env"]["PW"].reveal() == "hunter2-acme"
    assert given.secret_id not in repr(given)


@pytest.fixture
def impostor() -> Iterator[Callable[..., str]]:
    """Starts servers that are no Vault: each answers everything alike, or (status 0) never."""
    servers: list[ThreadingHTTPServer] = []
    over = threading.Event()

    def start(status: int, body: bytes = b"", **headers: str) -> str:
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                if status == 0:
                    over.wait(30)
                    return
                self.send_response(status)
                for name, value in ({"Content-Type": "application/json"} | headers).items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *args: Any) -> None:
                """Quiet."""

        servers.append(server := ThreadingHTTPServer(("127.0.0.1", 0), Handler))
        threading.Thread(target=server.serve_forever, daemon=True).start()
        return f"http://127.0.0.1:{server.server_port}"

    yield start
    over.set()
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.mark.parametrize(
    ("status", "body", "error"),
    [
        (200, b"<html>hunter2</html>", errors.StoreGarbled),
        (200, b"[]", errors.StoreGarbled),
        (200, b'{"data": 5}', errors.StoreGarbled),
        (200, b'{"data"', errors.StoreGarbled),
        (307, b"", errors.StoreRedirects),
        (418, b"hunter2", errors.StoreGarbled),
        (500, b'{"errors": ["hunter2"]}', errors.StoreFaulty),
        (502, b"hunter2", errors.StoreFaulty),
        (429, b"", errors.StoreBusy),
        (503, b'{"errors": ["Vault is sealed"]}', errors.StoreSealed),
        (0, b"", errors.StoreSlow),
    ],
)
def test_whatever_answers_instead_of_vault_is_an_error_of_its_own(
    impostor: Callable[..., str], status: int, body: bytes, error: type[errors.SecretError]
) -> None:
    address = impostor(status, body, Location="http://127.0.0.1:1/elsewhere")
    vault = VaultStore(VaultSettings(address=address, token="t", timeout_s=0.3))

    with pytest.raises(error) as failure:
        read(vault, "acme", "secret/acme/web", "")

    assert "hunter2" not in str(failure.value)


@pytest.mark.parametrize("address", ["http://127.0.0.1:1", "nonsense", "http://"])
def test_an_address_where_nobody_is_says_so(address: str) -> None:
    vault = VaultStore(VaultSettings(address=address, token="t"))

    with pytest.raises((errors.StoreUnreachable, errors.StoreGarbled)):
        read(vault, "acme", "secret/acme/web", "")
