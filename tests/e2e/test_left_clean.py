"""What a connector leaves behind when its work was stopped: no process, no secret, no open connection."""

import os
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import pytest

from executions.connectors.base import Ended, Result, Target, Work
from executions.connectors.registry import connector_for
from safety.cancellation import CancelReason, CancelToken
from safety.secrets.values import SecretValue
from tests.jobs import Kept, marked, some_work, wait_until
from tests.services.openssh import Sshd

USES_THEM = 'cat "$OPSC_SECRETS_DIR/key" >/dev/null; head -c 1 >/dev/null; echo up; sleep 300'


def folder_of(work: Work) -> Path:
    root = Path(f"/var/tmp/opsconductor-{os.geteuid()}")
    return root / str(work.execution_id) / f"{work.step_run_id}-1"


def target(connection: str, sshd: Sshd) -> Target:
    """This machine, by itself or over SSH."""
    return Target(
        asset_id=UUID(int=sshd.port),
        name="web-01",
        connection=connection,
        address=sshd.address,
        port=sshd.port,
        username=sshd.username,
        host_keys=sshd.known_hosts,
        credentials={"private_key": SecretValue(sshd.private_key)},
    )


@pytest.mark.parametrize("connection", ["local", "ssh"])
@pytest.mark.parametrize("reason", [CancelReason.USER, CancelReason.TIMEOUT])
def test_a_stopped_command_leaves_no_process_and_no_secret_on_its_target(
    sshd: Sshd, connection: str, reason: CancelReason
) -> None:
    cancel, sink, results = CancelToken(), Kept(), list[Result]()
    arguments = {"script": USES_THEM, "secrets": {"key": SecretValue("correct horse")}, "stdin": "typed"}
    work = some_work(arguments, kind="script", cancel=cancel, limit_s=60, target=target(connection, sshd))
    connector = connector_for("script", connection)
    following = threading.Thread(target=lambda: results.append(connector.run(work, sink)))
    following.start()
    wait_until(lambda: "up" in sink.out)
    assert (folder_of(work) / "secrets" / "key").read_text() == "correct horse"
    cancel.cancel(reason, "enough")
    following.join(30)
    assert (results[0].ended, results[0].stop_confirmed) == (Ended.STOPPED, True)
    assert not marked(f"{work.step_run_id}-1")
    assert not (folder_of(work) / "secrets").exists()
    assert not (folder_of(work) / "stdin").exists()
    connector.forget(work)
    left = {path.name for path in folder_of(work).iterdir()}
    assert left <= {"started", "cancelled", "process", "leader", "exit"}


@pytest.mark.parametrize("connection", ["local", "ssh"])
def test_a_command_that_the_target_ended_alone_leaves_no_secret_either(sshd: Sshd, connection: str) -> None:
    cancel, sink = CancelToken(), Kept()
    arguments = {"script": USES_THEM, "secrets": {"key": SecretValue("correct horse")}, "stdin": "typed"}
    work = some_work(arguments, kind="script", cancel=cancel, limit_s=12, target=target(connection, sshd))
    connector = connector_for("script", connection)
    following = threading.Thread(target=lambda: connector.run(work, sink))
    following.start()
    wait_until(lambda: "up" in sink.out)
    cancel.cancel(CancelReason.LEASE_LOST, "the worker is gone")
    following.join(30)
    wait_until((folder_of(work) / "exit").exists, timeout_s=40)
    wait_until(lambda: not marked(f"{work.step_run_id}-1"))
    wait_until(lambda: not (folder_of(work) / "secrets").exists())
    assert not (folder_of(work) / "stdin").exists()


@pytest.fixture
def silent() -> Iterator[socket.socket]:
    """A server that takes requests and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(20)
        yield server


@pytest.mark.parametrize("reason", [CancelReason.USER, CancelReason.TIMEOUT])
def test_a_stopped_request_closes_its_connection(silent: socket.socket, reason: CancelReason) -> None:
    cancel, results = CancelToken(), list[Result]()
    url = f"http://127.0.0.1:{silent.getsockname()[1]}/deploy"
    work = some_work({"method": "POST", "url": url}, kind="http", cancel=cancel, limit_s=60)
    sending = threading.Thread(target=lambda: results.append(connector_for("http", "").run(work, Kept())))
    sending.start()
    far_end, _ = silent.accept()
    with far_end:
        far_end.settimeout(20)
        wait_until(lambda: b"\r\n\r\n" in far_end.recv(1 << 16))
        cancel.cancel(reason, "enough")
        assert far_end.recv(1) == b""
    sending.join(20)
    assert (results[0].ended, results[0].stop_confirmed) == (Ended.STOPPED, False)
