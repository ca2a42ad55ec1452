"""Commands that survive the worker who started them, kept in a directory on their target."""

from executions.jobdir.directory import Glance, JobDirectory, JobName, Progress, Stop, StopAnswer
from executions.jobdir.payload import Command, Unsuitable
from executions.jobdir.shell import (
    Answer,
    CannotConnect,
    Interrupted,
    LinkBroken,
    Pace,
    Refused,
    Shell,
    ShellError,
)

__all__ = [
    "Answer",
    "CannotConnect",
    "Command",
    "Glance",
    "Interrupted",
    "JobDirectory",
    "JobName",
    "LinkBroken",
    "Pace",
    "Progress",
    "Refused",
    "Shell",
    "ShellError",
    "Stop",
    "StopAnswer",
    "Unsuitable",
]
