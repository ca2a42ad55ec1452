"""The table of what looks like a secret, and a linear-time search for all of it at once."""

import ipaddress
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import re2

from safety.masking.spans import Span

# What is already masked, literals and punctuation: not worth masking (again).
_EMPTY = re.compile(rb"(?:\[masked(?::[a-z_]+)?\]|[*\xe2\x80\xa2.,;:)}\]\\])*")
# How far back from the end of a value the name of the next is looked for, in `a=1,token: 2`.
LONGEST_NAME = 64
_LITERAL = frozenset((b"null", b"none", b"nil", b"true", b"false", b"undefined", b"yes", b"no"))
_WORD = re.compile(rb"[A-Z]?[a-z]+(?:[_./-][a-z]+)*|[A-Z]+(?:[_.-][A-Z]+)*")
_REFERENCE = re.compile(rb"(?:vault|env|file):[\w./-]+(?:#[\w.-]+)?")


@dataclass(frozen=True, kw_only=True)
class Pattern:
    """One kind of secret. The first group that took part is masked; without groups, the whole match.

    regex: RE2 syntax on bytes, within one line, case-sensitive unless it says otherwise; accept: a last
    look at the masked bytes; literal: whether finding one in a plan is reason to refuse the plan.
    """

    kind: str
    regex: str
    accept: Callable[[bytes], bool] = bool
    literal: bool = False


def says_nothing(value: bytes) -> bool:
    """Whether `value` is only punctuation, or masked already."""
    return _EMPTY.fullmatch(value.strip()) is not None


def _given(value: bytes) -> bool:
    """Whether `value` is one at all: no literal, no placeholder of ours, no secret reference."""
    shown = value.strip().rstrip(b",;)}]")
    if shown.lower() in _LITERAL or _REFERENCE.fullmatch(shown):
        return False
    return not says_nothing(value)


def _path_free(value: bytes) -> bool:
    return _given(value) and not value.startswith((b"/", b"~", b"C:\\"))


def _chosen(value: bytes) -> bool:
    """Whether `value` looks like a key rather than like a word of a sentence."""
    if not _given(value) or len(value) < 6:
        return False
    word = value.rstrip(b".,;:)]}!")
    return _WORD.fullmatch(word) is None or len(word) >= 20


def _bearer(value: bytes) -> bool:
    return _has_digit(value) or len(value) >= 20


def _user_password(value: bytes) -> bool:
    return _given(value) and not value.isdigit()


def _has_digit(value: bytes) -> bool:
    return any(48 <= byte <= 57 for byte in value)


def _card(value: bytes) -> bool:
    """Luhn checksum (ISO/IEC 7812-1) on a number with an issuer's prefix and length."""
    digits = [byte - 48 for byte in value if 48 <= byte <= 57]
    number = bytes(value).translate(None, b" -")
    if not _ISSUERS.fullmatch(number):
        return False
    doubled = sum(digit * 2 - 9 * (digit > 4) for digit in digits[-2::-2])
    return (doubled + sum(digits[-1::-2])) % 10 == 0


# Visa, Mastercard, American Express, Discover, JCB, Diners, UnionPay.
_ISSUERS = re.compile(
    rb"4\d{12}(?:\d{3}){0,2}|5[1-5]\d{14}|2(?:2[2-9]|[3-6]\d|7[01])\d{13}|3[47]\d{13}"
    rb"|6(?:011|4[4-9]\d|5\d\d)\d{12,15}|35\d{14}|3(?:0[0-5]|[68]\d)\d{11}|62\d{14,17}"
)


def _ssn(value: bytes) -> bool:
    """Numbers that the US Social Security Administration may have issued."""
    area, group, serial = value[:3], value[4:6], value[7:]
    return area not in (b"000", b"666") and area < b"900" and group != b"00" and serial != b"0000"


def _address(value: bytes) -> bool:
    try:
        ipaddress.ip_address(value.decode("ascii"))
    except ValueError:
        return False
    return True


_KEY_END = r"""\\*["']?"""
_ASSIGN = r"""[ \t]*(?:=>|:=|[:=])[ \t]*"""
# A quoted value, one whose quotes are escaped or never close (then: the rest of the line), or a bare one.
_QUOTED = (
    r"""[bBrRuUfF]{0,2}(?:"((?:[^"\\\r\n]|\\[^\r\n])*)"|'((?:[^'\\\r\n]|\\[^\r\n])*)'"""
    r"""|\\+["']([^\\"'\r\n]+)|["']([^\r\n]+))"""
)
_BARE = r"""([^\s"'<][^\s"'<]*)"""

_PASSWORDS = r"(?:passw(?:or)?d|passphrase|[_.-]pass)"
_AWS_KEY = r"(?:aws[_-]?secret(?:[_-]?access)?[_-]?key|secret[_-]?access[_-]?key)"
_API_KEY = r"(?:(?:api|access|app|account|shared|subscription|encryption|signing|private|secret)[_-]?key)"
_TOKENS = r"(?:token|session[_-]?id|authorization)"
_SECRETS = r"(?:secret|credentials?)"


