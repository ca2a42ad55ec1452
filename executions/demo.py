"""What the demo needs on this machine: people, a tenant, an asset, a secret, a web server and workers."""

import os
import secrets
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from django.conf import settings
from django.contrib.auth.models import User
from django.db import transaction

from executions import scheduler
from executions.demo_plan import MACHINE
from executions.inprocess import Workers, some_worker_lives
from executions.models import Asset
from safety.choices import Environment, Role
from safety.models import Membership, Tenant

SLUG = "demo"
TOKEN_VARIABLE = "OPSC_SECRET_DEMO__TOKEN"  # noqa: S105  the name, not the value
ANSWER_S = 0.8  # the web server takes its time, so that two steps are seen side by side
START_S = 30.0
FLEET_END_S = 20.0


class NoWorkers(Exception):
    """The demo's own workers did not start; the message says what they said."""


@dataclass(frozen=True)
class DemoAccounts:
    """Olga runs things (and administers the embedded default), Tom approves."""

    tenant: Tenant
    olga: User
    tom: User
    machine: Asset


def ensure_demo() -> DemoAccounts:
    """Make the demo's tenant, people and asset unless they are there; what is there stays as it is.

    Nobody has a password: `up` prints a link that signs in once. Olga is a superuser only where the database
    is the embedded one.
    """
    embedded = not settings.DATABASE_URL
    with transaction.atomic():
        tenant, _ = Tenant.objects.get_or_create(slug=SLUG, defaults={"name": "Demo"})
        olga = _person(tenant, "olga", Role.OPERATOR, is_staff=embedded, is_superuser=embedded)
        tom = _person(tenant, "tom", Role.APPROVER, is_staff=False, is_superuser=False)
        machine, _ = Asset.objects.get_or_create(
            tenant=tenant,
            name=MACHINE,
            defaults={
                "connection": Asset.Connection.LOCAL,
                "environment": Environment.DEV,
                "tags": ["demo", "linux"],
            },
        )
    return DemoAccounts(tenant, olga, tom, machine)


def _person(tenant: Tenant, name: str, role: Role, *, is_staff: bool, is_superuser: bool) -> User:
    user = User.objects.filter(username=name).first()
    if user is None:
        user = User(username=name, is_staff=is_staff, is_superuser=is_superuser)
        user.set_unusable_password()
        user.save()
    if not Membership.objects.filter(tenant=tenant, user=user).exists():
        Membership.objects.create(tenant=tenant, user=user, role=role)
    return user


def ensure_token() -> None:
    """Give this process, and those that it starts, a random value for the demo's secret, unless it has one."""
    os.environ.setdefault(TOKEN_VARIABLE, f"demo-{secrets.token_urlsafe(24)}")


@contextmanager
def website() -> Iterator[str]:
    """A small web server on this machine; yields its address."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Health)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), name="demo site", daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class _Health(BaseHTTPRequestHandler):
    """Answers every GET with `ready`."""

    def do_GET(self) -> None:
        time.sleep(ANSWER_S)
        body = b"ready\n"
        self.send_response(200)
        self.send_header("Content-Type", "text/plain; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  the base class's name
        """Requests are in the execution's record already."""


def workers() -> AbstractContextManager[object]:
    """Whatever runs the steps: a fleet behind RabbitMQ where one is configured, else threads of this process."""
    return _fleet() if settings.RABBITMQ_URL else Workers()


@contextmanager
def _fleet() -> Iterator[None]:
    """A fleet as a child process and the scheduler as a thread."""
    stop = threading.Event()
    sweeping = threading.Thread(target=scheduler.run, args=(stop,), name="scheduler", daemon=True)
    with tempfile.TemporaryFile() as log:
        fleet = subprocess.Popen(  # noqa: S603  our own program
            [
                sys.executable,
                str(settings.BASE_DIR / "manage.py"),
                "fleet",
                "--workers=2",
                "--threads=4",
                f"--parent={os.getpid()}",
            ],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=log,
            start_new_session=True,  # Ctrl-C is for us; we then end it in order
            env=os.environ | {"OPSC_DRAIN_S": "3"},
        )
        try:
            sweeping.start()
            until = time.monotonic() + START_S
            while not some_worker_lives():
                if fleet.poll() is not None or time.monotonic() > until:
                    log.seek(0)
                    raise NoWorkers(log.read().decode(errors="replace")[-500:].strip() or "they said nothing")
                time.sleep(0.1)
            yield
        finally:
            stop.set()
            fleet.terminate()
            try:
                fleet.wait(FLEET_END_S)
            except subprocess.TimeoutExpired:
                fleet.kill()
                fleet.wait()
            sweeping.join(2.0)
