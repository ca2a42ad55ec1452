"""Promises about accounts that are lent for a step: a real OpenBao server makes and ends them in a real PostgreSQL."""

import os
import time
from collections.abc import Callable, Iterator
from typing import Any
from uuid import uuid4

import pytest

from safety.cancellation import CancelToken
from safety.choices import ActionClass, Effect
from safety.context import LeaseLost, Limits, Outcome, OutcomeStatus, StepContext
from safety.masking import MASK, Masker
from safety.secrets import errors
from safety.secrets.middleware import SecretsMiddleware
from safety.secrets.resolver import Resolver
from tests.services.lending import Lending
from tests.services.openbao import OpenBao

DONE = Outcome(status=OutcomeStatus.SUCCEEDED)
ACCOUNT = {
    "user": {"secret": "vault:acme/db/creds/app#username"},
    "password": {"secret": "vault:acme/db/creds/app#password"},
}


class Anything:
    """An effect log, an approval and a watch that have nothing to say."""

    def begin(self) -> bool:
        return True

    def still_ours(self) -> None:
        """It is."""

    def objection(self) -> str:
        return ""

    def watch(self, token: CancelToken) -> Callable[[], None]:
        return lambda: None

    def look(self, token: CancelToken) -> None:
        """Nobody asked."""


@pytest.fixture
def lending(openbao: OpenBao, monkeypatch: pytest.MonkeyPatch) -> Iterator[Lending]:
    monkeypatch.setenv("VAULT_ADDR", openbao.url)
    monkeypatch.setenv("VAULT_TOKEN", openbao.token)
    engine = Lending(openbao, os.environ["DATABASE_URL"])
    yield engine
    engine.revoke_all()


def a_step(arguments: Any, left_s: float = 60) -> StepContext:
    return StepContext(
        tenant_id=1,
        tenant_slug="acme",
        execution_id=uuid4(),
        step_run_id=uuid4(),
        attempt=1,
        token=1,
        worker="w",
        actor_id=1,
        action_class=ActionClass.READ,
        effect=Effect.UNSAFE,
        environment="dev",
        asset_id=None,
        changes_assets=(),
        limits=Limits(policy="fast/read", step_s=left_s, execution_left_s=left_s, lease_s=15),
        resume=False,
        arguments=arguments,
        credentials={},
        effects=Anything(),
        approval=Anything(),
        wishes=Anything(),
        masker=Masker(),
        deadline=time.monotonic() + left_s,
    )


def test_an_account_is_lent_for_the_step_works_in_it_and_is_gone_after_it(lending: Lending) -> None:
    seen: list[tuple[str, str]] = []

    def connector(step: StepContext) -> Outcome:
        given: Any = step.resolved_arguments
        seen.append((given["user"].reveal(), given["password"].reveal()))
        assert lending.can_sign_in(*seen[0])
        assert len(lending.accounts()) == 1, "user and password are of one lease"
        assert step.masker is not None
        assert step.masker.text(f"{seen[0][0]} {seen[0][1]}") == f"{seen[0][0]} {MASK}"
        return DONE

    assert SecretsMiddleware(connector)(a_step(ACCOUNT)) is DONE

    assert lending.accounts() == []
    assert not lending.can_sign_in(*seen[0])


def boom(step: StepContext) -> Outcome:
    raise OSError("boom")


@pytest.mark.parametrize(
    "connector",
    [
        lambda step: Outcome(status=OutcomeStatus.FAILED),
        lambda step: Outcome(status=OutcomeStatus.INTERRUPTED),
        lambda step: Outcome(status=OutcomeStatus.TIMED_OUT, stop_confirmed=False),
        lambda step: Outcome(status=OutcomeStatus.HANDED_OVER),
        boom,
    ],
    ids=["failed", "interrupted", "timed out", "not begun", "raised"],
)
def test_it_is_revoked_whatever_happened(
    lending: Lending, connector: Callable[[StepContext], Outcome]
) -> None:
    try:
        SecretsMiddleware(connector)(a_step(ACCOUNT))
    except OSError:
        assert connector is boom
    assert lending.accounts() == []


