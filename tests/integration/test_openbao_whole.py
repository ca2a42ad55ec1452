"""Promises about versions, namespaces, TLS, tokens that end and mounts of others, against real OpenBao servers."""

import logging
from collections.abc import Iterator
from pathlib import Path

import hvac
import pytest

from safety.masking.live import mask_for_logs
from safety.secrets import errors
from safety.secrets.policy import PathPolicy
from safety.secrets.vault import VaultSettings, VaultStore
from tests.secret_stores import read
from tests.services.openbao import OpenBao
from tests.world import until


@pytest.fixture(scope="module")
def root(openbao: OpenBao) -> hvac.Client:
    """The server's operator, with a secret of two versions and a policy that reads it."""
    client = hvac.Client(url=openbao.url, token=openbao.token)
    openbao.put("acme/rotated", password="first-password")
    openbao.put("acme/rotated", password="second-password")
    client.sys.create_or_update_policy("rotated", 'path "secret/data/acme/*" { capabilities = ["read"] }')
    return client


@pytest.fixture
def vault(openbao: OpenBao, root: hvac.Client) -> VaultStore:
    return VaultStore(VaultSettings(address=openbao.url, token=openbao.token))


def test_a_version_is_read_as_it_was_and_the_newest_without_one(vault: VaultStore) -> None:
    assert read(vault, "acme", "secret/acme/rotated", "password", version=1) == "first-password"
    assert read(vault, "acme", "secret/acme/rotated", "password", version=2) == "second-password"
    assert read(vault, "acme", "secret/acme/rotated", "password") == "second-password"


def test_a_version_that_is_not_there_or_was_deleted_says_so(vault: VaultStore, root: hvac.Client) -> None:
    with pytest.raises(errors.SecretMissing, match=r"\?version=9 does not exist"):
        read(vault, "acme", "secret/acme/rotated", "password", version=9)
    for value in ("one", "two"):
        root.secrets.kv.v2.create_or_update_secret("acme/pruned", {"v": value})
    root.secrets.kv.v2.delete_secret_versions("acme/pruned", [1])

    with pytest.raises(errors.SecretMissing):
        read(vault, "acme", "secret/acme/pruned", "v", version=1)


def test_a_version_where_none_are_kept_is_refused(vault: VaultStore, root: hvac.Client) -> None:
    root.sys.enable_secrets_engine("kv", path="flat", options={"version": "1"})
    root.secrets.kv.v1.create_or_update_secret("acme/x", {"v": "x"}, mount_point="flat")

    with pytest.raises(errors.NoVersions):
        read(vault, "acme", "flat/acme/x", "v", version=1)


def test_a_namespace_is_a_world_of_its_own(openbao: OpenBao, root: hvac.Client) -> None:
    root.adapter.post("/v1/sys/namespaces/team")
    inside = hvac.Client(url=openbao.url, token=openbao.token, namespace="team")
    inside.sys.enable_secrets_engine("kv", path="kv", options={"version": "2"})
    inside.secrets.kv.v2.create_or_update_secret("acme/web", {"password": "inside-team"}, mount_point="kv")
    given = {"address": openbao.url, "token": openbao.token}

    assert read(VaultStore(VaultSettings(**given, namespace="team")), "acme", "kv/acme/web") == "inside-team"
    with pytest.raises(errors.SecretForbidden, match=r"policy does not allow|no such mount"):
        read(VaultStore(VaultSettings(**given)), "acme", "kv/acme/web")


@pytest.fixture(scope="module")
def https() -> Iterator[OpenBao]:
    server = OpenBao(tls=True)
    server.put("acme/web", password="over-tls")
    yield server
    server.close()


def test_a_server_is_trusted_by_its_authority_and_by_no_other(https: OpenBao, tmp_path: Path) -> None:
    def asked(ca_file: str) -> str:
        given = VaultSettings(address=https.url, token=https.token, ca_file=ca_file)
        return read(VaultStore(given), "acme", "secret/acme/web")

    assert asked(str(https.ca_file)) == "over-tls"
    with pytest.raises(
        errors.StoreUntrusted, match="certificate is not signed by the authority we trust"
    ) as failure:
        asked("")
    assert not failure.value.transient
    with pytest.raises(errors.StoreUntrusted, match=r"CA file .* cannot be read"):
        asked(str(tmp_path / "none.pem"))


def short_lived(root: hvac.Client, *, ttl: str, longest: str) -> str:
    made = root.auth.token.create(policies=["rotated"], ttl=ttl, explicit_max_ttl=longest, renewable=True)
    return str(made["auth"]["client_token"])


