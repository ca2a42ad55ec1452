"""A step that prints very much, run to its end by this process; how much memory that took."""

import json
import os
import sys
import time
from pathlib import Path
from typing import Any

import django

LIMIT_S = 900  # more than any machine needs
# Each prints so many MiB, ends with a secret, and is read to that end: `expect` asks for it.
SHAPES = {
    "lines": "line=$(mktemp); head -c $((200 * 1024 - 1)) /dev/zero | tr '\\0' x > $line; echo >> $line; i=0; "
    "while [ $i -lt $((MIB * 1024 / 200)) ]; do cat $line; i=$((i + 1)); done; rm $line",
    "no newline": "head -c $((MIB * 1024 * 1024)) /dev/zero | tr '\\0' x; echo",
    "binary": "head -c $((MIB * 1024 * 1024)) /dev/urandom; echo",
}
END = (
    "printf 'pass%s=hunter22 is the end\\n' word"  # what would stand in the plan as a secret is refused there
)
SEEN = r"=\[masked:password\] is the end"


def measured(mib: int, shape: str, tenant: str, person: str, target: str) -> dict[str, Any]:
    """Submit the step, run it as a worker does, and tell seconds, peak memory (MiB), status and what is stored."""
    from django.contrib.auth.models import User

    from executions import engine
    from executions.holdings import HOLDINGS, process_name
    from executions.models import Execution, OutputChunk
    from executions.submission import submit
    from safety.models import Tenant, TimeoutPolicy

    TimeoutPolicy.objects.filter(sla="long").update(step_s=LIMIT_S, execution_s=LIMIT_S)
    step = {
        "id": "print",
        "kind": "script",
        "estimate": 60,
        "with": {"script": f"{SHAPES[shape].replace('MIB', str(mib))}; {END}"},
        "expect": {"output": SEEN},
    }
    plan = {"version": 1, "name": f"{mib} MiB, {shape}", "mode": "background", "steps": [step]}
    plan |= {"targets": [target]}
    user, owner = User.objects.get(username=person), Tenant.objects.get(slug=tenant)
    submitted = submit(plan, user=user, tenant=owner, confirmed=True)
    HOLDINGS.start(process_name(), ("long",), 1)
    idle, began = _peak_mib(), time.monotonic()
    engine.work_off("long")
    took = time.monotonic() - began
    HOLDINGS.stop()
    execution = Execution.objects.get(pk=submitted.execution_id)
    chunks = OutputChunk.objects.filter(step_run__execution=execution)
    return {
        "seconds": took,
        "peak_mib": _peak_mib(),
        "idle_mib": idle,
        "status": execution.status,
        "reason": execution.status_reason,
        "stored": sum(len(text) for text in chunks.values_list("text", flat=True)),
    }


def _peak_mib() -> float:
    """The most memory that this program had. `getrusage` would count what its parent had before it became this one."""
    status = Path("/proc/self/status").read_text().splitlines()
    peak = next(line for line in status if line.startswith("VmHWM:"))
    return int(peak.split()[1]) / 1024  # it is in KiB


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "opsconductor.settings")
    django.setup()
    print(json.dumps(measured(**json.loads(sys.argv[1]))))
