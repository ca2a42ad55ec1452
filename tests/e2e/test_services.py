"""The services that tests stand on really start, do their work, and are gone afterwards."""

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import hvac
import pika
import psycopg
import pytest
import requests
from pika.exceptions import AMQPConnectionError
from playwright.sync_api import Page, expect

from opsconductor.embedded.processes import command_line
from tests.services.httpd import TargetHttp
from tests.services.openbao import OpenBao
from tests.services.openssh import Sshd
from tests.services.postgres import Postgres
from tests.services.rabbitmq import OwnRabbitMQ, Vhost


def test_rabbitmq_gives_each_test_a_broker_to_itself(rabbitmq: Vhost):
    with rabbitmq.channel() as channel:
        channel.queue_declare("q", durable=True)
    rabbitmq.publish("q", b"\xffany bytes")

    assert rabbitmq.queues() == ["q"]
    assert rabbitmq.depth("q") == 1
    assert rabbitmq.purge("q") == 1
    assert rabbitmq.depth("q") == 0


@pytest.mark.timeout(240)
def test_an_own_rabbitmq_can_be_stopped_killed_and_started(own_rabbitmq: Callable[[], OwnRabbitMQ]):
    broker = own_rabbitmq()
    with broker.channel() as channel:
        channel.queue_declare("q", durable=True)
        message = pika.BasicProperties(delivery_mode=2)
        channel.confirm_delivery()
        channel.basic_publish("", "q", b"durable", message)

    broker.stop_app()
    with pytest.raises(AMQPConnectionError):
        pika.BlockingConnection(pika.URLParameters(broker.url))
    broker.start_app()
    assert broker.depth("q") == 1

    before = broker.node.pid
    broker.kill()
    assert not command_line(before)
    broker.start()
    assert broker.depth("q") == 1


def test_an_own_postgres_keeps_its_rows_over_a_kill(own_postgres: Callable[[], Postgres]):
    server = own_postgres()
    with psycopg.connect(server.url) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 1 AS one")

    server.kill()
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(server.url)
    server.start()

    with psycopg.connect(server.url) as connection:
        assert connection.execute("SELECT one FROM kept").fetchone() == (1,)


def _ssh(host: Sshd, folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    key, known = folder / "key", folder / "known_hosts"
    key.write_text(host.private_key)
    key.chmod(0o600)
    known.write_text(host.known_hosts + "\n")
    options = ["-F", "none", "-i", key, "-p", str(host.port), "-o", f"UserKnownHostsFile={known}"]
    options += ["-o", "BatchMode=yes", "-o", "ConnectTimeout=5"]
    argv = ["ssh", *options, f"{host.username}@{host.address}", *command]
    return subprocess.run(argv, capture_output=True, text=True, check=False, timeout=20)


def test_two_ssh_servers_are_two_hosts(sshds: Callable[[], Sshd], tmp_path: Path):
    one, other = sshds(), sshds()
    assert one.port != other.port
    assert one.known_hosts != other.known_hosts

    for host in (one, other):
        answer = _ssh(host, tmp_path, "echo", "$SSH_CONNECTION")
        assert answer.stdout.split()[-1] == str(host.port), answer.stderr

    one.change_host_key()
    one.stop()
    assert _ssh(one, tmp_path, "true").returncode == 255


@pytest.mark.skipif(os.geteuid() != 0, reason="only root's sshd can check passwords")
def test_the_ssh_server_takes_its_password_and_no_other(sshd: Sshd, tmp_path: Path):
    assert sshd.password
    ask = tmp_path / "ask"
    ask.write_text('#!/bin/sh\necho "$ANSWER"\n')
    ask.chmod(0o700)
    options = ["StrictHostKeyChecking=no", "UserKnownHostsFile=/dev/null", "PubkeyAuthentication=no"]
    argv = ["ssh", "-F", "none", "-p", str(sshd.port), "-o", "NumberOfPasswordPrompts=1"]
    argv += [word for option in options for word in ("-o", option)]
    argv += [f"{sshd.username}@{sshd.address}", "echo", "in"]
    asked = {**os.environ, "SSH_ASKPASS": str(ask), "SSH_ASKPASS_REQUIRE": "force"}
    for answer, printed in ((sshd.password, "in\n"), ("wrong", "")):
        done = subprocess.run(
            argv, capture_output=True, text=True, check=False, env={**asked, "ANSWER": answer}, timeout=20
        )
        assert done.stdout == printed, done.stderr


def test_openbao_keeps_a_secret(openbao: OpenBao):
    openbao.put("app/db", password="s3cret")

    client = hvac.Client(url=openbao.url, token=openbao.token)
    found = client.secrets.kv.v2.read_secret_version("app/db", raise_on_deleted_version=True)
    assert found["data"]["data"] == {"password": "s3cret"}


def test_the_http_target_journals_before_it_answers(target_http: TargetHttp):
    broken = target_http.on("/broken", status=503, body="down")
    silent = target_http.on("/silent", hang=True)

    answer = requests.post(broken, json={"a": 1}, timeout=5)
    assert (answer.status_code, answer.text) == (503, "down")
    with pytest.raises(requests.ReadTimeout):
        requests.get(silent + "?x=1", timeout=0.2)

    assert [(r.method, r.body) for r in target_http.wait_for("/broken")] == [("POST", '{"a": 1}')]
    assert [r.path for r in target_http.wait_for("/silent")] == ["/silent?x=1"]


def test_chromium_shows_a_page(browser: Callable[..., Page], target_http: TargetHttp):
    url = target_http.on("/page", body="<h1>Hello</h1>", headers={"Content-Type": "text/html"})

    page = browser(java_script_enabled=False)
    page.goto(url)

    expect(page.get_by_role("heading")).to_have_text("Hello")
