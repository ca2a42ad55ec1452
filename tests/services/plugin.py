"""Gives the test run a database before Django's settings are read, and ends what the run started."""

import os
import secrets
import shutil
import tempfile
from collections.abc import Generator
from pathlib import Path

import pytest

from tests.services import shared
from tests.services.postgres import QUICK, Postgres
from tests.services.processes import ServiceUnavailable
from tests.services.shared import SharedServices

NO_DATABASE = "postgres://nobody@127.0.0.1:1/none"
RABBITMQ_VARIABLE = "OPSC_TEST_RABBITMQ_URL"
UNPLUG_VARIABLE = "OPSC_UNPLUG"
UNPLUGGED_SETTINGS = "tests.unplugged"


class TestRun:
    """What the first process of a test run owns."""

    __test__ = False

    def __init__(self, *, with_database: bool) -> None:
        self.data = Path(tempfile.mkdtemp(prefix="opsc-test-"))
        self.postgres = Postgres(QUICK | {"synchronous_commit": "off"}) if with_database else None
        # A run inside a run (see tests/proofs.py) uses what the outer one has.
        self.shared = None if shared.VARIABLE in os.environ else SharedServices()
        os.environ["OPSC_DATA_DIR"] = str(self.data)
        os.environ.setdefault("SECRET_KEY", secrets.token_urlsafe(48))
        os.environ.setdefault("OPSC_MESSAGE_KEY", secrets.token_urlsafe(48))
        os.environ.setdefault("OPSC_HTTPS", "0")
        os.environ.setdefault("DATABASE_URL", self.postgres.url if self.postgres else NO_DATABASE)
        # Settings must not see a broker by themselves: a test that wants one asks for it.
        if given := os.environ.pop("RABBITMQ_URL", ""):
            os.environ[RABBITMQ_VARIABLE] = given

    def close(self) -> None:
        """End every service and remove every file."""
        if self.shared:
            self.shared.close()
        if self.postgres:
            self.postgres.close()
        shutil.rmtree(self.data)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_load_initial_conftests(
    early_config: pytest.Config, args: list[str]
) -> Generator[None, object, object]:
    """Set the environment up; a wrapper, because pytest-django reads the settings in the same hook."""
    if "PYTEST_XDIST_WORKER" not in os.environ and not _only_tells(early_config):
        try:
            run = TestRun(with_database=_needs_database(early_config))
        except ServiceUnavailable as problem:
            raise pytest.UsageError(str(problem)) from problem
        early_config.add_cleanup(run.close)
    # Every process that a test starts inherits it with the environment.
    if os.environ.get(UNPLUG_VARIABLE):
        os.environ["DJANGO_SETTINGS_MODULE"] = UNPLUGGED_SETTINGS
    return (yield)


def _only_tells(config: pytest.Config) -> bool:
    """Whether this is `--help` or the like, which runs no test."""
    known = config.known_args_namespace
    return any(getattr(known, name, False) for name in ("help", "version", "markers", "show_fixtures"))


def _needs_database(config: pytest.Config) -> bool:
    """False when one is given, and when only unit tests are asked for: they prove that they need none."""
    if os.environ.get("DATABASE_URL"):
        return False
    places = [place for place in config.known_args_namespace.file_or_dir if not place.startswith("-")]
    units = Path(__file__).resolve().parents[1] / "unit"
    here = config.invocation_params.dir
    return not places or not all((here / place.split("::")[0]).is_relative_to(units) for place in places)
