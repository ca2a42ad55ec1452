"""Text that must be masked and text that must stay: both corpora, and how masking does on them."""

import base64
import json
import random
import re
import string
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from safety.masking import Masker

_FOLDER = Path(__file__).parent / "corpus"
COPIES = 4  # of each template, with other secrets
_PLACE = re.compile(r"<<([a-z0-9_]+)>>")
_LETTERS = string.ascii_letters + string.digits


@dataclass(frozen=True)
class Leak:
    """Output with secrets in it; none of `secrets` may be left when it is masked."""

    text: str
    secrets: tuple[str, ...]


def leaks() -> Iterator[Leak]:
    """Made-up secrets, the same in every run, in the places where real ones turn up."""
    draw = random.Random(20260102)  # noqa: S311  not for secrets of anybody
    for _ in range(COPIES):
        for template in _lines("leaks.txt"):
            yield _filled(template, draw)


def harmless() -> list[str]:
    """Lines of ordinary output."""
    return _lines("harmless.txt")


def missed() -> list[Leak]:
    """Those of `leaks` of which half a secret (of six characters at least) can be read after masking."""
    masker = Masker()
    return [leak for leak in leaks() if _shows(masker.text(leak.text), leak)]


def _shows(masked: str, leak: Leak) -> bool:
    for secret in leak.secrets:
        size = max(6, len(secret) // 2)
        if any(secret[at : at + size] in masked for at in range(max(1, len(secret) - size + 1))):
            return True
    return False


def false_positives() -> list[str]:
    """Those of `harmless` that masking changes."""
    masker = Masker()
    return [line for line in harmless() if masker.text(line) != line]


def _lines(name: str) -> list[str]:
    lines = (_FOLDER / name).read_text(encoding="utf-8").splitlines()
    return [line for line in lines if line and not line.startswith("# ")]


def _filled(template: str, draw: random.Random) -> Leak:
    secrets: list[str] = []

    def one(place: re.Match[str]) -> str:
        shown = MAKERS[place.group(1)](draw)
        secrets.extend(_parts(shown))
        return shown

    return Leak(_PLACE.sub(one, template.replace("\\n", "\n")), tuple(secrets))


def _parts(shown: str) -> list[str]:
    """What of a secret must not be seen: each line of a key's body, else all of it."""
    lines = [line for line in re.split(r"\\n|\n", shown) if len(line) > 20 and " " not in line]
    return lines if len(lines) > 1 else [shown]


def _of(letters: str, low: int, high: int = 0) -> Callable[[random.Random], str]:
    return lambda draw: "".join(draw.choices(letters, k=draw.randint(low, high or low)))


def _after(prefix: str, letters: str, low: int, high: int = 0) -> Callable[[random.Random], str]:
    rest = _of(letters, low, high)
    return lambda draw: prefix + rest(draw)


def _password(draw: random.Random) -> str:
    """As people and generators make them."""
    word = draw.choice(("horse", "Winter", "dragon", "Zurich", "kestrel"))
    kinds = (
        f"{word}{draw.randint(10, 9999)}",
        f"{word}-staple-{draw.randint(10, 99)}",
        f"{word.title()}!{draw.randint(1000, 9999)}",
        _of(_LETTERS, 12, 24)(draw) + draw.choice("!#%+*.7"),
        _of(_LETTERS + "-_.!~+", 16, 20)(draw) + "9x",
    )
    return draw.choice(kinds)


def _base64(size: int) -> Callable[[random.Random], str]:
    return lambda draw: base64.b64encode(draw.randbytes(size)).decode()


def _basic(draw: random.Random) -> str:
    return base64.b64encode(f"svc:{_password(draw)}".encode()).decode()


def _jwt(draw: random.Random) -> str:
    def part(value: dict[str, object]) -> str:
        return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()

    head = part({"alg": "HS256", "typ": "JWT"})
    body = part({"sub": draw.randint(1, 9999), "iat": 1767225600})
    return f"{head}.{body}.{_of(_LETTERS + '-_', 43)(draw)}"


def _pem(draw: random.Random) -> str:
    kind = draw.choice(("RSA ", "", "EC ", "OPENSSH "))
    body = base64.encodebytes(draw.randbytes(400)).decode().replace("=", "")
    return f"-----BEGIN {kind}PRIVATE KEY-----\n{body}-----END {kind}PRIVATE KEY-----"


def _putty(draw: random.Random) -> str:
    body = base64.encodebytes(draw.randbytes(140)).decode()
    mac = _of(_HEX, 64)(draw)
    return f"PuTTY-User-Key-File-3: ssh-ed25519\nPrivate-Lines: 3\n{body}Private-MAC: {mac}"


def _card(draw: random.Random) -> str:
    """A Visa number by its shape and check digit."""
    digits = [4, *(draw.randint(0, 9) for _ in range(14))]
    doubled = sum(digit * 2 - 9 * (digit > 4) for digit in digits[::2]) + sum(digits[1::2])
    return "".join(map(str, [*digits, -doubled % 10]))


def _spaced(draw: random.Random) -> str:
    number = _card(draw)
    return " ".join(number[at : at + 4] for at in range(0, 16, 4))


def _ssn(draw: random.Random) -> str:
    return f"{draw.randint(100, 665)}-{draw.randint(10, 99)}-{draw.randint(1000, 9999)}"


def _email(draw: random.Random) -> str:
    return f"{draw.choice(('jane.doe', 'ops+web', 'k.meier'))}{draw.randint(1, 99)}@mail.example.org"


def _kubeadm(draw: random.Random) -> str:
    letters = string.ascii_lowercase + string.digits
    return f"{_of(letters, 6)(draw)}.{_of(letters, 16)(draw)}"


def _encoded(maker: Callable[[random.Random], str]) -> Callable[[random.Random], str]:
    return lambda draw: base64.b64encode(maker(draw).encode()).decode()


_HEX = "0123456789abcdef"
_CRYPT = _LETTERS + "./"
# Prefixes are put together here, so that no scanner takes a line of this file for a key.
MAKERS: dict[str, Callable[[random.Random], str]] = {
    "password": _password,
    "token": _of(_LETTERS, 32, 48),
    "hex32": _of(_HEX, 32),
    "hex64": _of(_HEX, 64),
    "base32": _of(string.ascii_uppercase + "234567", 32),
    "base64": _base64(48),
    "basic": _basic,
    "jwt": _jwt,
    "aws_id": _after("AK" + "IA", string.ascii_uppercase + string.digits, 16),
    "aws_secret": _of(_LETTERS + "/+", 40),
    "github": _after("gh" + "p_", _LETTERS, 36),
    "githubpat": _after("github" + "_pat_", _LETTERS + "_", 82),
    "gitlab": _after("gl" + "pat-", _LETTERS + "-_", 20),
    "slack": _after("xo" + "xb-123456789012-", _LETTERS, 24),
    "slackhook": _after("T0123ABCD/B0456EFGH/", _LETTERS, 24),
    "stripe": _after("sk" + "_live_", _LETTERS, 24),
    "whsec": _after("wh" + "sec_", _LETTERS, 32),
    "google": _after("AI" + "za", _LETTERS + "-_", 35),
    "goauth": _after("ya" + "29.", _LETTERS + "-_", 60),
    "gsecret": _after("GOC" + "SPX-", _LETTERS + "-_", 28),
    "vault": _after("hv" + "s.", _LETTERS, 24),
    "npm": _after("np" + "m_", _LETTERS, 36),
    "pypi": _after("py" + "pi-AgE", _LETTERS + "-_", 80),
    "hf": _after("h" + "f_", _LETTERS, 34),
    "sendgrid": lambda draw: f"S{'G.'}{_of(_LETTERS, 22)(draw)}.{_of(_LETTERS, 43)(draw)}",
    "do": _after("do" + "p_v1_", _HEX, 64),
    "openai": _after("s" + "k-", _LETTERS, 48),
    "sas": lambda draw: base64.b64encode(draw.randbytes(32)).decode().replace("+", "%2B").replace("=", "%3D"),
    "crypt": lambda draw: f"$6${_of(_CRYPT, 12)(draw)}${_of(_CRYPT, 86)(draw)}",
    "apr1": lambda draw: f"$apr1${_of(_CRYPT, 8)(draw)}${_of(_CRYPT, 22)(draw)}",
    "bcrypt": lambda draw: f"$2y$10${_of(_CRYPT, 53)(draw)}",
    "kubeadm": _kubeadm,
    "dockerconfig": _encoded(lambda draw: json.dumps({"auths": {"r.example": {"auth": _basic(draw)}}})),
    "pem": _pem,
    "pem_escaped": lambda draw: _pem(draw).replace("\n", "\\n"),
    "pem_base64": _encoded(_pem),
    "putty": _putty,
    "sshkey": lambda draw: base64.b64encode(b"\0\0\0\x0bssh-ed25519" + draw.randbytes(60)).decode(),
    "email": _email,
    "card": _card,
    "cardspaced": _spaced,
    "ssn": _ssn,
}
