"""What a rule that is not in force yet would do to a sample, which is shown back and kept nowhere."""

from dataclasses import dataclass
from typing import Self

from safety.masking.addresses import ADDRESSES
from safety.masking.keyblocks import key_blocks
from safety.masking.masker import Masker, built_in, decode
from safety.masking.rules import Rule, RuleSet
from safety.masking.spans import merge

LONGEST_SAMPLE = 10_000  # characters


@dataclass(frozen=True)
class Piece:
    """A stretch of the sample; `kind` says what would mask it, and is empty for what stays."""

    text: str
    kind: str = ""
    by_rule: bool = False


@dataclass(frozen=True, kw_only=True)
class Trial:
    """pieces: the sample in order; masked: as it would be stored; by_rule, by_others: how many stretches."""

    sample: str
    pieces: tuple[Piece, ...] = ()
    masked: str = ""
    by_rule: int = 0
    by_others: int = 0

    @classmethod
    def of_nothing(cls, sample: str) -> Self:
        """Nothing could be tried; only the sample is kept on the page."""
        return cls(sample=sample)


def tried(kind: str, pattern: str, sample: str, *, ip_addresses: bool) -> Trial:
    """What the rule and the built-in patterns would mask. Raises BadRule."""
    rules = RuleSet([Rule(kind, pattern)])
    data = sample.replace("\r\n", "\n").encode("utf-8", "surrogatepass")
    own = merge(rules.spans(data))
    addresses = ADDRESSES.spans(data) if ip_addresses else ()
    others = merge([*key_blocks(data), *built_in().spans(data), *addresses])
    pieces: list[Piece] = []
    at = 0
    for span in merge([*own, *others]):
        pieces.append(Piece(decode(data[at : span.start])))
        ours = any(one.start < span.end and span.start < one.end for one in own)
        pieces.append(Piece(decode(data[span.start : span.end]), span.kind, ours))
        at = span.end
    pieces.append(Piece(decode(data[at:])))
    return Trial(
        sample=sample,
        pieces=tuple(piece for piece in pieces if piece.text),
        masked=Masker(ip_addresses=ip_addresses, rules=rules).text(decode(data)),
        by_rule=len(own),
        by_others=len(others),
    )