def lost(step: StepContext) -> Outcome:
    raise LeaseLost("another worker has it")


@pytest.mark.parametrize(
    "connector",
    [lambda step: Outcome(status=OutcomeStatus.HANDED_OVER, category="detached"), lost],
    ids=["detached", "lease lost"],
)
def test_work_that_goes_on_without_us_keeps_its_account(
    lending: Lending, connector: Callable[[StepContext], Outcome]
) -> None:
    try:
        SecretsMiddleware(connector)(a_step(ACCOUNT))
    except LeaseLost:
        assert connector is lost
    assert len(lending.accounts()) == 1


def test_a_lease_is_extended_at_once_to_what_the_step_may_take(lending: Lending) -> None:
    lending.role("brief", ttl="5s", longest="1h")
    resolver = Resolver("acme", lasting_s=600)
    resolver.resolve({"secret": "vault:acme/db/creds/brief#password"})

    leases = lending.client.sys.list_leases("acme/db/creds/brief")["data"]["keys"]
    left = lending.client.sys.read_lease(f"acme/db/creds/brief/{leases[0]}")["data"]["ttl"]
    resolver.end()

    assert left > 500
    assert lending.accounts() == []


def test_a_lease_that_cannot_last_refuses_the_step_and_is_given_back(lending: Lending) -> None:
    lending.role("brief", ttl="5s", longest="10s")

    def connector(step: StepContext) -> Outcome:
        raise AssertionError("started")

    step = a_step({"password": {"secret": "vault:acme/db/creds/brief#password"}})
    outcome = SecretsMiddleware(connector)(step)

    assert (outcome.status, outcome.category, outcome.retryable) == (OutcomeStatus.FAILED, "secret", False)
    assert outcome.detail.startswith("secret.lease_short: vault:acme/db/creds/brief is lent for 10 s")
    assert "raise the role's max_ttl" in outcome.detail
    assert lending.accounts() == []


def test_what_was_lent_before_another_secret_was_missing_is_given_back(lending: Lending) -> None:
    step = a_step(ACCOUNT | {"more": {"secret": "vault:secret/acme/none#x"}})

    outcome = SecretsMiddleware(lambda step: DONE)(step)

    assert outcome.detail.startswith("secret.missing: ")
    assert lending.accounts() == []


def test_a_lease_that_cannot_be_revoked_is_told_and_changes_nothing_else(
    lending: Lending, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    lending.client.sys.create_or_update_policy("borrower", 'path "acme/db/*" { capabilities = ["read"] }')
    made = lending.client.auth.token.create(policies=["borrower"])["auth"]
    monkeypatch.setenv("VAULT_TOKEN", made["client_token"])

    assert SecretsMiddleware(lambda step: DONE)(a_step(ACCOUNT)) is DONE

    assert "vault:acme/db/creds/app was not given back and ends by itself" in caplog.text
    assert "(lease acme/db/creds/app/" in caplog.text
    assert len(lending.accounts()) == 1


@pytest.mark.parametrize(
    "path",
    [
        "acme/db/config/main",
        "acme/db/creds",
        "acme/db/creds/app/more",
        "acme/db/roles/app",
        "acme/db/static-roles/x",
    ],
)
def test_nothing_but_lent_accounts_is_read_from_such_an_engine(lending: Lending, path: str) -> None:
    with pytest.raises(errors.SecretForbidden):
        Resolver("acme").resolve({"secret": f"vault:{path}"})


def test_the_engine_of_one_tenant_lends_nothing_to_another(lending: Lending) -> None:
    for tenant in ("other", "acme2", "app", "db", "creds"):
        with pytest.raises(errors.SecretForbidden):
            Resolver(tenant).resolve({"secret": "vault:acme/db/creds/app#password"})
    assert lending.accounts() == []
