"""Gets the programs of every service before tests need them: `python -m tests.services`."""

import sys

from opsconductor.embedded import programs
from tests.services import busybox, chromium, openbao, openssh, rabbitmq
from tests.services.processes import ServiceUnavailable

NEEDED = {
    "PostgreSQL": programs.find,
    "RabbitMQ": rabbitmq.programs,
    "OpenSSH server": openssh.program,
    "OpenBao": openbao.program,
    "Chromium": chromium.program,
    "BusyBox": busybox.program,
}


def main() -> int:
    """Report what cannot be had, one line each; the exit code says how many."""
    missing = 0
    for name, get in NEEDED.items():
        try:
            get()
        except (ServiceUnavailable, programs.EmbeddedPostgresError) as problem:
            missing += 1
            sys.stderr.write(f"{name}: {problem}\n")
    return missing


if __name__ == "__main__":
    sys.exit(main())