def _named(kind: str, key: str, *, bare: Callable[[bytes], bool] = _chosen) -> list[Pattern]:
    """`key=value`, `key: value`, JSON, YAML, XML and `--key value` forms of a value with a telling name."""
    key = f"(?i:{key}{_KEY_END})"
    return [
        Pattern(kind=kind, regex=f"{key}{_ASSIGN}{_QUOTED}", accept=_given),
        Pattern(kind=kind, regex=f"{key}={_BARE}", accept=_given),
        Pattern(kind=kind, regex=f"{key}{_ASSIGN}{_BARE}", accept=bare),
        Pattern(kind=kind, regex=rf"(?i:--[a-z-]*{key})[ \t]+[\"']?([^\s\"']+)", accept=_given),
        Pattern(kind=kind, regex=rf"(?i:<[a-z_.-]*{key})>([^<\r\n]+)</", accept=_given),
    ]


# Order matters where two could match at the same place: the first wins.
TABLE: tuple[Pattern, ...] = (
    # RFC 6750 section 2.1, RFC 7617: "Authorization: Bearer ...", also "Token", "Basic", AWS signatures
    Pattern(
        kind="token",
        regex=r"""(?i:authorization\\*["']?[ \t]*[:=][ \t]*\\*["']?(?:bearer|basic|token|digest|negotiate"""
        r"""|ntlm|apikey|aws4-hmac-sha256)[ \t]+)([^\s"'][^"'\r\n]*)""",
        accept=_given,
    ),
    Pattern(kind="token", regex=r"(?i:\bbearer[ \t]+)([A-Za-z0-9._~+/-]{8,}=*)", accept=_bearer),
    # JSON Web Token, RFC 7519: two base64url objects ("{" is eyJ) and a signature
    Pattern(kind="jwt", regex=r"\beyJ[\w-]{8,}\.eyJ[\w-]{4,}\.[\w-]*", literal=True),
    # AWS IAM unique id prefixes (docs: "IAM identifiers"), and the secret next to one in credential files
    Pattern(
        kind="aws_secret_key",
        regex=r"""\b(?:AKIA|ASIA)[A-Z0-9]{16}[,:; \t"']{1,4}[A-Za-z0-9/+]{40}\b""",
        literal=True,
    ),
    Pattern(
        kind="aws_access_key",
        regex=r"\b(?:AKIA|ASIA|ABIA|ACCA|AROA|AIDA|AGPA|AIPA|ANPA|ANVA)[A-Z0-9]{16}\b",
        literal=True,
    ),
    # GitHub: ghp_, gho_, ghu_, ghs_, ghr_ and fine-grained tokens (GitHub docs, "token formats")
    Pattern(kind="github_token", regex=r"\b(?:gh[pousr]_\w{36,}|github_pat_\w{22,})", literal=True),
    # GitLab token prefixes (GitLab docs, "token overview")
    Pattern(
        kind="gitlab_token",
        regex=r"\bgl(?:pat|ptt|rt|rtr|dt|ft|soat|cbt|agent|oas|imt|ffct)-[\w.-]{20,}",
        literal=True,
    ),
    # Slack bot, user, app and refresh tokens, and incoming webhook addresses
    Pattern(kind="slack_token", regex=r"\bxox[abeoprs][.-][\w.-]{10,}|\bxapp-\d-[\w-]{10,}", literal=True),
    Pattern(kind="slack_token", regex=r"hooks\.slack\.com/(?:services|workflows)/([\w/]{20,})", literal=True),
    # Stripe secret and restricted keys, webhook signing secrets
    Pattern(kind="stripe_key", regex=r"\b[sr]k_(?:live|test)_\w{10,}|\bwhsec_[\w+/]{20,}", literal=True),
    # Google API key, OAuth access token, client secret, refresh token
    Pattern(
        kind="google_key",
        regex=r"\bAIza[\w-]{35}|\bya29\.[\w-]{20,}|\bGOCSPX-[\w-]{20,}|\b1//0[\w-]{30,}",
        literal=True,
    ),
    # Vault and OpenBao, npm, PyPI, Hugging Face, DigitalOcean, SendGrid, and "sk-" keys of AI services
    Pattern(
        kind="token",
        regex=r"\bhv[bsr]\.[\w-]{20,}|\bs\.[A-Za-z0-9]{24}\b|\bnpm_\w{36}|\bpypi-AgE[\w-]{50,}|\bhf_\w{30,}"
        r"|\bdo[opr]_v1_[0-9a-f]{64}|\bSG\.[\w-]{16,}\.[\w-]{16,}|\bsk-[\w-]{32,}",
        accept=_has_digit,
        literal=True,
    ),
    # A PEM private key in base64 once more, as in Kubernetes secrets ("-----BEGIN " + kind of key)
    Pattern(
        kind="private_key",
        regex=r"LS0tLS1CRUdJTi(?:BQUklW|BSU0Eg|BFQyBQ|BPUEVO|BFTkNS|BEU0Eg|BQR1Ag)[A-Za-z0-9+/=_-]+",
        literal=True,
    ),
    # OpenSSH public key blob, RFC 4253 section 6.6: base64 of a length-prefixed algorithm name
    Pattern(
        kind="ssh_key",
        regex=r"\b(?:ssh-(?:rsa|dss|ed25519)|ecdsa-sha2-nistp\d{3}|sk-[\w.@-]+)[ \t]+"
        r"(AAAA[A-Za-z0-9+/]{40,}={0,2})",
    ),
    # RFC 3986 userinfo: scheme://user:password@host
    Pattern(
        kind="database_password",
        regex=r"""[A-Za-z][A-Za-z0-9+.-]*://[^\s:/@"'<>]*:([^\s/"'<>]+)@""",
        accept=_given,
        literal=True,
    ),
    # curl --user, wget, mysql: user:password on a command line (numbers are uid:gid)
    Pattern(
        kind="password",
        regex=r"""(?:^|\s)(?:-u|--user)[ =]["']?[\w.@-]+:([^\s"']{4,})""",
        accept=_user_password,
    ),
    *_named("password", _PASSWORDS, bare=_given),
    # "pass=" and ODBC's "Pwd="; PWD=/srv is a working directory
    Pattern(kind="password", regex=rf"(?i:\b(?:pass|pwd))=(?:{_QUOTED}|{_BARE})", accept=_path_free),
    Pattern(
        kind="password", regex=rf"(?i:[\"']p(?:wd|ass)\\*[\"'][ \t]*:[ \t]*){_QUOTED}", accept=_path_free
    ),
    *_named("aws_secret_key", _AWS_KEY),
    *_named("api_key", _API_KEY),
    *_named("token", _TOKENS),
    *_named("secret", _SECRETS),
    # RFC 5322 addr-spec as people write it
    Pattern(kind="email", regex=r"\b[A-Za-z0-9._%+-]+@(?:[A-Za-z0-9-]+\.)+[A-Za-z]{2,}\b"),
    Pattern(
        kind="credit_card",
        regex=r"(?:^|[^\w.])(\d{4}[ -]\d{4}[ -]\d{4}[ -]\d{1,7}|\d{4}[ -]\d{6}[ -]\d{4,5}|\d{13,19})\b",
        accept=_card,
    ),
    Pattern(kind="ssn", regex=r"\b\d{3}-\d{2}-\d{4}\b", accept=_ssn),
)

