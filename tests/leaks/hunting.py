"""One run with every canary, and then the search through everything that it left behind."""

import os
import secrets
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID

import pika
import psycopg
from django.db import connection

from executions.models import Execution, StepRun
from tests.fleet import database_url
from tests.leaks import acts, gathering, walking
from tests.leaks.canaries import SYSTEM, Canaries, Canary
from tests.leaks.encodings import ENCODINGS
from tests.leaks.sampling import Sampler
from tests.leaks.searching import Found, Place, search
from tests.leaks.stage import Stage
from tests.leaks.steps import evidence
from tests.world import World, until

KINDS = (
    *("database", "server log", "pg_stat_activity", "process logs", "broker messages", "broker files"),
    *("pages", "commands", "/proc", "temporary files"),
)
RUN_S = 600.0
AT_WORK = ("crash", "lost_http")  # steps that are under way when their worker is killed


@dataclass
class Report:
    """What the hunt came to."""

    canaries: Canaries
    found: Found = field(default_factory=Found)
    addresses: int = 0
    seconds: float = 0.0

    @property
    def blind(self) -> list[str]:
        """Kinds of places in which not even the decoy was seen: a hit there would not be seen either."""
        return [kind for kind in KINDS if kind not in self.found.decoys]

    @property
    def is_clean(self) -> bool:
        return not (self.found.hits or self.blind or self.canaries.unproven)

    def lines(self) -> Iterator[str]:
        """The report for people: never a value, only names."""
        yield f"{'places':<18} {'number':>7} {'bytes':>12}  decoy"
        for kind in KINDS:
            seen = "found" if kind in self.found.decoys else "NOT FOUND: this search is blind"
            yield f"{kind:<18} {self.found.places.get(kind, 0):>7} {self.found.bytes.get(kind, 0):>12,}  {seen}"
        total = f"{sum(self.found.places.values())} places, {sum(self.found.bytes.values()):,} bytes"
        yield f"{total}; {self.addresses} addresses of pages, as five people"
        yield f"{len(self.canaries.all)} canaries in {len(ENCODINGS)} encodings ({', '.join(ENCODINGS)})"
        for name in self.canaries.unproven:
            yield f"NEVER USED {name}: {self.canaries.all[name].position}"
        for hit in self.found.hits:
            yield f"HIT {hit.canary} as {hit.encoding} in {hit.place} ({self.canaries.all[hit.canary].position})"
        yield f"hits: {len(self.found.hits)}; {self.seconds:.0f} s"


def hunt(folder: Path, world: World) -> Report:
    """Run and search. Raises ServiceUnavailable when a server cannot be had."""
    began, since = time.monotonic(), time.time()
    canaries = Canaries.made()
    decoy = Canary("decoy", "everywhere, on purpose", f"decoy{secrets.token_hex(12)}")
    name = str(connection.settings_dict["NAME"])
    gathering.log_every_statement(name, on=True)
    stage = Stage(folder, world, canaries)
    sampler = Sampler()
    report = Report(canaries)
    try:
        with _planted(stage, decoy):
            places, report.addresses = _run(stage, decoy.value, sampler)
            places += gathering.temporary_files(since)
        stage.fleet.stop()
        places += [*gathering.messages(stage.vhost), *gathering.logs(stage.logs)]
        stage.node.stop()
        places += gathering.broker_files(stage.node.folder)
        places += [*gathering.database(), *gathering.statements(), *sampler.places()]
    finally:
        sampler.stop()
        stage.close()
        gathering.log_every_statement(name, on=False)
    report.found = search(places, canaries.all.values(), decoy)
    report.seconds = time.monotonic() - began
    return report


@contextmanager
def _planted(stage: Stage, decoy: Canary) -> Iterator[None]:
    """The decoy in one place of each kind that the run itself does not carry it to."""
    with stage.vhost.channel() as channel:
        on_disk = pika.BasicProperties(delivery_mode=2)
        channel.basic_publish("", "everything", decoy.value.encode(), on_disk)
    shell = subprocess.Popen(["/bin/sh", "-c", f"read line # {decoy.value}"], stdin=subprocess.PIPE, env={})
    with (
        tempfile.NamedTemporaryFile("w", prefix="opsc-decoy-") as file,
        psycopg.connect(database_url()) as open_one,
    ):
        file.write(decoy.value)
        file.flush()
        open_one.execute(f"SELECT '{decoy.value}'")  # type: ignore[arg-type]  # stands there as long as this is open
        try:
            yield
        finally:
            shell.communicate()


def _run(stage: Stage, decoy: str, sampler: Sampler) -> tuple[list[Place], int]:
    everybody = acts.sign_in_all(stage) | {"program": acts.a_program(stage)}
    try:
        olga, places = everybody["olga"], []
        places += acts.mistakes(stage, olga, stage.folder)
        execution_id = acts.submit(olga, stage.world.acme.pk, acts.the_plan(stage, decoy))
        acts.approve(everybody["tom"], execution_id, stage.canaries)
        _work(stage, execution_id)
        acts.cancel(stage, olga)
        places += acts.by_key(stage, stage.folder)
        sampler.stop()  # what follows only reads
        _prove(stage, execution_id, sampler)
        number = walking.walk(everybody)
        places += gathering.commands()
        return places + [page for visitor in everybody.values() for page in visitor.pages], number
    finally:
        for visitor in everybody.values():
            visitor.close()


def _work(stage: Stage, execution_id: UUID) -> None:
    """A worker does everything but what is waited for, is killed in the middle of that, and another takes over."""
    first = stage.worker("token")
    stage.wait_for_half()
    others = StepRun.objects.filter(execution=execution_id).exclude(step__key__in=AT_WORK)
    until(lambda: not others.filter(finished_at=None).exists(), timeout_s=RUN_S)
    # It removes what a step left on its target after the record; a kill in between leaves that to the sweep.
    jobs = Path(f"/var/tmp/opsconductor-{os.geteuid()}/{execution_id}")
    until(lambda: len(list(jobs.glob("*/stdout"))) <= 1, timeout_s=30)
    stage.fleet.kill(first)
    stage.worker("role")
    (stage.target / "go").touch()
    until(lambda: Execution.objects.get(pk=execution_id).is_terminal, timeout_s=RUN_S)


def _prove(stage: Stage, execution_id: UUID, sampler: Sampler) -> None:
    """Ask each target's own journal which canaries it was given."""
    canaries = stage.canaries
    evidence(canaries, stage.target)
    stage.requests_arrived()
    runs = {
        run.step.key: run for run in StepRun.objects.filter(execution=execution_id).select_related("step")
    }
    if (runs["bad_header"].status, runs["bad_header"].category) == ("failed", "invalid"):
        canaries.prove("bad_header", "the connector refused it")
    words = {
        "ssh_private_key": "Accepted publickey",
        "ssh_passphrase": "Accepted publickey",
        "ssh_password": "Accepted password",
        "ssh_wrong_password": "Failed password",
    }
    for name, word in words.items():
        if word in stage.sshd.log:
            canaries.prove(name, f"the SSH server's log says: {word}")
    for name in SYSTEM:
        value = canaries[name].encode()
        if any(value in environment for environment in sampler.handed_over):
            canaries.prove(name, "a process of ours had it in its environment")
