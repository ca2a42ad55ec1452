"""Steps sign in to a real OpenSSH server with certificates that a real OpenBao server signs."""

import re
from collections.abc import Callable, Iterator
from typing import Any

import hvac
import pytest

from executions.models import Asset
from tests.services.openbao import OpenBao
from tests.services.openssh import Sshd
from tests.world import World, output_of, runs_of, script, status_of, work_off

pytestmark = pytest.mark.usefixtures("working")


@pytest.fixture
def authority(openbao: OpenBao, monkeypatch: pytest.MonkeyPatch) -> Iterator[hvac.Client]:
    """An SSH engine of acme's with a role for `deploy` roles; the worker may sign and nothing else."""
    monkeypatch.setenv("VAULT_ADDR", openbao.url)
    client = hvac.Client(url=openbao.url, token=openbao.token)
    client.sys.enable_secrets_engine("ssh", path="acme/ssh")
    client.adapter.post("/v1/acme/ssh/config/ca", json={"generate_signing_key": True, "key_type": "ed25519"})
    role = {
        "key_type": "ca",
        "allow_user_certificates": True,
        "allowed_users": "*",
        "default_extensions": {"permit-pty": ""},
        "max_ttl": "10m",
    }
    client.adapter.post("/v1/acme/ssh/roles/web", json=role)
    client.sys.create_or_update_policy("signer", 'path "acme/ssh/sign/web" { capabilities = ["update"] }')
    monkeypatch.setenv("VAULT_TOKEN", client.auth.token.create(policies=["signer"])["auth"]["client_token"])
    yield client
    client.sys.disable_secrets_engine("acme/ssh")


@pytest.fixture
def trusting(sshd: Sshd, authority: hvac.Client) -> Sshd:
    """A server that lets in whom the authority vouches for, and no key of its own list."""
    (sshd.folder / "ca.pub").write_text(authority.adapter.get("/v1/acme/ssh/public_key").text)
    sshd.trust_authority(sshd.folder / "ca.pub")
    return sshd


@pytest.fixture
def asset(world: World, trusting: Sshd) -> Callable[..., Asset]:
    def make(**more: Any) -> Asset:
        certificate = {"signed_by": "vault:acme/ssh/sign/web"} | more
        return Asset.objects.create(
            tenant=world.acme,
            name="web-01",
            connection="ssh",
            address=trusting.address,
            port=trusting.port,
            username=trusting.username,
            host_keys=trusting.known_hosts,
            credentials={"ssh_certificate": certificate},
        )

    return make


def run(world: World) -> Any:
    submitted = world.submit(script("id -un"), targets=["web-01"])
    work_off()
    return submitted.execution_id


def test_a_step_signs_in_with_a_key_that_never_existed_before(
    world: World, asset: Callable[..., Asset], trusting: Sshd
) -> None:
    asset(ttl_s=120)
    first, second = run(world), run(world)

    assert (status_of(first), status_of(second)) == ("succeeded", "succeeded")
    assert output_of(runs_of(first)[0]).strip() == trusting.username
    accepted = re.findall(
        rf"Accepted publickey for {trusting.username} .*ED25519-CERT SHA256:(\S+) ID", trusting.log
    )
    assert len(set(accepted)) == 2, "every attempt has a key pair of its own"


def test_a_certificate_for_another_principal_lets_nobody_in(
    world: World, asset: Callable[..., Asset], trusting: Sshd
) -> None:
    asset(principal="somebody-else")
    run_ = runs_of(run(world))[0]

    assert (run_.status, run_.category) == ("failed", "auth")
    assert "name is not a listed principal" in trusting.log


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"signed_by": "vault:acme/ssh/sign/none"}, "secret.forbidden"),
        ({"signed_by": "vault:acme/ssh/roles/web"}, "secret.forbidden"),
        ({"signed_by": "vault:other/ssh/sign/web"}, "secret.forbidden"),
        ({"signed_by": "env:X"}, "secret.store"),
        ({"signed_by": "nonsense"}, "secret.ref"),
        ({"ttl_s": 3600}, "secret.garbled"),
        ({"ttl_s": 0}, "secret.ref"),
        ({"principal": "root,deploy"}, "secret.ref"),
        ({"more": 1}, "secret.ref"),
    ],
)
def test_without_its_certificate_a_step_does_not_reach_the_target(
    world: World, asset: Callable[..., Asset], trusting: Sshd, more: dict[str, Any], said: str
) -> None:
    asset(**more)
    run_ = runs_of(run(world))[0]

    assert (run_.status, run_.category) == ("failed", "secret")
    assert run_.detail.startswith(said)
    assert f" {trusting.username} " not in trusting.log, "nobody tried to sign in"
