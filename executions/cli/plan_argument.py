"""A plan from a file or from standard input."""

import sys
from pathlib import Path

from django.conf import settings
from django.core.management.base import CommandParser

from executions.cli.failing import BadInput


def add_plan_arguments(parser: CommandParser) -> None:
    """PLAN, --tenant, --yes, --idempotency-key, --again, --allow-likely-secret."""
    parser.add_argument("plan", metavar="PLAN", help="file with the plan as JSON; - reads standard input")
    parser.add_argument("--tenant", metavar="SLUG", help="for which tenant (default: your only one)")
    parser.add_argument("--yes", action="store_true", help="confirm what needs no more than that (level 1)")
    parser.add_argument(
        "--idempotency-key",
        metavar="KEY",
        help="the same key gives the same execution; 1 to 255 printable ASCII",
    )
    parser.add_argument(
        "--again", action="store_true", help="run although the same plan ran a short while ago"
    )
    parser.add_argument(
        "--allow-likely-secret",
        default="",
        metavar="REASON",
        help="why what looks like a secret in the plan is none; recorded (tenant admins only)",
    )


def read_plan(place: str) -> bytes:
    """The bytes of the plan, at most one more than are allowed. Raises BadInput."""
    most = int(settings.OPSC["PLAN_MAX_BYTES"]) + 1
    if place == "-":
        return sys.stdin.buffer.read(most)
    try:
        with Path(place).open("rb") as file:
            return file.read(most)
    except OSError as error:
        raise BadInput(
            f"{place}: {error.strerror}", hint="Give a file with a plan, or - for input."
        ) from None
