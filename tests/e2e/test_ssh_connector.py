"""Commands over a real OpenSSH server: nothing is harmed, doubled, lost or left running."""

import os
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest

from executions.connectors.base import Ended, NotStarted, OutcomeUnknown, Target, Work
from executions.connectors.registry import connector_for
from safety.cancellation import CancelReason, CancelToken
from safety.secrets.values import SecretValue
from tests.jobs import Kept, kill_marked, marked, some_work, wait_until
from tests.services.openssh import Sshd

SSH = connector_for("command", "ssh")


def target(sshd: Sshd, **changes: Any) -> Target:
    values = {
        "asset_id": UUID(int=sshd.port),
        "name": "web-01",
        "connection": "ssh",
        "address": sshd.address,
        "port": sshd.port,
        "username": sshd.username,
        "host_keys": sshd.known_hosts,
        "credentials": {"private_key": SecretValue(sshd.private_key)},
    }
    return Target(**{**values, **changes})


def again(work: Work, **changes: Any) -> Work:
    return some_work(
        work.arguments,
        kind=work.kind,
        target=work.target,
        resume=True,
        step_run_id=work.step_run_id,
        execution_id=work.execution_id,
        **changes,
    )


def refusal_of(work: Work) -> NotStarted:
    with pytest.raises(NotStarted) as refusal:
        SSH.run(work, Kept())
    return refusal.value


def test_arguments_secrets_and_input_cross_the_boundary_unharmed(sshd: Sshd) -> None:
    nasty = ["; touch /tmp/x", "$(id)", "`id`", "a\nb", "'\"\\", "-n", "", "語 🙂", "*", "\x81\u0101~!"]
    script = 'printf "%s|" "$@"; cat; cat "$OPSC_SECRETS_DIR/key"; echo problem >&2; exit 3'
    work = some_work(
        {
            "argv": ["sh", "-c", script, "x", *nasty],
            "stdin": "in\n",
            "secrets": {"key": SecretValue("hunter2\n")},
        },
        target=target(sshd),
    )
    sink = Kept()
    result = SSH.run(work, sink)
    assert (result.ended, result.exit_code) == (Ended.FINISHED, 3)
    assert sink.out == "".join(f"{word}|" for word in nasty) + "in\nhunter2\n"
    assert sink.err == "problem\n"
    SSH.forget(work)
    folder = Path(f"/var/tmp/opsconductor-{os.geteuid()}", str(work.execution_id), f"{work.step_run_id}-1")
    assert not (folder / "stdout").exists()


def test_secrets_are_in_no_argument_and_no_environment_on_the_target(sshd: Sshd, tmp_path: Path) -> None:
    secret, seen = "hunter2-" + uuid4().hex, set()
    script = f"echo up; while [ ! -e {tmp_path}/go ]; do sleep 0.02; done"
    secrets = {"key": SecretValue(secret)}
    work = some_work({"script": script, "secrets": secrets}, kind="script", target=target(sshd))
    runner = threading.Thread(target=SSH.run, args=(work, sink := Kept()))
    runner.start()
    while "up" not in sink.out:
        for path in Path("/proc").glob("[0-9]*"):
            for part in ("cmdline", "environ"):
                try:
                    if secret.encode() in (path / part).read_bytes():
                        seen.add(part)
                except OSError:
                    continue
    (tmp_path / "go").touch()
    runner.join()
    assert not seen


def test_a_password_signs_in_and_a_wrong_one_is_refused(sshd: Sshd) -> None:
    if sshd.password is None:
        pytest.skip("only a server started by root can check passwords")
    right, wrong = ({"password": SecretValue(text)} for text in (sshd.password, "wrong-password"))
    assert (
        SSH.run(some_work({"argv": ["true"]}, target=target(sshd, credentials=right)), Kept()).exit_code == 0
    )
    refusal = refusal_of(some_work({"argv": ["true"]}, target=target(sshd, credentials=wrong)))
    assert (refusal.category, refusal.transient) == ("auth", False)
    assert "wrong-password" not in str(refusal)


@pytest.mark.parametrize("credentials", [{}, {"private_key": SecretValue("no key")}])
def test_credentials_that_cannot_work_are_told_apart(credentials: dict[str, Any], sshd: Sshd) -> None:
    refusal = refusal_of(some_work({"argv": ["true"]}, target=target(sshd, credentials=credentials)))
    assert (refusal.category, refusal.transient) == ("auth", False)


@pytest.mark.parametrize("name", ["private_key", "password"])
def test_credentials_that_were_written_out_are_not_used(name: str, sshd: Sshd) -> None:
    plain = target(sshd, credentials={name: sshd.private_key})
    refusal = refusal_of(some_work({"argv": ["true"]}, target=plain))
    assert (refusal.category, refusal.transient) == ("auth", False)
    assert f"hold `{name}` as a value: put the value into a secret store" in str(refusal)
    assert sshd.private_key not in str(refusal)


def test_an_asset_without_host_keys_is_refused_with_what_to_do(sshd: Sshd) -> None:
    refusal = refusal_of(some_work({"argv": ["true"]}, target=target(sshd, host_keys=" \n")))
    assert refusal.category == "host_key"
    assert f"ssh-keyscan -p {sshd.port}" in str(refusal)


def test_a_changed_host_key_is_refused_before_anything_secret_is_sent(sshd: Sshd) -> None:
    old = target(sshd, credentials={"password": SecretValue("hunter2")})
    sshd.change_host_key()
    refusal = refusal_of(some_work({"argv": ["true"]}, target=old))
    assert (refusal.category, refusal.transient) == ("host_key", False)
    assert "Failed password" not in sshd.log


