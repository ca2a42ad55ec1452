"""Admin actions call what the pages call, and show its refusals as objections."""

from collections.abc import Callable

from executions.errors import Refused


def objection(act: Callable[[], object], about: object) -> str:
    """Do it; what the domain refuses comes back as a sentence, else the answer is empty."""
    try:
        act()
    except Refused as refusal:
        return f"{about}: {refusal} {refusal.hint}".strip()
    return ""
