"""Which threads serve which queues, so that long work can never take every thread from fast work."""

from dataclasses import dataclass
from typing import Self

from safety.choices import SlaClass

QUICK = (SlaClass.FAST.value, SlaClass.MEDIUM.value)
EVERY = tuple(SlaClass.values)
MOST_THREADS = 64


@dataclass(frozen=True)
class Lane:
    """Some threads of a worker process and the queues that they serve."""

    queues: tuple[str, ...]
    threads: int

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `fast,medium:8`. Raises ValueError with a sentence."""
        names, _, count = text.partition(":")
        queues = tuple(name.strip() for name in names.split(","))
        if unknown := [name for name in queues if name not in EVERY]:
            raise ValueError(f"there is no queue {unknown[0]!r}; there are {', '.join(EVERY)}")
        if not count.isdecimal() or not 1 <= int(count) <= MOST_THREADS:
            raise ValueError(f"{text!r}: give queues and threads, as in fast,medium:8 (1 to {MOST_THREADS})")
        return cls(queues, int(count))

    def __str__(self) -> str:
        return f"{','.join(self.queues)}:{self.threads}"


def of_process(place: int, processes: int, threads: int) -> tuple[Lane, ...]:
    """The lanes of one of so many worker processes; `place` counts from 0.

    Of several, the first keeps to what is quick. One alone keeps long work on half as many threads of their own.
    """
    if processes == 1:
        return Lane(QUICK, threads), Lane((SlaClass.LONG.value,), max(1, threads // 2))
    return (Lane(QUICK if place == 0 else EVERY, threads),)
