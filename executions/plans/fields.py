"""The value types that plan fields are made of: strict, bounded, never coerced."""

from typing import Annotated, Any, NoReturn
from urllib.parse import urlsplit

import re2
from pydantic import AfterValidator, Field, GetCoreSchemaHandler, PlainValidator
from pydantic_core import CoreSchema, PydanticCustomError

from executions.plans.addresses import objection_to_host
from safety.secrets.errors import ReferenceInvalid
from safety.secrets.values import SecretRef, find_refs

PATTERN_LIMIT = 1000  # characters
MOST_SECONDS = 86_400
SECRET_KEY = "secret"  # noqa: S105
RESERVED_PREFIX = "OPSC_"  # the marker by which stray processes are found lives there


class Absent:
    """Marks `X | None` as optional without allowing an explicit null."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        schema = handler(source)
        inner: CoreSchema = schema["schema"] if schema["type"] == "nullable" else schema
        return inner


def refuse(code: str, message: str, hint: str = "") -> NoReturn:
    """Raise what becomes a PlanProblem with this code at the field being validated."""
    raise PydanticCustomError(code, "{message}", {"message": message, "hint": hint})


def is_reference(value: object) -> bool:
    """Whether JSON data is an object of the shape `{"secret": …}`."""
    return isinstance(value, dict) and value.keys() == {SECRET_KEY}


def _one_line(value: str) -> str:
    if "\n" in value or "\r" in value:
        refuse("param.newline", "must be one line", "use the kind `script` for several lines")
    return value


def _printable(value: str) -> str:
    if not value.strip():
        refuse("name.blank", "must not be blank")
    if any(ord(char) < 32 or ord(char) == 127 for char in value):
        refuse("name.characters", "must not contain control characters")
    return value


def _variable(name: str) -> str:
    if name.startswith(RESERVED_PREFIX):
        refuse("param.reserved", f"names that start with {RESERVED_PREFIX} are OpsConductor's own")
    return name


def _reference(value: object) -> object:
    """A secret reference, checked; the value stays plain JSON."""
    if not is_reference(value) or not isinstance(value, dict):
        if isinstance(value, str):
            refuse("secret.literal", "must be a reference, never the value itself", REFERENCE_HINT)
        refuse("secret.ref", "must be a secret reference", REFERENCE_HINT)
    try:
        SecretRef.parse(value[SECRET_KEY])
    except (TypeError, ReferenceInvalid):
        refuse("secret.ref", "is not a readable secret reference", REFERENCE_HINT)
    return value


def _text_or_reference(value: object) -> object:
    if isinstance(value, str):
        return value
    if isinstance(value, dict) and SECRET_KEY in value:
        return _reference(value)
    return refuse("param.type", "must be a text or a secret reference", REFERENCE_HINT)


def _json_with_references(value: object) -> object:
    try:
        find_refs(value)
    except ReferenceInvalid:
        refuse("secret.ref", "contains an unreadable secret reference", REFERENCE_HINT)
    return value


def _pattern(value: str) -> str:
    options = re2.Options()
    options.log_errors = False
    try:
        re2.compile(value, options)
    except re2.error:
        refuse(
            "expect.pattern", "is not a valid RE2 pattern", "RE2 has no look-around and no back-references"
        )
    return value


def _url(value: str) -> str:
    if any(ord(char) <= 32 or ord(char) == 127 for char in value):
        refuse("url.format", "must not contain spaces or control characters", "encode them, as in %20")
    try:
        parts = urlsplit(value)
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        refuse("url.format", "is not a readable URL")
    if parts.scheme not in {"http", "https"}:
        refuse("url.scheme", "must start with http:// or https://")
    if parts.username is not None or parts.password is not None:
        refuse("url.credentials", "must not carry a user or password", "put a secret reference in a header")
    if objection := objection_to_host(host):
        refuse("url.address_forbidden", objection)
    return value


REFERENCE_HINT = 'write {"secret": "store:path#key"}'

Name = Annotated[str, Field(max_length=200), AfterValidator(_printable)]
StepId = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$")]
Seconds = Annotated[float, Field(gt=0, le=MOST_SECONDS, allow_inf_nan=False)]
Line = Annotated[str, AfterValidator(_one_line)]
FilledLine = Annotated[str, Field(min_length=1), AfterValidator(_one_line)]
Variable = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,127}$"), AfterValidator(_variable)]
TargetText = Annotated[str, Field(min_length=1, max_length=500)]
Url = Annotated[str, Field(max_length=4096), AfterValidator(_url)]
Pattern = Annotated[str, Field(min_length=1, max_length=PATTERN_LIMIT), AfterValidator(_pattern)]

_REFERENCE_SCHEMA = dict[str, str]
Reference = Annotated[dict[str, str], PlainValidator(_reference, json_schema_input_type=_REFERENCE_SCHEMA)]
TextOrReference = Annotated[
    str | dict[str, str], PlainValidator(_text_or_reference, json_schema_input_type=str | _REFERENCE_SCHEMA)
]
JsonWithReferences = Annotated[Any, AfterValidator(_json_with_references)]
