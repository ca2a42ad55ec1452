"""A run on a real fleet whose first step waits for a file, so that a test can do something meanwhile."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

from django.contrib.auth.models import User
from django.test import Client

from executions import dispatch
from executions.models import Execution
from safety.choices import Role
from tests import factories
from tests.world import World, script, status_of, until

PATIENCE_S = 60
WAITS = "echo $$ > {mark}.pid; until test -e {mark}.go; do sleep 0.05; done"


@dataclass
class Held:
    """Its first step waits until `let_go`; its second one leaves `touched`."""

    execution_id: UUID
    mark: Path

    @property
    def pid(self) -> int:
        """Of the shell that the first step is."""
        return int(self.mark.with_suffix(".pid").read_text())

    @property
    def touched(self) -> Path:
        return self.mark.with_suffix(".touched")

    @property
    def has_begun(self) -> bool:
        pid = self.mark.with_suffix(".pid")
        return pid.exists() and bool(pid.read_text().strip())

    def let_go(self) -> None:
        self.mark.with_suffix(".go").touch()

    def ends_as(self, status: str) -> None:
        """Wait until it is over, which has to be like this."""
        until(lambda: Execution.objects.get(pk=self.execution_id).is_terminal, PATIENCE_S)
        assert status_of(self.execution_id) == status


def steps(mark: Path) -> list[dict[str, Any]]:
    """The steps of such a run."""
    return [
        script(WAITS.format(mark=mark), "one", estimate=60),
        script(f"touch {mark}.touched", "two", estimate=60),
    ]


def held(world: World, folder: Path, name: str = "run", **more: Any) -> Held:
    """Olga submits one; `begins` waits until its first step is at work."""
    mark = folder / name
    return Held(world.submit(*steps(mark), name=name, **{"targets": ["here"]} | more).execution_id, mark)


def begins(run: Held) -> Held:
    """The same run, once its first step is at work on its target."""
    dispatch.flush()
    until(lambda: run.has_begun, PATIENCE_S)
    return run


def signed_in(user: User) -> Client:
    """This person's browser, in front of the real pages."""
    client = Client(HTTP_HOST="localhost")
    client.force_login(user)
    return client


def boss(world: World) -> User:
    """Ada, tenant admin of Acme."""
    return factories.a_person("ada", Role.TENANT_ADMIN, tenant=world.acme, is_staff=True)


def says(client: Client, address: str, *words: str) -> None:
    """The page of this address says all of that."""
    page = client.get(address).content.decode()
    assert not [word for word in words if word not in page]


def stays(question: Callable[[], bool], seconds: float = 2.5) -> None:
    """What is so stays so for a while: longer than a sweep, a claim and the two seconds of the promise."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        assert question()
        time.sleep(0.1)


def approve(user: User, run: Held) -> None:
    """This person approves on the page what it shows."""
    wanted = Execution.objects.get(pk=run.execution_id).approval_hash
    page, client = f"/executions/{run.execution_id}/", signed_in(user)
    says(client, page, wanted)
    assert client.post(f"{page}approve/", {"approval_hash": wanted}).status_code == 302
    dispatch.flush()