def test_a_bare_key_without_a_host_name_is_trusted_for_this_asset(sshd: Sshd) -> None:
    bare = sshd.known_hosts.split(" ", 1)[1]
    assert SSH.run(some_work({"argv": ["true"]}, target=target(sshd, host_keys=bare)), Kept()).exit_code == 0


def test_an_unreachable_host_was_not_touched_and_may_be_tried_again(sshd: Sshd) -> None:
    gone = target(sshd)
    sshd.stop()
    refusal = refusal_of(some_work({"argv": ["true"]}, target=gone))
    assert (refusal.category, refusal.transient) == ("unreachable", True)


def test_a_server_that_accepts_and_never_answers_is_left_on_cancel(sshd: Sshd) -> None:
    cancel = CancelToken()
    with socket.create_server(("127.0.0.1", 0)) as silent:
        deaf = target(sshd, port=silent.getsockname()[1])

        def ask() -> None:
            connection, _ = silent.accept()
            with connection:
                connection.recv(100)
                cancel.cancel(CancelReason.USER)
                connection.recv(100)

        asker = threading.Thread(target=ask)
        asker.start()
        began = time.monotonic()
        result = SSH.run(some_work({"argv": ["true"]}, target=deaf, cancel=cancel), Kept())
        assert time.monotonic() - began < 3
    assert (result.ended, result.stop_confirmed) == (Ended.STOPPED, True)
    asker.join(5)
    assert not asker.is_alive(), "the connection must not be held after everybody left"


def test_a_broken_link_is_mended_and_the_output_is_whole(sshd: Sshd, tmp_path: Path) -> None:
    script = f"""
    echo run >>{tmp_path}/runs
    seq 1 3000; echo half
    while [ ! -e {tmp_path}/go ]; do sleep 0.02; done
    seq 1 3000
    """
    sink = Kept()

    def interfere() -> None:
        wait_until(lambda: "half" in sink.out)
        sshd.drop_connections()
        (tmp_path / "go").touch()

    disturber = threading.Thread(target=interfere)
    disturber.start()
    result = SSH.run(some_work({"script": script}, kind="script", target=target(sshd)), sink)
    disturber.join()
    numbers = "".join(f"{number}\n" for number in range(1, 3001))
    assert (result.exit_code, sink.out) == (0, f"{numbers}half\n{numbers}")
    assert (tmp_path / "runs").read_text() == "run\n"


def test_a_host_that_stays_away_leaves_the_outcome_unknown_and_then_tells_it(
    sshd: Sshd, tmp_path: Path
) -> None:
    sink = Kept()
    script = f"echo up; while [ ! -e {tmp_path}/go ]; do sleep 0.02; done; echo end; exit 4"
    work = some_work({"script": script}, kind="script", target=target(sshd), limit_s=3)
    vanish = threading.Thread(target=lambda: (wait_until(lambda: sink.out == "up\n"), sshd.stop()))
    vanish.start()
    with pytest.raises(OutcomeUnknown) as unknown:
        SSH.run(work, sink)
    vanish.join()
    assert unknown.value.category == "unreachable"
    (tmp_path / "go").touch()
    sshd.start()
    assert SSH.run(again(work), sink).exit_code == 4
    assert sink.out == "up\nend\n"


def test_cancel_proves_that_nothing_lives_on(sshd: Sshd) -> None:
    cancel, sink = CancelToken(), Kept()
    script = (
        "trap '' TERM; setsid sh -c 'trap \"\" TERM; echo deep; sleep 300; sleep 300' & sleep 300; sleep 300"
    )
    work = some_work({"script": script}, kind="script", target=target(sshd), cancel=cancel)
    asked: list[float] = []

    def ask() -> None:
        wait_until(lambda: "deep" in sink.out)
        asked.append(time.monotonic())
        cancel.cancel(CancelReason.USER)

    asker = threading.Thread(target=ask)
    asker.start()
    result = SSH.run(work, sink)
    asker.join()
    assert (result.ended, result.stop_confirmed) == (Ended.STOPPED, True)
    assert time.monotonic() - asked[0] < work.grace_s + 10  # three on a quiet machine
    assert not marked(f"{work.step_run_id}-1")


def test_a_cancel_that_cannot_reach_the_host_is_not_confirmed(
    sshd: Sshd, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("executions.connectors.following._STOP_TRIES_S", 1.0)
    cancel, sink = CancelToken(), Kept()
    work = some_work({"script": "echo up; sleep 20"}, kind="script", target=target(sshd), cancel=cancel)

    def vanish() -> None:
        wait_until(lambda: sink.out == "up\n")
        sshd.stop()
        cancel.cancel(CancelReason.USER)

    vanisher = threading.Thread(target=vanish)
    vanisher.start()
    result = SSH.run(work, sink)
    vanisher.join()
    assert (result.ended, result.stop_confirmed) == (Ended.STOPPED, False)
    assert "cannot stop it" in result.detail
    kill_marked(f"{work.step_run_id}-1")


def test_twenty_steps_at_once_share_a_connection(sshd: Sshd) -> None:
    sinks = [Kept() for _ in range(20)]
    runs: list[Callable[[], None]] = []
    for number, sink in enumerate(sinks):
        work = some_work({"argv": ["echo", str(number)]}, target=target(sshd), limit_s=60)
        runs.append(lambda work=work, sink=sink: SSH.run(work, sink))  # type: ignore[misc]
    threads = [threading.Thread(target=run) for run in runs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [sink.out for sink in sinks] == [f"{number}\n" for number in range(20)]
    assert sshd.log.count("Accepted publickey") == 1
