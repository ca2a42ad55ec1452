"""Single operations per second, each with a commit of its own, from the threads of one process."""

import threading
import time
from collections.abc import Callable
from contextlib import suppress
from uuid import UUID, uuid4

from django.contrib.auth.models import User
from django.db import connections

from executions import lifecycle, storing
from executions.benchmark.figures import NothingMeasured
from executions.benchmark.submitting import plan
from executions.benchmark.surroundings import THREADS
from executions.lifecycle import By
from executions.models import Execution
from executions.monitoring.progress import progress
from executions.submission import submit
from safety import leases
from safety.models import Tenant


def per_second(action: Callable[[int], object], seconds: float) -> float:
    """How often all threads together complete the action; it is told the number of its thread.

    Raises:
      NothingMeasured: An action raised, or was never completed.
    """
    counts, errors, start = [0] * THREADS, [], threading.Barrier(THREADS + 1)
    until = 0.0

    def repeat(number: int) -> None:
        try:
            action(number)  # connects and prepares
            start.wait()
            while time.monotonic() < until:
                action(number)
                counts[number] += 1
        except Exception as error:  # noqa: BLE001  told below, from the thread that measures
            errors.append(error)
            start.abort()
        finally:
            connections.close_all()

    threads = [threading.Thread(target=repeat, args=(number,)) for number in range(THREADS)]
    for thread in threads:
        thread.start()
    until = time.monotonic() + 3600
    with suppress(threading.BrokenBarrierError):
        start.wait(60)
    began = time.monotonic()
    until = began + seconds
    for thread in threads:
        thread.join()
    took = time.monotonic() - began
    if errors or not all(counts):
        raise NothingMeasured(f"an operation failed: {errors[:1]}")
    return sum(counts) / took


class Operations:
    """The operations on one finished execution."""

    def __init__(self, tenant: Tenant, user: User, seconds: float) -> None:
        self._tenant, self._user, self._seconds = tenant, user, seconds
        submitted = submit(plan("operations", 1), user=user, tenant=tenant)
        self._execution = Execution.objects.get(pk=submitted.execution_id)

    def idempotency_checks(self) -> float:
        """Look an execution up by its idempotency key."""
        one = self._execution

        def check(_number: int) -> None:
            if (
                storing.existing(one.idempotency_key, plan_hash=one.plan_hash, tenant_id=one.tenant_id)
                is None
            ):
                raise NothingMeasured("the key was not found")

        return per_second(check, self._seconds)

    def leases(self) -> float:
        """Take an asset and free it again, two commits; every thread another asset."""
        assets = [uuid4() for _ in range(THREADS)]

        def take_and_free(number: int) -> None:
            execution_id = uuid4()
            leases.acquire(
                tenant_id=self._tenant.pk,
                execution_id=execution_id,
                assets=[assets[number]],
                worker="bench",
                ttl_s=30,
            )
            if leases.release(execution_id) != [assets[number]]:
                raise NothingMeasured("a lease was not freed")

        return per_second(take_and_free, self._seconds)

    def leases_at_once(self, assets: int, times: int = 5) -> float:
        """Seconds that one statement needs to take so many assets, all new to it: the middle of several."""
        took = []
        for _ in range(times):
            wanted, execution_id = [uuid4() for _ in range(assets)], uuid4()
            began = time.monotonic()
            leases.acquire(
                tenant_id=self._tenant.pk, execution_id=execution_id, assets=wanted, worker="bench", ttl_s=30
            )
            took.append(time.monotonic() - began)
            if len(leases.release(execution_id)) != assets:
                raise NothingMeasured("not all of the leases were freed")
        return sorted(took)[times // 2]

    def progress_reads(self) -> float:
        """Read how far an execution is."""
        execution_id: UUID = self._execution.pk

        def read(_number: int) -> None:
            if progress(execution_id) is None:
                raise NothingMeasured("the execution was not found")

        return per_second(read, self._seconds)

    def events(self) -> float:
        """Write an event."""
        by = By.system("bench")

        def record(number: int) -> None:
            lifecycle.record(
                "step.progress",
                tenant_id=self._tenant.pk,
                execution_id=self._execution.pk,
                by=by,
                data={"thread": number},
            )

        return per_second(record, self._seconds)