def test_a_token_is_renewed_before_it_ends_although_nobody_asks(openbao: OpenBao, root: hvac.Client) -> None:
    token = short_lived(root, ttl="3s", longest="1h")
    vault = VaultStore(VaultSettings(address=openbao.url, token=token))
    read(vault, "acme", "secret/acme/rotated", "password")
    ends = root.auth.token.lookup(token)["data"]["expire_time"]

    until(lambda: root.auth.token.lookup(token)["data"]["expire_time"] > ends)
    vault.session.close()


def test_a_token_at_the_end_of_its_life_is_told_apart_from_a_wrong_one(
    openbao: OpenBao, root: hvac.Client
) -> None:
    token = short_lived(root, ttl="1h", longest="1h")
    vault = VaultStore(VaultSettings(address=openbao.url, token=token))
    read(vault, "acme", "secret/acme/rotated", "password")
    root.auth.token.revoke(token)

    with pytest.raises(errors.TokenExpired, match="give the worker a new one") as failure:
        read(vault, "acme", "secret/acme/rotated", "password")
    assert not failure.value.transient
    with pytest.raises(errors.SignInRefused):
        read(
            VaultStore(VaultSettings(address=openbao.url, token=token)),
            "acme",
            "secret/acme/rotated",
            "password",
        )


def test_a_role_signs_in_again_when_its_token_cannot_be_renewed_any_more(
    openbao: OpenBao, root: hvac.Client
) -> None:
    if "approle/" not in root.sys.list_auth_methods()["data"]:
        root.sys.enable_auth_method("approle")
    root.auth.approle.create_or_update_approle(
        "brief", token_policies=["rotated"], token_ttl="1s", token_max_ttl="2s"
    )
    given = VaultSettings(
        address=openbao.url,
        role_id=root.auth.approle.read_role_id("brief")["data"]["role_id"],
        secret_id=root.auth.approle.generate_secret_id("brief")["data"]["secret_id"],
    )
    vault = VaultStore(given)
    read(vault, "acme", "secret/acme/rotated", "password")
    first = vault.session._signed_in().token

    until(lambda: vault.session._signed_in().token != first)

    assert read(vault, "acme", "secret/acme/rotated", "password") == "second-password"
    vault.session.close()


def test_what_the_worker_signs_in_with_is_masked_in_its_logs(openbao: OpenBao, root: hvac.Client) -> None:
    token = short_lived(root, ttl="1h", longest="1h")
    vault = VaultStore(VaultSettings(address=openbao.url, token=token))
    read(vault, "acme", "secret/acme/rotated", "password")

    assert token not in mask_for_logs(f"X-Vault-Token: {token} and xx{token}xx")
    vault.session.close()


@pytest.mark.parametrize(
    "path",
    [
        "secret/acme/../other/web",
        "secret/acme/%2e%2e/other/web",
        "secret//acme/web",
        "secret/acme/",
        "/secret/acme/web",
        "secret/acme/./web",
        "secret/acme/web?version=1",
        "secret/acme/..%2fother/web",
        "secret/acme\\..\\other",
        "secret/acme/web\n",
        "secret/acme2/web",
        "secret/ac",
        "secret/acme",
        "sys/policies/acme/x",
        "identity/entity/acme",
    ],
)
@pytest.mark.parametrize("policy", [None, PathPolicy(("secret/{tenant}",))], ids=["built in", "of the table"])
def test_a_hostile_path_reaches_nothing(
    openbao: OpenBao, root: hvac.Client, path: str, policy: PathPolicy | None
) -> None:
    openbao.put("acme2/web", password="theirs")
    openbao.put("other/web", password="theirs")
    vault = VaultStore(VaultSettings(address=openbao.url, token=openbao.token), policy=policy)

    with pytest.raises(errors.SecretForbidden):
        read(vault, "acme", path)
    with pytest.raises(errors.SecretForbidden):
        read(vault, "../acme", "secret/acme/rotated", "password")


def test_a_renewal_that_fails_is_told_without_the_token(
    openbao: OpenBao, root: hvac.Client, caplog: pytest.LogCaptureFixture
) -> None:
    token = short_lived(root, ttl="2s", longest="1h")
    vault = VaultStore(VaultSettings(address=openbao.url, token=token))
    read(vault, "acme", "secret/acme/rotated", "password")
    root.auth.token.revoke(token)

    with caplog.at_level(logging.WARNING):
        until(lambda: "could not be renewed" in caplog.text)
    assert token not in caplog.text
