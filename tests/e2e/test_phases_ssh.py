"""Every phase of an SSH step has its own time, and a peer that hangs, drips or freezes costs no more than that."""

import threading
import time
from typing import Any
from uuid import UUID

import pytest
from django.conf import settings

from executions.connectors.base import Ended, NotStarted, OutcomeUnknown, Target, Work
from executions.connectors.registry import connector_for
from safety.secrets.values import SecretValue
from tests.jobs import Kept, kill_marked, marked, some_work, wait_until
from tests.services.hostile import Relay, Talk, drips, full, peer, reluctant_ssh, says, silent
from tests.services.openssh import Sshd

SSH = connector_for("command", "ssh")
SOME_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGLBWbdwnG0mWEYTyvnZ8TCFW3dGPRGpXzxNGEfTOMgs"


def target(port: int, **more: Any) -> Target:
    values = {
        "asset_id": UUID(int=port),
        "name": "web-01",
        "connection": "ssh",
        "address": "127.0.0.1",
        "port": port,
        "username": "deploy",
        "host_keys": SOME_KEY,
        "credentials": {"password": SecretValue("x")},
    }
    return Target(**values | more)


def target_behind(sshd: Sshd, port: int) -> Target:
    host_keys = sshd.known_hosts.split(maxsplit=1)[1]
    return target(
        port,
        username=sshd.username,
        host_keys=host_keys,
        credentials={"private_key": SecretValue(sshd.private_key)},
    )


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """Short limits, so that the tests are not as long as the defaults."""
    monkeypatch.setitem(settings.OPSC, "CONNECT_S", 0.7)
    monkeypatch.setitem(settings.OPSC, "SIGN_IN_S", 1.0)


def refusal_of(work: Work) -> NotStarted:
    began = time.monotonic()
    with pytest.raises(NotStarted) as refusal:
        SSH.run(work, Kept())
    assert time.monotonic() - began < 45
    return refusal.value


def test_a_host_that_takes_no_connection_is_given_up() -> None:
    with full() as port:
        refusal = refusal_of(some_work({"argv": ["true"]}, target=target(port)))
    assert (refusal.category, refusal.transient) == ("connect_timeout", True)
    assert "no connection within 0.7 s (OPSC_CONNECT_S)" in str(refusal)


@pytest.mark.parametrize(
    ("talk", "lacking"),
    [
        (silent, "no greeting"),
        (drips(b"hello\r\n", 0.1), "no greeting"),
        (says(b"SSH-2.0-Hung\r\n"), "no end of the key exchange"),
    ],
)
def test_a_peer_that_hangs_before_the_keys_are_exchanged_is_given_up(talk: Talk, lacking: str) -> None:
    with peer(talk) as port:
        refusal = refusal_of(some_work({"argv": ["true"]}, target=target(port)))
    assert (refusal.category, refusal.transient) == ("sign_in_timeout", True)
    assert f"{lacking} within 1 s of connecting (OPSC_SIGN_IN_S)" in str(refusal)


@pytest.mark.parametrize(
    ("stuck_at", "lacking"),
    [("authentication", "no answer to the authentication within 1 s"), ("session", "no session within 1 s")],
)
def test_a_server_that_hangs_while_it_lets_us_in_is_given_up(stuck_at: str, lacking: str) -> None:
    with reluctant_ssh(stuck_at) as (port, key):
        refusal = refusal_of(some_work({"argv": ["true"]}, target=target(port, host_keys=key)))
    assert (refusal.category, refusal.transient) == ("sign_in_timeout", True)
    assert lacking in str(refusal)


def test_a_step_that_ends_while_it_signs_in_says_so_and_started_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(settings.OPSC, "SIGN_IN_S", 60)
    with peer(silent) as port:
        result = SSH.run(some_work({"argv": ["true"]}, target=target(port), limit_s=1), Kept())
    assert (result.ended, result.stop_confirmed) == (Ended.STOPPED, True)
    assert result.detail.startswith("nothing was started; signing in: ")


def test_a_server_that_takes_the_command_and_never_answers_leaves_it_unknown_at_the_deadline() -> None:
    with reluctant_ssh("command") as (port, key):
        work = some_work({"argv": ["true"]}, target=target(port, host_keys=key), limit_s=2)
        began = time.monotonic()
        with pytest.raises(OutcomeUnknown) as unknown:
            SSH.run(work, Kept())
    assert unknown.value.category == "unreachable"
    assert time.monotonic() - began < 45


def test_a_frozen_host_is_left_at_the_deadline_and_ends_the_work_by_itself(sshd: Sshd) -> None:
    work = some_work(
        {"script": "echo up; trap '' TERM; while :; do sleep 0.1; done"},
        kind="script",
        target=target_behind(sshd, sshd.port),
        limit_s=6,
        grace_s=0.5,
    )
    sink = Kept()
    freezer = threading.Thread(target=lambda: (wait_until(lambda: "up" in sink.out), sshd.freeze()))
    freezer.start()
    began = time.monotonic()
    with pytest.raises(OutcomeUnknown) as unknown:
        SSH.run(work, sink)
    freezer.join()
    assert unknown.value.category == "unreachable"
    assert time.monotonic() - began < 45
    mark = f"{work.step_run_id}-1"
    try:
        wait_until(lambda: not marked(mark))  # the target's own deadline, though nobody reaches it
    finally:
        kill_marked(mark)


def test_a_half_open_connection_is_noticed_and_the_command_followed_over_another(sshd: Sshd) -> None:
    relay = Relay(sshd.port)
    work = some_work(
        {"script": "echo up; sleep 4; echo done"},
        kind="script",
        target=target_behind(sshd, relay.port),
        limit_s=300,
    )
    sink, dropped = Kept(), []

    def drop() -> None:
        wait_until(lambda: "up" in sink.out)
        relay.drop()
        dropped.append(time.monotonic())

    dropper = threading.Thread(target=drop)
    dropper.start()
    result = SSH.run(work, sink)
    dropper.join()
    assert (result.ended, result.exit_code) == (Ended.FINISHED, 0)
    assert sink.out == "up\ndone\n"
    assert time.monotonic() - dropped[0] < 60  # three keepalives of 5 s and the way back in; alone some 20 s
    relay.close()
