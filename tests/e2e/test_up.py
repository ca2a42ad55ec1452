"""One command serves everything on this machine, and one Ctrl-C ends it."""

import os
import re
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import requests

from opsconductor.embedded.processes import command_line, working_in
from tests.fleet import ROOT, Fleet
from tests.services.processes import Owned, free_port, listens
from tests.services.rabbitmq import Vhost
from tests.world import World, script, status_of, until

WITHOUT_SERVERS = ("DATABASE_URL", "RABBITMQ_URL", "SECRET_KEY", "OPSC_MESSAGE_KEY", "OPSC_HTTPS")


@pytest.fixture
def up(tmp_path: Path) -> Iterator[Callable[..., Owned]]:
    """Starts `manage.py up` on a free port and waits until it says how to stop it."""
    started: list[Owned] = []

    def start(**environment: str) -> Owned:
        program = [sys.executable, ROOT / "manage.py", "up", "--port", "0"]
        log = tmp_path / f"up-{len(started)}.log"
        plain = {name: value for name, value in os.environ.items() if name not in WITHOUT_SERVERS}
        process = Owned(program, log=log, env=plain | {"OPSC_DATA_DIR": str(tmp_path / "data")} | environment)
        started.append(process)
        process.wait_until(lambda: "Ctrl-C" in log.read_text(), timeout_s=60)
        return process

    yield start
    for process in started:
        process.end(signal.SIGINT)


def links(process: Owned) -> tuple[str, str]:
    """The address and the one-time link that it has printed."""
    text = process.log.read_text()
    address, link = re.findall(r"http://\S+", text)
    assert link.startswith(f"{address}sign-in/once/")
    return address, link


def post(session: requests.Session, address: str) -> requests.Response:
    token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', session.get(address, timeout=10).text)
    form = {"csrfmiddlewaretoken": token[1] if token else ""}
    return session.post(address, data=form, headers={"Referer": address}, timeout=10)


def test_the_printed_link_signs_in_once_and_ctrl_c_leaves_nothing(
    up: Callable[..., Owned], tmp_path: Path
) -> None:
    process = up()
    address, link = links(process)
    with requests.Session() as first, requests.Session() as second:
        entered = post(first, link)
        assert entered.status_code == 200
        assert "sign-in" not in entered.url
        assert post(second, link).status_code in (403, 410)
        assert "sign-in" in second.get(address, timeout=10).url
        assert first.get(f"{address}static/admin/css/base.css", timeout=10).status_code == 200
    assert link.rsplit("/", 2)[1] not in process.log.read_text().replace(link, "")

    began = time.monotonic()
    process.process.send_signal(signal.SIGINT)
    assert process.process.wait(20) == 0
    assert time.monotonic() - began < 8
    assert not working_in(tmp_path / "data" / "postgres")
    assert "Traceback" not in process.log.read_text()
    assert "Warning" not in process.log.read_text()


def test_a_port_that_is_taken_is_said_in_one_line(up: Callable[..., Owned], tmp_path: Path) -> None:
    address, _ = links(up())
    port = re.sub(r"\D", "", address.rsplit(":", 1)[1])
    plain = {name: value for name, value in os.environ.items() if name not in WITHOUT_SERVERS}
    second = Owned(
        [sys.executable, ROOT / "manage.py", "up", "--port", port],
        log=tmp_path / "second.log",
        env=plain | {"OPSC_DATA_DIR": str(tmp_path / "data")},
    )
    assert second.process.wait(30) == 3
    assert f"{port} is in use" in second.log.read_text()
    assert "Traceback" not in second.log.read_text()


def test_with_a_broker_it_has_a_fleet_that_ends_with_it_even_by_sigkill(
    up: Callable[..., Owned], world: World, rabbitmq: Vhost, tmp_path: Path
) -> None:
    environment = Fleet(rabbitmq.url, tmp_path).env
    del environment["OPSC_HTTPS"]
    process = up(**environment)
    assert requests.get(links(process)[0], timeout=10).url.startswith("http://")
    world.here()
    done = world.submit(script("echo hello"), targets=["here"])
    until(lambda: status_of(done.execution_id) == "succeeded", timeout_s=40)
    ours = [pid for pid in working_in(tmp_path) if str(ROOT / "manage.py") in command_line(pid)]
    fleet = [pid for pid in ours if f"--parent={process.pid}" in command_line(pid)]
    workers = [pid for pid in ours if f"--parent={fleet[0]}" in command_line(pid)]
    assert len(workers) == 2

    os.kill(process.pid, signal.SIGKILL)
    until(lambda: not any(command_line(pid) for pid in (*fleet, *workers)))


def test_web_serves_pages_by_several_processes_until_it_is_told_to_stop(
    world: World, rabbitmq: Vhost, tmp_path: Path
) -> None:
    port = free_port()
    programs = Fleet(rabbitmq.url, tmp_path)
    try:
        web = programs.add("web", f"--port={port}", "--workers=2")
        web.wait_until(lambda: listens(port), timeout_s=30)
        answer = requests.get(f"http://127.0.0.1:{port}/", timeout=20)
        assert (answer.status_code, "server" in answer.headers) == (200, False)
        web.process.send_signal(signal.SIGTERM)
        assert web.process.wait(15) == 0
    finally:
        programs.stop()
    assert "Traceback" not in programs.logs()
