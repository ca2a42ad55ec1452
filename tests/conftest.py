"""Fixtures of every ring: the services that a test may ask for by name."""

import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import Any

import hypothesis
import pytest
from django.conf import settings
from django.db import connections
from django.test.utils import setup_databases, teardown_databases
from playwright.sync_api import Browser, BrowserContext, Page

from tests.history import APPEND_ONLY
from tests.services import busybox as busybox_service
from tests.services import chromium, shared
from tests.services import rabbitmq as rabbitmq_service
from tests.services.httpd import TargetHttp
from tests.services.openbao import OpenBao
from tests.services.openssh import Sshd
from tests.services.plugin import RABBITMQ_VARIABLE
from tests.services.postgres import Postgres
from tests.services.processes import ServiceUnavailable
from tests.services.rabbitmq import Node, OwnRabbitMQ, Vhost

# The same examples in every run of CI: a change is judged by what it changed. Elsewhere new ones are looked for.
# No deadline for a single example: on a busy machine it says more about the machine.
hypothesis.settings.register_profile("ci", derandomize=True, deadline=None)
hypothesis.settings.register_profile("here", deadline=None)
hypothesis.settings.load_profile("ci" if os.environ.get("CI") else "here")

RINGS = ("unit", "integration", "e2e", "faults")


def pytest_configure() -> None:
    """Each `Client` builds the middleware anew; finding all static files took most of the time of its first request."""
    settings.WHITENOISE_AUTOREFRESH = True


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark each test with its ring, the folder it lies in."""
    here = Path(__file__).parent
    for item in items:
        ring = item.path.relative_to(here).parts[0]
        if ring in RINGS:
            item.add_marker(ring)


@contextmanager
def or_fail() -> Iterator[None]:
    """A service that cannot be had fails the test in one line; it never skips it."""
    try:
        yield
    except ServiceUnavailable as problem:
        pytest.fail(str(problem), pytrace=False)


@pytest.fixture
def rabbitmq() -> Iterator[Vhost]:
    """A broker to itself for one test: `.url`, `.queues()`, `.depth(queue)`, `.purge(queue)`."""
    with or_fail():
        url = os.environ.get(RABBITMQ_VARIABLE)
        vhost = Vhost(rabbitmq_service.given(url) if url else shared.broker())
    yield vhost
    vhost.close()


@pytest.fixture(scope="session")
def _own_nodes() -> Iterator[list[Node]]:
    nodes: list[Node] = []
    yield nodes
    for node in nodes:
        node.close()


@pytest.fixture
def own_rabbitmq(_own_nodes: list[Node]) -> Iterator[Callable[[], OwnRabbitMQ]]:
    """Makes a broker on a node of its own, for tests that stop or kill it; nodes are used again later."""
    given: list[Node] = []

    def make() -> OwnRabbitMQ:
        node = next((node for node in _own_nodes if node not in given), None)
        with or_fail():
            if node is None:
                _own_nodes.append(node := Node())
            given.append(node)
            node.ensure_ready()
            return OwnRabbitMQ(node)

    return make


@pytest.fixture
def own_postgres() -> Iterator[Callable[[], Postgres]]:
    """Makes PostgreSQL servers that may be stopped and killed."""
    with ExitStack() as stack:

        def make() -> Postgres:
            with or_fail():
                server = Postgres()
            stack.callback(server.close)
            return server

        yield make


@pytest.fixture
def sshds() -> Iterator[Callable[[], Sshd]]:
    """Makes OpenSSH servers; each port is another host."""
    with ExitStack() as stack:

        def make() -> Sshd:
            with or_fail():
                server = Sshd()
            stack.callback(server.close)
            return server

        yield make


@pytest.fixture
def sshd(sshds: Callable[[], Sshd]) -> Sshd:
    """One OpenSSH server."""
    return sshds()


@pytest.fixture(scope="session")
def busybox() -> Path:
    """The program of BusyBox, the shell of small targets."""
    with or_fail():
        return busybox_service.program()


@pytest.fixture(scope="session")
def openbao() -> Iterator[OpenBao]:
    """An OpenBao dev server (`.url`, `.token`, `.put(path, **values)`), shared by the tests of a process."""
    with or_fail():
        server = OpenBao()
    yield server
    server.close()


@pytest.fixture
def target_http(tmp_path: Path) -> Iterator[TargetHttp]:
    """An HTTP server to aim steps at, with a journal of what reached it."""
    server = TargetHttp(tmp_path / "requests.jsonl")
    yield server
    server.close()


@pytest.fixture(scope="session")
def _chromium() -> Iterator[Browser]:
    # Playwright's loop runs in this thread, which Django takes for asynchronous code.
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "1"
    with ExitStack() as stack:
        with or_fail():
            running: AbstractContextManager[Browser] = chromium.running()
            browser = stack.enter_context(running)
        yield browser


@pytest.fixture
def browser(_chromium: Browser) -> Iterator[Callable[..., Page]]:
    """Makes pages of Chromium, each in a profile of its own; arguments go to Playwright's `new_context`."""
    contexts: list[BrowserContext] = []

    def make(**settings: object) -> Page:
        contexts.append(_chromium.new_context(**settings))  # type: ignore[arg-type]
        return contexts[-1].new_page()

    yield make
    for context in contexts:
        context.close()


def let_it_be_emptied() -> None:
    """The one guard that the test database lacks: history may be truncated, or no test could begin with an empty one.

    What refuses UPDATE and DELETE stays, and test_append_only.py puts this one back to see it refuse.
    """
    with connections["default"].cursor() as cursor:
        for table in APPEND_ONLY:
            cursor.execute(f"DROP TRIGGER opsc_no_truncate ON {table}")


@pytest.fixture(scope="session")
def django_db_setup(
    django_test_environment: None, django_db_modify_db_settings: None, django_db_blocker: Any
) -> Iterator[None]:
    """One test database a process, whichever fixture asks for it first."""
    with django_db_blocker.unblock():
        made = setup_databases(verbosity=0, interactive=False, aliases=["default"])
        let_it_be_emptied()
        yield
        connections.close_all()
        teardown_databases(made, verbosity=0)


@pytest.fixture
def live_db(django_db_setup: None, django_db_blocker: Any) -> Iterator[None]:
    """The real database with real commits, seen by other processes too; emptied before each test."""
    with django_db_blocker.unblock():
        from tests.world import clear

        clear()
        yield
        connections.close_all()


@pytest.fixture
def world(live_db: None) -> Any:
    """Olga, Tom and Nina, and the means to run plans."""
    from tests.world import World

    return World.make()


@pytest.fixture
def working(world: Any) -> Iterator[None]:
    """This process as a worker that holds leases."""
    from tests.world import holding

    with holding():
        yield


@pytest.fixture
def patient_reaper(monkeypatch: pytest.MonkeyPatch) -> None:
    """The reaper waits after a start of the database; the throwaway one has just started."""
    from executions import reaper

    up_for_long = reaper._EXPIRED.replace("pg_postmaster_start_time()", "timestamptz '2000-01-01'")
    monkeypatch.setattr(reaper, "_EXPIRED", up_for_long)


@pytest.fixture
def fleet(world: Any, rabbitmq: Vhost, tmp_path: Path) -> Iterator[Any]:
    """Two worker processes and a scheduler on a real broker."""
    from tests.fleet import Fleet

    processes = Fleet(rabbitmq.url, tmp_path)
    try:
        processes.start()
        yield processes
    finally:
        processes.stop()
