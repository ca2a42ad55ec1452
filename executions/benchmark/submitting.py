"""Submits plans as fast as it can, in a process of its own."""

import json
import os
import sys
import threading
import time
from typing import Any
from uuid import uuid4

from executions.benchmark.starting import sleep_until, wait_for_start


def plan(name: str, steps: int) -> dict[str, Any]:
    """A background plan of so many steps that do nothing for a millisecond, one after the other."""
    wait = {"kind": "wait", "with": {"seconds": 0.001}, "estimate": 1, "action_class": "read"}
    chain = [{"id": f"s{number}"} | wait for number in range(steps)]
    return {"version": 1, "name": f"{name} {uuid4()}", "mode": "background", "steps": chain}


def main(name: str, steps: int, seconds: float, threads: int) -> None:
    """Print how many plans were submitted."""
    from django.contrib.auth.models import User
    from django.db import connections

    from executions import dispatch
    from executions.submission import submit
    from safety.models import Tenant

    counts: list[int] = []
    start_at = wait_for_start()

    def submit_on() -> None:
        tenant, user = Tenant.objects.get(slug="bench"), User.objects.get(username="bench")
        done = 0
        sleep_until(start_at)
        while time.time() < start_at + seconds:
            submit(plan(name, steps), user=user, tenant=tenant)
            done += 1
        counts.append(done)
        connections.close_all()

    running = [threading.Thread(target=submit_on) for _ in range(threads)]
    for thread in running:
        thread.start()
    for thread in running:
        thread.join()
    dispatch.flush(10.0)
    print(json.dumps({"submitted": sum(counts)}))


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "opsconductor.settings")
    import django

    django.setup()
    main(**json.loads(sys.argv[1]))