IP_ADDRESSES: tuple[Pattern, ...] = (
    Pattern(kind="ip_address", regex=r"\b(?:\d{1,3}\.){3}\d{1,3}\b", accept=_address),
    Pattern(
        kind="ip_address",
        regex=r"(?i:\b(?:[0-9a-f]{1,4}:){2,7}(?::?[0-9a-f]{1,4}){0,7}|::(?:[0-9a-f]{1,4}:){0,6}[0-9a-f]{1,4}\b)",
        accept=_address,
    ),
)


class PatternSet:
    """All patterns of a table as one RE2 program: text without a hit is read just once.

    Only where that program matched is asked which pattern it was, and which part of it to mask.
    """

    def __init__(self, table: tuple[Pattern, ...]) -> None:
        self._table = table
        plain = _options()
        self._each = [re2.compile(pattern.regex.encode(), options=plain) for pattern in table]
        self._which = re2.Set.FullMatchSet(plain)
        for pattern in table:
            self._which.Add(pattern.regex.encode())
        self._which.Compile()
        spans_only = _options()
        spans_only.never_capture = True
        combined = "|".join(f"(?:{pattern.regex})" for pattern in table)
        self._any = re2.compile(combined.encode(), options=spans_only)

    def spans(self, data: bytes) -> Iterator[Span]:
        """Where patterns match, from left to right; they may overlap a little."""
        position = 0
        while match := self._any.search(data, position):
            low, position = match.span()
            found = data[low:position]
            index = min(self._which.Match(found))
            pattern = self._table[index]
            start, end = _masked_part(self._each[index], found)
            accepted = pattern.accept(found[start:end])
            if accepted:
                yield Span(low + start, low + end, pattern.kind, low)
            if start > 0:
                # A refused value may hold something else; one taken may end in the name of the next.
                position = low + (max(start, end - LONGEST_NAME) if accepted else start)


def _options() -> re2.Options:
    options = re2.Options()
    options.encoding = re2.Options.Encoding.LATIN1  # bytes, valid UTF-8 or not
    options.max_mem = 64 << 20
    options.log_errors = False
    return options


def _masked_part(program: "re2._Regexp", found: bytes) -> tuple[int, int]:
    match = program.fullmatch(found)
    groups = (match.span(group) for group in range(1, program.groups + 1))
    part: tuple[int, int] = next((span for span in groups if span[0] >= 0), match.span())
    return part
