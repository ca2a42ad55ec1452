"""Finds secret values in text: commands, scripts, addresses, headers, and what is assigned to telling names."""

import re
from collections.abc import Callable, Iterator
from functools import cache

from safety.masking.keyblocks import key_blocks
from safety.masking.patterns import TABLE, Pattern
from safety.masking.patternset import PatternSet
from safety.masking.plausible import chosen, given, has_digit, is_word
from safety.masking.spans import Span, without_end
from safety.secrets.elsewhere import stands_elsewhere, variables_set_in
from safety.secrets.entropy import holds_random_token, random_tokens

_KEY_BODY = re.compile(rb"[A-Za-z0-9+/]{40}")
_LOOKED_BACK = 200  # bytes of the line before a value
# Personal data, and keys that are public.
_NO_SECRETS = {"email", "credit_card", "ssn", "ssh_key"}


_FINGERPRINT = re.compile(rb"[0-9A-F]{40}")


def _key(value: bytes) -> bool:
    return chosen(value) and has_digit(value) and not _FINGERPRINT.fullmatch(value)


# Too common in the output of programs to be masked, but not in plans.
_IN_PLANS = (
    Pattern(kind="api_key", regex=r"""\b[A-Z][A-Z0-9_]*_KEY=["']?([^\s"'<]+)""", accept=_key),
    Pattern(kind="api_key", regex=r"""[?&](?i:key|auth|sid|code)=([^&\s"'<>]+)""", accept=_key),
    Pattern(
        kind="password",
        regex=r"""\b(?:login|upload)\b[^\r\n|;&]{0,80}?[ \t]-p[ \t=]*["']?([^\s"'-][^\s"']*)"""
        r"""|\b(?:useradd|usermod)\b[^\r\n|;&]{0,80}?[ \t]-p[ \t]*["']?([^\s"']+)"""
        r"""|\bhtpasswd[ \t]+-[a-zA-Z]*b[a-zA-Z]*[ \t]+\S+[ \t]+\S+[ \t]+["']?([^\s"']+)"""
        r"""|\becho[ \t]+(?:-[a-z]+[ \t]+)?["']?[\w.-]+:([^\s"'|]+)["']?[ \t]*\|[ \t]*(?:sudo[ \t]+)?chpasswd"""
        r"""|[ \t]--?(?:pass|pwd|userpass)(?:[ \t]+|=)["']?([^\s"']+)""",
        accept=given,
    ),
)
# `-u www-data:www-data` names a group here.
_GROUPS = re.compile(rb"\b(?:docker|podman|nerdctl|chroot|rsync|install|setpriv)\b[^\r\n|;&]*$")
_OPTION = re.compile(rb"--[a-zA-Z_.-]+[\"']?[ \t]+[\"']?$")
_AFTER_COLON = re.compile(rb"[:>][ \t]*$")
_HOLDS_A_SECRET = re.compile(rb"(?:(?i:client|app|shared|webhook|jwt|hmac)[_-]?(?i:secret)|_SECRET)\W*$")
# Names of other things before a value: a path such as `/etc/passwd:`, an ARN, a count such as `pass=0`.
_NO_NAME = re.compile(rb"/passwd:[ \t]*$|\barn:\S+$")
_COUNTER = re.compile(rb"\bpass=$")
_COUNT = re.compile(rb"\d{1,4}[;,)]?")
_EXPANDED = re.compile(rb"\$\{\w+:$")  # of `${PASSWORD:?}` and `${PASSWORD:0:8}`
_SETTING = re.compile(rb"(?:id|source|src|type|env)=")


def kind_in(text: str) -> str:
    """The kind of the first likely secret in `text`; empty when there is none."""
    raw = text.encode("utf-8", "surrogatepass")
    if any(_KEY_BODY.search(raw, span.start, span.end) for span in key_blocks(raw)):
        return "private_key"
    value = next(_values(raw, text), None)
    if value:
        return value.kind
    return "random_text" if holds_random_token(text) else ""


class Written:
    """Finds for masking what would be refused in a plan: `kind_in` with the places."""

    def spans(self, data: bytes, in_time: Callable[[], None] = without_end) -> Iterator[Span]:
        """Where values and random keys stand, in no particular order. `in_time` may raise to end it."""
        in_time()
        text = data.decode("latin-1")  # a character for each byte, so that the places are those of the bytes
        yield from _values(data, text)
        in_time()
        for start, end in random_tokens(text):
            yield Span(start, end, "random_text")


WRITTEN = Written()


def kind_across(parts: list[str]) -> tuple[int, str] | None:
    """The first value that only the words before it give away, as in `["--password", "x"]`: position and kind."""
    ends, joined = [], b""
    for part in parts:
        joined += part.encode("utf-8", "surrogatepass") + b" "
        ends.append(len(joined))
    value = next(_values(joined, joined.decode("utf-8", "replace")), None)
    return (next(index for index, end in enumerate(ends) if value.start < end), value.kind) if value else None


def _values(raw: bytes, text: str) -> Iterator[Span]:
    """What a pattern found and is a value and no reference to one."""
    variables = variables_set_in(text)
    for span in _patterns().spans(raw):
        if span.kind not in _NO_SECRETS and _is_value(raw, span):
            value = raw[span.start : span.end].decode("utf-8", "replace")
            if not stands_elsewhere(value, variables):
                yield span


def _is_value(raw: bytes, span: Span) -> bool:
    value, before = raw[span.start : span.end], raw[span.evidence : span.start]
    line = raw[max(0, span.evidence - _LOOKED_BACK) : span.start].rpartition(b"\n")[2]
    if value[:1].isspace() or b"&&" in before:  # a quote that ends a word; another command
        return False
    if (
        _NO_NAME.search(line)
        or (_COUNTER.search(line) and _COUNT.fullmatch(value))
        or value.startswith(b".*")
    ):
        return False
    if _EXPANDED.search(line) and value[:1] in b"?0123456789":
        return False
    if is_word(value) and (_AFTER_COLON.search(before) or _GROUPS.search(line)):
        return False
    if span.kind == "secret" and is_word(value) and not _HOLDS_A_SECRET.search(line):
        return False  # the name of one, as in `existingSecret=web-tls`
    return not (_OPTION.search(before) and (value.startswith(b"-") or _SETTING.match(value)))


@cache
def _patterns() -> PatternSet:
    return PatternSet((*TABLE, *_IN_PLANS))
