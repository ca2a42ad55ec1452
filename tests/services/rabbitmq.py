"""RabbitMQ nodes for tests, from the installed programs or from unpacked Debian packages."""

import json
import secrets
import shutil
import signal
import subprocess
import tempfile
import urllib.request
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pika
from pika.adapters.blocking_connection import BlockingChannel

from tests.services import packages
from tests.services.processes import Owned, ServiceUnavailable, free_port, listens, plain_environment

BOOT_S = 90
CONTROL_S = 60
CONFIGURATION = """\
listeners.tcp.1 = 127.0.0.1:{amqp}
management.tcp.ip = 127.0.0.1
management.tcp.port = {management}
management_agent.disable_metrics_collector = true
vm_memory_high_watermark.absolute = 1GB
disk_free_limit.absolute = 10MB
log.console = true
log.console.level = warning
log.file = false
"""


@dataclass(frozen=True)
class Broker:
    """Where a RabbitMQ server and its management API answer."""

    port: int
    management_port: int = 15672
    host: str = "127.0.0.1"
    user: str = "guest"
    password: str = field(default="guest", repr=False)

    def manage(self, method: str, path: str, body: object = None) -> list[dict[str, str]]:
        """Call the management API; raises URLError."""
        credentials = b64encode(f"{self.user}:{self.password}".encode()).decode()
        request = urllib.request.Request(
            f"http://{self.host}:{self.management_port}/api/{path}",
            method=method,
            data=json.dumps(body or {}).encode() if method == "PUT" else None,
            headers={"Authorization": f"Basic {credentials}", "Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=10) as response:
            content = response.read()
        return json.loads(content) if content else []


def given(url: str) -> Broker:
    """The broker behind a RABBITMQ_URL.

    Raises:
      ServiceUnavailable: Its management API does not answer; tests need it to make virtual hosts.
    """
    parts = pika.URLParameters(url)
    login = parts.credentials
    broker = Broker(parts.port, host=parts.host, user=login.username, password=login.password)
    try:
        broker.manage("GET", "vhosts?columns=name")
    except OSError as problem:
        raise ServiceUnavailable(
            f"The management API of RABBITMQ_URL does not answer ({problem}): unset RABBITMQ_URL, "
            "and the tests start a node of their own."
        ) from problem
    return broker


class Vhost:
    """One virtual host: a broker to itself for one test.

    `url` is for RABBITMQ_URL.
    """

    def __init__(self, broker: Broker) -> None:
        self.broker = broker
        self.name = f"test-{secrets.token_hex(6)}"
        self.url = f"amqp://{broker.user}:{broker.password}@{broker.host}:{broker.port}/{self.name}"
        everything = {"configure": ".*", "write": ".*", "read": ".*"}
        broker.manage("PUT", f"vhosts/{self.name}")
        broker.manage("PUT", f"permissions/{self.name}/{broker.user}", everything)

    def queues(self) -> list[str]:
        """Names of the queues, sorted."""
        answer = self.broker.manage("GET", f"queues/{self.name}?columns=name")
        return sorted(queue["name"] for queue in answer)

    def depth(self, queue: str) -> int:
        """Messages ready in a queue, unacknowledged ones not counted; the queue must exist."""
        with self.channel() as channel:
            return int(channel.queue_declare(queue, passive=True).method.message_count)

    def purge(self, queue: str) -> int:
        """Throw away what is ready in a queue; how many messages that were."""
        with self.channel() as channel:
            return int(channel.queue_purge(queue).method.message_count)

    def publish(self, queue: str, body: bytes) -> None:
        """Put arbitrary bytes on a queue, confirmed by the broker."""
        with self.channel() as channel:
            channel.confirm_delivery()
            channel.basic_publish("", queue, body, mandatory=True)

    @contextmanager
    def channel(self) -> Iterator[BlockingChannel]:
        """A channel on a connection of its own."""
        connection = pika.BlockingConnection(pika.URLParameters(self.url))
        try:
            yield connection.channel()
        finally:
            connection.close()

    def close(self) -> None:
        """Delete the virtual host; connections to it are closed."""
        self.broker.manage("DELETE", f"vhosts/{self.name}")


class Node:
    """A RabbitMQ node with ports, data, cookie and port mapper of its own; started when made."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="opsc-mq-"))
        self.broker = Broker(free_port(), free_port())
        self._epmd_port, self._name = free_port(), f"opsc-{secrets.token_hex(4)}@localhost"
        self._programs, erlang = programs()
        (self.folder / "rabbitmq.conf").write_text(
            CONFIGURATION.format(amqp=self.broker.port, management=self.broker.management_port)
        )
        (self.folder / "enabled_plugins").write_text("[rabbitmq_management].\n")
        self._environment = self._make_environment(erlang)
        epmd = [shutil.which("epmd", path=self._environment["PATH"]) or "epmd", "-port", str(self._epmd_port)]
        log = self.folder / "epmd.log"
        self._epmd = Owned([*epmd, "-address", "127.0.0.1"], log=log, env=self._environment)
        self._epmd.wait_until(lambda: listens(self._epmd_port), timeout_s=10)
        self.start()

    @property
    def pid(self) -> int:
        """The node's process."""
        return self._server.pid

    def start(self) -> None:
        """Boot the node on its ports with the data it has, and wait until it takes connections."""
        program, log = self._programs / "rabbitmq-server", self.folder / "node.log"
        self._server = Owned([program], log=log, env=self._environment)
        self._server.wait_until(self._is_ready, timeout_s=BOOT_S)

    def stop(self) -> None:
        """End the node in order; its durable data stays."""
        self._server.end(signal.SIGTERM)

    def kill(self) -> None:
        """SIGKILL."""
        self._server.end()

    def restart(self) -> None:
        """Stop and start."""
        self.stop()
        self.start()

    def stop_app(self) -> None:
        """Stop the broker inside the running node: connections are closed, new ones refused."""
        self.ctl("stop_app")

    def start_app(self) -> None:
        """Start the broker again after `stop_app` and wait until it takes connections."""
        self.ctl("start_app")
        self._server.wait_until(self._is_ready, timeout_s=BOOT_S)

    def ensure_ready(self) -> None:
        """Undo a stop, a kill or `stop_app`."""
        if not self._server.is_alive:
            self.start()
        elif not self._is_ready():
            self.start_app()

    def ctl(self, *arguments: str) -> str:
        """What rabbitmqctl prints; takes 1-2 s. Raises CalledProcessError."""
        return subprocess.run(
            [self._programs / "rabbitmqctl", *arguments],
            env=self._environment,
            capture_output=True,
            text=True,
            check=True,
            timeout=CONTROL_S,
        ).stdout

    def close(self) -> None:
        """End the node and its port mapper, and remove the data."""
        self._server.end()
        self._epmd.end()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _is_ready(self) -> bool:
        try:
            self.broker.manage("GET", "vhosts?columns=name")
        except OSError:  # refused, reset, not yet an answer
            return False
        return listens(self.broker.port)

    def _make_environment(self, erlang: Path) -> dict[str, str]:
        plain = plain_environment()
        quiet = "+sbwt none +sbwtdcpu none +sbwtdio none"  # no busy waiting for work
        return plain | {
            "PATH": f"{erlang}:{plain['PATH']}",
            "HOME": str(self.folder),
            "ERL_EPMD_PORT": str(self._epmd_port),
            "RABBITMQ_NODENAME": self._name,
            "RABBITMQ_DIST_PORT": str(free_port()),
            "RABBITMQ_CONFIG_FILE": str(self.folder / "rabbitmq.conf"),
            "RABBITMQ_CONF_ENV_FILE": "/dev/null",
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(self.folder / "enabled_plugins"),
            "RABBITMQ_MNESIA_BASE": str(self.folder / "mnesia"),
            "RABBITMQ_LOG_BASE": str(self.folder),
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": f"-kernel inet_dist_use_interface {{127,0,0,1}} {quiet}",
            # The start script then becomes the Erlang machine instead of being its parent.
            "RUNNING_UNDER_SYSTEMD": "true",
        }


class OwnRabbitMQ(Vhost):
    """A virtual host on a node that no other test uses, so that the node may be stopped or killed."""

    def __init__(self, node: Node) -> None:
        super().__init__(node.broker)
        self.node = node
        self.stop, self.start, self.kill, self.restart = node.stop, node.start, node.kill, node.restart
        self.stop_app, self.start_app, self.ctl = node.stop_app, node.start_app, node.ctl


def programs() -> tuple[Path, Path]:
    """The folders of RabbitMQ's scripts and of Erlang's programs."""
    if Path("/usr/lib/rabbitmq/bin/rabbitmq-server").exists() and shutil.which("erl"):
        return Path("/usr/lib/rabbitmq/bin"), Path("/usr/bin")
    root = packages.unpacked("rabbitmq-server")
    erlang = root / "usr/lib/erlang"
    if not erlang.exists():  # Erlang was installed before
        return root / "usr/lib/rabbitmq/bin", Path("/usr/bin")
    for script in (erlang / "bin/erl", *erlang.glob("erts-*/bin/erl")):
        text = script.read_text()
        moved = text.replace("ROOTDIR=/usr/lib/erlang", f"ROOTDIR={erlang}")
        if moved != text:
            script.write_text(moved)
    return root / "usr/lib/rabbitmq/bin", erlang / "bin"
