"""Heads of a hash chain that were kept elsewhere, as they are typed."""

import re

from executions.cli.failing import BadInput

_HEAD = re.compile(r"([1-9][0-9]{0,17}):([0-9a-f]{64})")


def kept_heads(given: list[str]) -> dict[int, str]:
    """Number of a link to its hash, from texts such as `4711:9f2c…`. Raises BadInput."""
    kept: dict[int, str] = {}
    for text in given:
        match = _HEAD.fullmatch(text.strip())
        if match is None:
            raise BadInput(
                f"--head {text[:100]!r} is no head.",
                hint="Give SEQ:HASH as the log has it: a number, a colon and 64 digits from 0 to f.",
            )
        seq = int(match[1])
        if kept.setdefault(seq, match[2]) != match[2]:
            raise BadInput(f"--head gives two hashes for link {seq}.", hint="One of them is wrong.")
    return kept
