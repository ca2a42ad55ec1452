"""Whether what a pattern found is worth masking."""

import re

# What is already masked, literals and punctuation: not worth masking (again).
_EMPTY = re.compile(rb"(?:\[masked(?::[a-z_]+)?\]|[*\xe2\x80\xa2.,;:)}\]\\])*")
# Literals, and what stands after "password" in sentences and in the messages of passwd, PAM and Terraform.
_NO_VALUE = frozenset(
    (
        *(b"null", b"none", b"nil", b"true", b"false", b"undefined", b"yes", b"no"),
        *(b"via", b"is", b"in", b"on", b"the", b"and", b"or", b"for", b"to", b"from", b"with"),
        *(b"password", b"passwords", b"changed", b"updated", b"required", b"chauthtok", b"(sensitive"),
    )
)
_WORD = re.compile(rb"[A-Z]?[a-z]+(?:[_./-][a-z]+)*|[A-Z]+(?:[_.-][A-Z]+)*")
_REFERENCE = re.compile(rb"(?:vault|env|file):[\w./-]+(?:#[\w.-]+)?")
# A call and a variable in source text: `form.get(`, `refresh(token)`, `${NAME}`, `$DB_PASSWORD`.
_CODE = re.compile(
    rb"[A-Za-z_][\w.]*\([\w.,=]*\)?;?|\$\{[\w:?-]*\}|\$[A-Z][A-Z0-9]*_[A-Z0-9_]*|\$\([^)]*\)|\{\{[^}]*\}\}"
)


def says_nothing(value: bytes) -> bool:
    """Whether `value` is only punctuation, or masked already."""
    return _EMPTY.fullmatch(value.strip()) is not None


def given(value: bytes) -> bool:
    """Whether `value` is one at all: no literal, no placeholder of ours, no secret reference."""
    shown = value.strip().rstrip(b",;)}]:.")
    if shown.lower() in _NO_VALUE or _REFERENCE.fullmatch(shown) or _CODE.fullmatch(value.strip()):
        return False
    return not says_nothing(value)


def path_free(value: bytes) -> bool:
    return given(value) and not value.startswith((b"/", b"~", b"C:\\"))


def chosen(value: bytes) -> bool:
    """Whether `value` looks like a key rather than like a word of a sentence."""
    return given(value) and len(value) >= 6 and not is_word(value)


def is_word(value: bytes) -> bool:
    """Whether `value` is a word or some of them, joined, and of no great length."""
    word = value.rstrip(b".,;:)]}!")
    return _WORD.fullmatch(word) is not None and len(word) < 20


def bearer(value: bytes) -> bool:
    return has_digit(value) or len(value) >= 20


def user_password(value: bytes) -> bool:
    return given(value) and not value.isdigit()


def has_digit(value: bytes) -> bool:
    return any(48 <= byte <= 57 for byte in value)


def card(value: bytes) -> bool:
    """Luhn checksum (ISO/IEC 7812-1) on a number with an issuer's prefix and length."""
    number = bytes(value).translate(None, b" -")
    if not _ISSUERS.fullmatch(number):
        return False
    doubled = sum(number[-2::-2].translate(_DOUBLED))
    return (doubled + sum(number[-1::-2]) - 48 * len(number[-1::-2])) % 10 == 0


# For each digit's character the sum of the digits of its double.
_DOUBLED = bytes(sum(divmod(2 * (byte - 48), 10)) if 48 <= byte <= 57 else 0 for byte in range(256))
# Visa, Mastercard, American Express, Discover, JCB, Diners, UnionPay.
_ISSUERS = re.compile(
    rb"4\d{12}(?:\d{3}){0,2}|5[1-5]\d{14}|2(?:2[2-9]|[3-6]\d|7[01])\d{13}|3[47]\d{13}"
    rb"|6(?:011|4[4-9]\d|5\d\d)\d{12,15}|35\d{14}|3(?:0[0-5]|[68]\d)\d{11}|62\d{14,17}"
)


def ssn(value: bytes) -> bool:
    """Numbers that the US Social Security Administration may have issued."""
    area, group, serial = value[:3], value[4:6], value[7:]
    return area not in (b"000", b"666") and area < b"900" and group != b"00" and serial != b"0000"


def cookie(value: bytes) -> bool:
    """Whether a header's value holds a cookie at all."""
    return b"=" in value and given(value)


def digit_in_key(value: bytes) -> bool:
    """Whether what a sentence says a password is looks like one."""
    return chosen(value) and has_digit(value)
