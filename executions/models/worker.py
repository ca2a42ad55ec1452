"""The processes that run steps."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models.functions import Now


class Worker(models.Model):
    """One process that holds leases, with its last heartbeat."""

    class State(models.TextChoices):
        """What the fleet knows of a process."""

        ACTIVE = "active"
        DRAINING = "draining"
        STOPPED = "stopped"
        LOST = "lost"

    name = models.CharField(max_length=100, primary_key=True, help_text="host:pid:start")
    state = models.CharField(max_length=10, choices=State.choices, default=State.ACTIVE)
    queues = ArrayField(models.CharField(max_length=10), default=list)
    threads = models.SmallIntegerField(default=0)
    running = models.IntegerField(default=0)
    memory_mib = models.IntegerField(default=0)
    version = models.CharField(max_length=30)
    started_at = models.DateTimeField(db_default=Now())
    heartbeat_at = models.DateTimeField(db_default=Now())

    class Meta:
        db_table = "opsc_worker"
        indexes = [models.Index(fields=["state", "heartbeat_at"], name="worker_alive")]

    def __str__(self) -> str:
        return self.name
