"""What a wake-up makes a worker do: look into its queue's rows, whatever the message says."""

import dramatiq

from executions import engine
from safety.choices import SlaClass


@dramatiq.actor(queue_name=SlaClass.FAST.value, actor_name="run_fast")
def run_fast(hint: str) -> None:  # noqa: ARG001  a wake-up may be late, doubled or out of order
    """Work on fast step runs until there is none."""
    engine.work_off(SlaClass.FAST)


@dramatiq.actor(queue_name=SlaClass.MEDIUM.value, actor_name="run_medium")
def run_medium(hint: str) -> None:  # noqa: ARG001
    """Work on medium step runs until there is none."""
    engine.work_off(SlaClass.MEDIUM)


@dramatiq.actor(queue_name=SlaClass.LONG.value, actor_name="run_long")
def run_long(hint: str) -> None:  # noqa: ARG001
    """Work on long step runs until there is none."""
    engine.work_off(SlaClass.LONG)
