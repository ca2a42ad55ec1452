"""The measurements of masking, which need neither a database nor a broker."""

from collections.abc import Callable, Iterator

from executions.benchmark import corpora, masking_speed
from executions.benchmark.figures import Baseline, Figure, Wanted

# What was reached; more would be a step back.
MOST_FALSE_POSITIVES = 2


def measurements(seconds: float) -> dict[str, Callable[[], Iterator[Figure]]]:
    """By name."""
    return {"masking": lambda: _speed(seconds), "corpora": _corpora}


def _speed(seconds: float) -> Iterator[Figure]:
    values = masking_speed.VALUES
    plain = masking_speed.plain_patterns(seconds / 3)
    for addresses in (False, True):
        speed = masking_speed.masking(seconds / 3, ip_addresses=addresses)
        detail = (
            f"one core, every pattern{', IP addresses too' if addresses else ''}, {values} known values, "
        )
        yield Figure(
            name="masking, IP addresses too" if addresses else "masking",
            value=speed.megabytes,
            unit="MB/s",
            baseline=Baseline(
                name="thirteen plain `re` patterns, one after the other", value=plain.megabytes
            ),
            wanted=None if addresses else Wanted(limit=30),
            detail=detail + f"one line in {masking_speed.ONE_IN} with one; {speed.lines:,.0f} lines/s",
        )


def _corpora() -> Iterator[Figure]:
    every, missed = list(corpora.leaks()), corpora.missed()
    yield Figure(
        name="leak corpus masked",
        value=len(every) - len(missed),
        unit=f"of {len(every)}",
        wanted=Wanted(limit=len(every)),
        detail="made-up secrets where real ones turn up, each to be masked by its looks alone",
    )
    lines, wrong = corpora.harmless(), corpora.false_positives()
    yield Figure(
        name="false positives",
        value=len(wrong),
        unit=f"of {len(lines)} lines",
        wanted=Wanted(limit=MOST_FALSE_POSITIVES, at_most=True),
        detail="ordinary output, to be left as it is",
    )
