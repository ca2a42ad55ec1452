"""What is wrong with a plan, place by place, in words that never repeat a secret."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from safety.secrets.literals import likely_secrets

MOST_REPORTED = 50  # problems of one plan
READ_LIMIT = 1000  # characters looked at to tell a secret from a word
ECHO_LIMIT = 60  # characters of a person's input in a message
MOST_PATH = 200  # characters of a place


@dataclass(frozen=True)
class PlanProblem:
    """One thing to repair: where (`steps[3].timeout`), a stable code, a sentence, and how to repair it."""

    path: str
    code: str
    message: str
    hint: str = ""

    def __str__(self) -> str:
        place = f"{self.path}: " if self.path else ""
        return f"{place}{self.message}" + (f" ({self.hint})" if self.hint else "")


class PlanInvalid(Exception):
    """The plan cannot run; trying again unchanged makes no sense. Nothing was stored."""

    def __init__(self, problems: Iterable[PlanProblem]) -> None:
        once: dict[tuple[str, str], PlanProblem] = {}
        for problem in problems:
            once.setdefault((problem.path, problem.code), problem)
        self.problems = list(once.values())[:MOST_REPORTED]
        super().__init__("\n".join(str(problem) for problem in self.problems))


def by_setting(name: str) -> str:
    """Who can change a limit of the whole installation, and where: `PLAN_MAX_STEPS` is OPSC_PLAN_MAX_STEPS."""
    return f"the limit is the setting OPSC_{name}; whoever runs the platform can change it"


def place(parts: Sequence[str | int]) -> str:
    """`("steps", 3, "timeout")` as `steps[3].timeout`; at most 200 characters."""
    text = ""
    for part in parts:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            text += f".{shown(part)}" if text else shown(part)
    return text if len(text) <= MOST_PATH else text[: MOST_PATH - 1] + "…"


def safe_place(path: str) -> str:
    """A ready-made place such as `env.TOKEN` with every key in it made harmless."""
    return place(path.split("."))


def shown(value: object) -> str:
    """A short, harmless echo of input: no control characters, no likely secret, at most 60 characters."""
    if not isinstance(value, str):
        return {dict: "an object", list: "a list", type(None): "null"}.get(type(value)) or str(value)[
            :ECHO_LIMIT
        ]
    if value.isidentifier() and value.isascii() and len(value) <= 16:
        return value
    if likely_secrets(value[:READ_LIMIT]):
        return "(not shown)"
    printable = "".join(char if char.isprintable() else "\ufffd" for char in value[:ECHO_LIMIT])
    return printable + ("…" if len(value) > ECHO_LIMIT else "")
