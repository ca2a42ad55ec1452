"""The wire form of a wake-up: signed, small, and nothing in it that Dramatiq could be talked into."""

import hmac
import json
import logging
import threading
from collections.abc import Callable
from typing import Any, Final

from dramatiq.encoder import Encoder, MessageData
from dramatiq.errors import DecodeError

from safety.choices import SlaClass

logger = logging.getLogger(__name__)

LONGEST_BYTES: Final = 1024
PRIORITIES: Final = range(4)  # the queues are declared with x-max-priority 3; higher goes first
QUEUE_OF_ACTOR: Final = {f"run_{queue}": queue for queue in SlaClass.values}
LONGEST_NAME: Final = 64


class SignedEncoder(Encoder):
    """`key id . HMAC-SHA256 . JSON`; whoever cannot sign cannot make a worker do anything.

    The broker is not trusted: a message that breaks Dramatiq's consumer would stop its queue for good, and
    options in a message override an actor's own. So only what OpsConductor itself sends is decoded.
    """

    def __init__(self, key: str, previous_key: str = "") -> None:
        keys = [key.encode(), *([previous_key.encode()] if previous_key else [])]
        self._current = _key_id(keys[0])
        self._keys = {_key_id(each): each for each in keys}
        self._guard = threading.Lock()
        self.refused = 0
        """How many messages this process has refused since it started."""

    def encode(self, data: MessageData) -> bytes:
        """Sign a message. Raises ValueError when it is not one of ours or too long."""
        problem = _problem(data | {"args": list(data["args"])})
        if problem:
            raise ValueError(f"not a wake-up: {problem}")
        body = json.dumps(data, sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode()
        signed = b".".join((self._current, _mac(self._keys[self._current], body), body))
        if len(signed) > LONGEST_BYTES:
            raise ValueError(f"a wake-up has at most {LONGEST_BYTES} bytes, this one {len(signed)}")
        return signed

    def decode(self, data: bytes) -> MessageData:
        """Raises DecodeError, without what was received; Dramatiq then parks the message in the dead queue."""
        if len(data) > LONGEST_BYTES:
            raise self._refusal("too long")
        key_id, _, rest = data.partition(b".")
        mac, _, body = rest.partition(b".")
        key = self._keys.get(key_id)
        if key is None or not hmac.compare_digest(mac, _mac(key, body)):
            raise self._refusal("not signed with a key of ours")
        try:
            fields: MessageData = json.loads(body)
        except (ValueError, RecursionError):
            raise self._refusal("not JSON") from None
        problem = _problem(fields)
        if problem:
            raise self._refusal(problem)
        return fields

    def _refusal(self, reason: str) -> DecodeError:
        with self._guard:
            self.refused += 1
            count = self.refused
        logger.warning("refused a message: %s", reason, extra={"refused_messages": count})
        return DecodeError(f"refused: {reason}", b"", None)


def _is_options(value: object) -> bool:
    return (
        type(value) is dict
        and value.keys() <= {"broker_priority"}
        and all(type(priority) is int and priority in PRIORITIES for priority in value.values())
    )


def _is_name(value: object) -> bool:
    return type(value) is str and 0 < len(value) <= LONGEST_NAME


# Exact types: a bool is no int here, and a list no name.
_FIELDS: Final[dict[str, Callable[[Any], bool]]] = {
    "queue_name": _is_name,
    "actor_name": _is_name,
    "args": lambda value: type(value) is list and len(value) == 1 and _is_name(value[0]),
    "kwargs": lambda value: type(value) is dict and not value,
    "options": _is_options,
    "message_id": _is_name,
    "message_timestamp": lambda value: type(value) is int and value > 0,
}


def _problem(fields: object) -> str:
    """What keeps the fields from being a wake-up of ours; empty when nothing does."""
    if type(fields) is not dict or fields.keys() != _FIELDS.keys():
        return "wrong fields"
    for name, is_valid in _FIELDS.items():
        if not is_valid(fields[name]):
            return f"wrong {name}"
    if QUEUE_OF_ACTOR.get(fields["actor_name"]) != fields["queue_name"]:
        return "wrong actor"
    return ""


def _key_id(key: bytes) -> bytes:
    return _mac(key, b"key id")[:8]


def _mac(key: bytes, content: bytes) -> bytes:
    return hmac.digest(key, content, "sha256").hex().encode()
