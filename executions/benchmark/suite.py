"""The measurements in their order, each made once and with what it needs."""

import subprocess
from collections.abc import Callable, Iterator
from functools import cached_property

from django.conf import settings
from django.contrib.auth.models import User

from executions.benchmark import (
    big_output,
    cancelling,
    deciding,
    latency,
    messaging,
    switching_off,
    throughput,
)
from executions.benchmark.figures import Baseline, Figure, NothingMeasured, Wanted, percentile
from executions.benchmark.operations import Operations
from executions.benchmark.surroundings import PROCESSES, THREADS, Processes
from safety.models import Tenant
from safety.sql import fetch

LOW_LOAD_MESSAGES = 100
OUTPUT_MIB = 1024
WITHOUT_BROKER = frozenset({"output"})
ASSETS_AT_ONCE = 5000
IN_ONE_PROCESS = f"{THREADS} threads of one process, each with its own commits"
BY_PSYCOPG = f"plain psycopg cycle, 3 commits, {PROCESSES} x {THREADS} threads"
BY_DRAMATIQ = "bare Dramatiq no-op actor"


class Suite:
    """Measures in a database that holds nothing else, through a broker that nobody else uses."""

    def __init__(self, processes: Processes, url: str, people: tuple[Tenant, User], seconds: float) -> None:
        self._processes, self._url, self._seconds = processes, url, seconds
        self._tenant, self._user = people
        self._short = seconds / 3

    def measurements(self) -> dict[str, Callable[[], Iterator[Figure]]]:
        """By name, in the order in which they disturb each other least."""
        return {
            "output": self.output,
            "submissions": self.submissions,
            "messages": self.messages,
            "memory": self.memory,
            "single": self.single,
            "five": self.five,
            "latency": self.latency,
            "cancel": self.cancel,
            "switch": self.switch,
            "idempotency": self.idempotency,
            "leases": self.leases,
            "progress": self.progress,
            "events": self.events,
            "access": self.access,
        }

    def output(self) -> Iterator[Figure]:
        """Needs no broker."""
        for shape in big_output.SHAPES:
            process = self._processes.module(
                "big_output",
                mib=OUTPUT_MIB,
                shape=shape,
                tenant=self._tenant.slug,
                person=self._user.username,
                target="this-machine",
            )
            seen = self._processes.result_of(process, big_output.LIMIT_S)
            if seen["status"] != "succeeded":
                raise NothingMeasured(
                    f"the step that prints {shape} ended {seen['status']}: {seen['reason']}"
                )
            yield Figure(
                name=f"output of {OUTPUT_MIB} MiB, {shape}: peak memory",
                value=seen["peak_mib"],
                unit="MiB",
                wanted=Wanted(limit=200, at_most=True),
                detail=f"took {seen['seconds']:.0f} s, {seen['idle_mib']:.0f} MiB before, "
                f"{seen['stored']} characters stored, its masked end seen by `expect`",
            )

    def submissions(self) -> Iterator[Figure]:
        """Without workers; what was submitted is thrown away."""
        rate = throughput.submissions(self._processes, "submissions", seconds=self._short)
        fetch("TRUNCATE opsc_execution CASCADE")
        for queue in messaging.OUR_QUEUES:
            messaging.throw_away(queue)
        yield Figure(
            name="submissions",
            value=rate,
            unit="/s",
            baseline=self._psycopg,
            detail=f"single-step plans, {PROCESSES} processes, no workers",
        )

    def messages(self) -> Iterator[Figure]:
        yield Figure(
            name="bare messages",
            value=self._bare.per_second,
            unit="/s",
            detail=f"{BY_DRAMATIQ}, confirmed, {PROCESSES} workers x {THREADS} threads, {self._bare.count} messages",
        )

    def memory(self) -> Iterator[Figure]:
        yield Figure(
            name="idle worker process, resident",
            value=max(throughput.resident_mib(worker.pid) for worker in self._workers),
            unit="MiB",
            wanted=Wanted(limit=150, at_most=True),
            detail=f"the larger of {PROCESSES}, after a first load",
        )

    def single(self) -> Iterator[Figure]:
        yield from self._through("single-step executions", "single", steps=1, wanted=0.40)

    def five(self) -> Iterator[Figure]:
        yield from self._through("5-step executions", "five", steps=5, wanted=0.45)

    def _through(self, title: str, name: str, *, steps: int, wanted: float) -> Iterator[Figure]:
        _ = self._workers
        seen = throughput.executions(self._processes, name, steps=steps, seconds=self._seconds)
        detail = f"{seen.count} in {seen.seconds:.1f} s, submission to recorded end, {PROCESSES} workers x {THREADS}"
        goal = Wanted(limit=wanted, of_ratio=True)
        if steps == 1:
            yield Figure(
                name=title,
                value=seen.executions,
                unit="/s",
                baseline=self._psycopg,
                wanted=goal,
                detail=detail,
            )
            return
        yield Figure(name=title, value=seen.executions, unit="/s", detail=detail)
        yield Figure(
            name=f"{title}, steps",
            value=seen.steps,
            unit="steps/s",
            baseline=self._psycopg,
            wanted=goal,
            detail=detail,
        )

    def latency(self) -> Iterator[Figure]:
        _, bare = self._workers, self._bare.latencies
        ours = latency.from_submission_to_start(self._tenant, self._user, LOW_LOAD_MESSAGES)
        for share, limit in ((0.50, 3.0), (0.99, None)):
            yield Figure(
                name=f"submission to start of step, p{round(100 * share)}",
                value=1000 * percentile(ours, share),
                unit="ms",
                baseline=Baseline(name=BY_DRAMATIQ, value=1000 * percentile(bare, share)),
                wanted=None if limit is None else Wanted(limit=limit, at_most=True, of_ratio=True),
                detail=f"{len(ours)} one after the other, 50 ms apart",
            )

    def cancel(self) -> Iterator[Figure]:
        _ = self._workers
        yield Figure(
            name=f"cancel of {cancelling.STEP_RUNS:,} step runs",
            value=cancelling.seconds_to_cancel(self._tenant, self._user),
            unit="s",
            wanted=Wanted(limit=5, at_most=True),
            detail=f"local commands on as many targets, {cancelling.RUNNING} running, to the recorded end",
        )

    def switch(self) -> Iterator[Figure]:
        _ = self._workers
        runs, steps = switching_off.RUNS, switching_off.STEPS
        for name, measure, detail in (
            (
                "hold: the last step begins",
                switching_off.seconds_to_hold,
                f"{runs} runs of {steps} short steps",
            ),
            (
                "stop: the last run has ended",
                switching_off.seconds_to_stop,
                f"{runs} runs of a local command",
            ),
        ):
            yield Figure(
                name=f"switch to {name}",
                value=1000 * measure(self._tenant, self._user),
                unit="ms",
                wanted=Wanted(limit=2000, at_most=True),
                detail=f"{detail}, one in each worker thread; by the clock of the database",
            )

    def idempotency(self) -> Iterator[Figure]:
        yield self._operation("idempotency checks", self._operations.idempotency_checks(), 1000)

    def leases(self) -> Iterator[Figure]:
        yield self._operation("lease acquire + release", self._operations.leases(), 500)
        yield Figure(
            name=f"lease of {ASSETS_AT_ONCE:,} assets",
            value=self._operations.leases_at_once(ASSETS_AT_ONCE),
            unit="s",
            wanted=Wanted(limit=1, at_most=True),
            detail="all or none, in one statement; the middle of five",
        )

    def progress(self) -> Iterator[Figure]:
        yield self._operation("progress reads", self._operations.progress_reads(), 2000)

    def events(self) -> Iterator[Figure]:
        yield self._operation("events", self._operations.events(), 1000)

    def access(self) -> Iterator[Figure]:
        times = deciding.access_decisions(self._tenant, self._user)
        for share, limit in ((0.50, None), (0.99, 2.0)):
            yield Figure(
                name=f"access decision, p{round(100 * share)}",
                value=1000 * percentile(times, share),
                unit="ms",
                wanted=None if limit is None else Wanted(limit=limit, at_most=True),
                detail=f"{len(times)} one after the other on one connection, {deciding.OTHER_MEMBERS} members",
            )

    def _operation(self, name: str, rate: float, wanted: float) -> Figure:
        return Figure(name=name, value=rate, unit="/s", wanted=Wanted(limit=wanted), detail=IN_ONE_PROCESS)

    @cached_property
    def _operations(self) -> Operations:
        return Operations(self._tenant, self._user, self._short)

    @cached_property
    def _psycopg(self) -> Baseline:
        cycles = throughput.psycopg_cycles(self._processes, self._url, self._seconds)
        return Baseline(name=BY_PSYCOPG, value=cycles)

    @cached_property
    def _bare(self) -> messaging.Messaging:
        return messaging.bare(self._processes, messages=LOW_LOAD_MESSAGES, seconds=self._short)

    @cached_property
    def _workers(self) -> list[subprocess.Popen[str]]:
        workers = self._processes.start_workers()
        throughput.executions(self._processes, "warm", steps=1, seconds=1.0)
        return workers


def objection(*, broker: bool) -> str:
    """Why nothing can be measured here, in one sentence; empty when it can. Without `broker` none is asked for."""
    if not settings.DATABASE_URL or (broker and not settings.RABBITMQ_URL):
        return f"The benchmark needs a PostgreSQL{' and a RabbitMQ' if broker else ''} server."
    busy = [queue for queue in messaging.OUR_QUEUES if messaging.consumers_of(queue)] if broker else []
    if busy:
        return f"Workers are on the queues of this virtual host ({', '.join(busy)}): they would take part."
    return ""
