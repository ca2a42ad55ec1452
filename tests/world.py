"""Two tenants and three standing characters, and plans for them to run."""

import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

from django.contrib.auth.models import User
from django.db import connection, connections

from executions import engine, sweeper
from executions.holdings import HOLDINGS
from executions.models import Asset, Event, Execution, OutputChunk, StepRun
from executions.submission import Submitted, submit
from safety.choices import Role
from safety.models import Membership, Tenant

QUEUES = ("fast", "medium", "long")
# The seeded policies refer to no tenant, but their table does: TRUNCATE takes it along.
EVERYTHING = """
CREATE TEMP TABLE seeded AS SELECT * FROM opsc_timeout_policy WHERE tenant_id IS NULL;
CREATE TEMP TABLE rules AS SELECT * FROM opsc_approval_policy WHERE tenant_id IS NULL;
TRUNCATE opsc_tenant, opsc_lease, opsc_lockable, opsc_line_place, opsc_access_decision, opsc_event, opsc_audit_link,
    opsc_effect, opsc_worker, opsc_sign_in, opsc_sign_in_count, auth_user CASCADE;
INSERT INTO opsc_timeout_policy SELECT * FROM seeded;
INSERT INTO opsc_approval_policy SELECT * FROM rules;
DROP TABLE seeded, rules
"""


def clear() -> None:
    """Take everything out of the test database but the seeded policies."""
    with connection.cursor() as cursor:
        cursor.execute(EVERYTHING)


@dataclass
class World:
    """Olga (operator) owns, Tom (approver) is on her team, Nina is in another tenant and must see nothing."""

    acme: Tenant
    other: Tenant
    olga: User
    tom: User
    nina: User

    @classmethod
    def make(cls) -> "World":
        acme = Tenant.objects.create(slug="acme", name="Acme")
        other = Tenant.objects.create(slug="other", name="Other")
        people = {name: User.objects.create_user(name) for name in _ROLES}
        for name, (slug, role) in _ROLES.items():
            tenant = acme if slug == "acme" else other
            Membership.objects.create(tenant=tenant, user=people[name], role=role)
        return cls(acme, other, **people)

    def here(self, name: str = "here", **more: Any) -> Asset:
        """This machine as an asset."""
        return Asset.objects.create(tenant=self.acme, name=name, connection="local", **more)

    def submit(self, *steps: dict[str, Any], **header: Any) -> Submitted:
        """Olga submits a background plan of these steps, confirmed."""
        plan = {"version": 1, "name": f"plan {uuid4()}", "mode": "background", "steps": list(steps)} | header
        return submit(plan, user=self.olga, tenant=self.acme, confirmed=True)


_ROLES = {
    "olga": ("acme", Role.OPERATOR),
    "tom": ("acme", Role.APPROVER),
    "nina": ("other", Role.TENANT_ADMIN),
}


def wait_step(id_: str = "wait", **more: Any) -> dict[str, Any]:
    """A step that does nothing for a millisecond."""
    return {"id": id_, "kind": "wait", "with": {"seconds": 0.001}, "estimate": 1} | more


def script(text: str, id_: str = "work", **more: Any) -> dict[str, Any]:
    """A shell script on the plan's targets."""
    return {"id": id_, "kind": "script", "with": {"script": text}, "estimate": 1} | more


def status_of(execution_id: UUID) -> str:
    return Execution.objects.values_list("status", flat=True).get(pk=execution_id)


def runs_of(execution_id: UUID) -> list[StepRun]:
    runs = StepRun.objects.filter(execution=execution_id).select_related("step", "asset")
    return list(runs.order_by("position", "asset__name"))


def states_of(execution_id: UUID) -> dict[str, str]:
    """Step key to state, for plans with one target a step."""
    return {run.step.key: run.status for run in runs_of(execution_id)}


def events_of(execution_id: UUID) -> list[str]:
    return list(Event.objects.filter(execution=execution_id).order_by("id").values_list("type", flat=True))


def output_of(run: StepRun) -> str:
    chunks = OutputChunk.objects.filter(step_run=run).order_by("attempt", "sequence")
    return "".join(chunk.text for chunk in chunks)


def work_off(queues: tuple[str, ...] = QUEUES) -> int:
    """Run everything that is ready, in this thread."""
    return sum(engine.work_off(queue) for queue in queues)


def until(question: Callable[[], Any], timeout_s: float = 20.0, pause_s: float = 0.05) -> Any:
    """Ask until the answer is true, and return it; fails with the last answer when time is up."""
    end = time.monotonic() + timeout_s
    while not (answer := question()):
        assert time.monotonic() < end, f"still {answer!r} after {timeout_s} s"
        time.sleep(pause_s)
    return answer


def work_until_over(execution_id: UUID, timeout_s: float = 20.0) -> str:
    """Work and sweep in this thread until the execution is over; its status."""

    def over() -> bool:
        sweeper.tick()
        work_off()
        return Execution.objects.get(pk=execution_id).is_terminal

    until(over, timeout_s)
    return status_of(execution_id)


@contextmanager
def holding(name: str = "") -> Iterator[None]:
    """This process as a worker that holds leases."""
    HOLDINGS.start(name or f"test:{os.getpid()}:{time.monotonic()}", QUEUES, 1)
    try:
        yield
    finally:
        HOLDINGS.stop()


def in_threads(count: int, action: Callable[[int], Any]) -> list[Any]:
    """Run the action in so many threads that start at one moment; results or exceptions in order."""
    barrier, results = threading.Barrier(count), [None] * count

    def body(number: int) -> None:
        barrier.wait()
        try:
            results[number] = action(number)
        except Exception as error:  # noqa: BLE001  the caller looks at it
            results[number] = error
        finally:
            connections.close_all()

    threads = [threading.Thread(target=body, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results
