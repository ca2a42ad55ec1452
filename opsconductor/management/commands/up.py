"""Everything at once, on this machine."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from ipaddress import ip_address

from django.conf import settings
from django.contrib.auth.models import User
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError, CommandParser

from executions import scheduler
from executions.demo import ensure_demo, ensure_token
from executions.fleet import lanes
from executions.fleet.crew import Crew
from executions.fleet.signals import Signals
from executions.web import one_time
from opsconductor.serve import AddressTaken, WebServer
from safety.masking import live
from safety.masking.masker import Masker

NOT_AVAILABLE = 3
DRAIN_S = 3.0  # steps that run longer are handed over, and taken up again at the next start
LOOK_S = 0.5
END_S = 2.0


class Command(BaseCommand):
    """Serves the pages and runs steps until Ctrl-C."""

    help = (
        "Make the tables, then serve pages, workers and scheduler until Ctrl-C; for one machine. Without "
        "RABBITMQ_URL, everything is in this process. Example: manage.py up --port 8080. "
        "Exit code: 0 stopped, 3 not available."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--host", default="127.0.0.1", help="default %(default)s")
        parser.add_argument(
            "--port", type=int, default=8000, help="0 takes any free port; default %(default)s"
        )

    def handle(self, *, host: str, port: int, **_options: object) -> None:
        call_command("migrate", interactive=False, verbosity=0)
        if not User.objects.exists():
            ensure_demo()
        ensure_token()  # for a `make demo` beside this: its steps may be taken here
        try:
            web = WebServer(host, port)
        except AddressTaken as problem:
            raise CommandError(str(problem), returncode=NOT_AVAILABLE) from problem
        signals = Signals(signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
        with _swept(), _workers(signals) as trouble:
            web.start()
            self._welcome(host, web.port)
            reason = ""
            while not reason and signals.next(LOOK_S) is None:
                reason = trouble() if web.is_alive else "the web server has stopped"
            self.stdout.write("Stopping.")
            web.stop()
        if reason:
            raise CommandError(f"OpsConductor cannot go on: {reason}", returncode=NOT_AVAILABLE)

    def _welcome(self, host: str, port: int) -> None:
        shown = f"[{host}]" if ":" in host else host
        address = f"http://{'127.0.0.1' if host in ('0.0.0.0', '::') else shown}:{port}/"  # noqa: S104
        self.stdout.write(f"OpsConductor {settings.OPSC_VERSION} is at {address}")
        user = User.objects.filter(is_active=True).order_by("-is_superuser", "-is_staff", "pk").first()
        if user:
            token = one_time.issue(user)
            secrets = Masker()
            secrets.add(token)
            live.register(secrets)  # a request that is refused is logged with its address
            link = f"{address}sign-in/once/{token}/"
            minutes = int(one_time.VALID_FOR.total_seconds() // 60)
            self.stdout.write(f"Sign in as {user.get_username()}, once, within {minutes} minutes:\n  {link}")
        if not _is_loopback(host):
            self.stdout.write("Warning: other machines can reach this, and nothing on the way is encrypted.")
        self.stdout.write("Ctrl-C stops it.")
        self.stdout.flush()


@contextmanager
def _swept() -> Iterator[None]:
    """The scheduler in a thread."""
    stop = threading.Event()
    thread = threading.Thread(target=scheduler.run, args=(stop,), name="scheduler", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(END_S)


def _workers(signals: Signals) -> AbstractContextManager[Callable[[], str]]:
    """What runs the steps while the body runs; yields a question whose answer is why it cannot go on, or empty."""
    return _fleet() if settings.RABBITMQ_URL else _crew(signals)


@contextmanager
def _crew(signals: Signals) -> Iterator[Callable[[], str]]:
    crew = Crew(lanes.of_process(0, 1, settings.OPSC["WORKER_THREADS"]))
    crew.start()
    try:
        yield crew.trouble
    finally:
        crew.drain(DRAIN_S, lambda wait_s: signals.next(wait_s) is not None)


@contextmanager
def _fleet() -> Iterator[Callable[[], str]]:
    fleet = subprocess.Popen(  # noqa: S603  our own program
        [sys.executable, str(settings.BASE_DIR / "manage.py"), "fleet", f"--parent={os.getpid()}"],
        stdin=subprocess.DEVNULL,
        start_new_session=True,
        env=os.environ | {"OPSC_DRAIN_S": str(DRAIN_S)},
    )
    try:
        yield lambda: "" if fleet.poll() is None else f"the fleet has ended with exit code {fleet.returncode}"
    finally:
        fleet.terminate()
        fleet.wait()


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
