"""Only what OpsConductor signed, in the form it sends, is taken for a wake-up."""

import hashlib
import hmac
import json
import logging
from typing import Any

import dramatiq
import pytest
from dramatiq.errors import DecodeError

from opsconductor.messages import LONGEST_BYTES, SignedEncoder

KEY, OLD_KEY, FOREIGN_KEY = "k" * 48, "o" * 48, "f" * 48


def fields(**changes: object) -> dict[str, Any]:
    return {
        "queue_name": "fast",
        "actor_name": "run_fast",
        "args": ["7f0d4bd0-6a0c-4c8c-8f7e-9f6f4a6c2f10"],
        "kwargs": {},
        "options": {"broker_priority": 1},
        "message_id": "0b8e5a3e-3df1-4a0b-a9f3-6f4b7c0f6a55",
        "message_timestamp": 1_800_000_000_000,
    } | changes


def signed(content: object, key: str = KEY) -> bytes:
    """What somebody who has the key could send, written without our encoder."""
    body = json.dumps(content).encode()
    key_id = hmac.new(key.encode(), b"key id", hashlib.sha256).hexdigest()[:8]
    mac = hmac.new(key.encode(), body, hashlib.sha256).hexdigest()
    return f"{key_id}.{mac}.".encode() + body


@pytest.fixture
def encoder() -> SignedEncoder:
    return SignedEncoder(KEY, OLD_KEY)


def test_what_was_encoded_is_decoded_again(encoder: SignedEncoder) -> None:
    assert encoder.decode(encoder.encode(fields())) == fields()


def test_dramatiqs_own_message_passes(encoder: SignedEncoder) -> None:
    sent = dramatiq.Message("long", "run_long", ("an-id",), {}, {"broker_priority": 2})
    decoded = encoder.decode(encoder.encode(sent.asdict()))
    assert decoded["message_id"] == sent.message_id
    assert decoded["args"] == ["an-id"]


def test_a_message_signed_with_the_previous_key_is_still_accepted(encoder: SignedEncoder) -> None:
    before_rotation = SignedEncoder(OLD_KEY).encode(fields())
    assert encoder.decode(before_rotation) == fields()


def test_the_previous_key_is_not_used_to_sign(encoder: SignedEncoder) -> None:
    with pytest.raises(DecodeError, match="not signed"):
        SignedEncoder(OLD_KEY).decode(encoder.encode(fields()))


def forgeries(key: str) -> dict[str, bytes]:
    """What must be refused, most of it by somebody who has the key."""
    return {
        "null options": signed(fields(options=None), key),
        "a callback to another actor": signed(fields(options={"on_success": "run_long"}), key),
        "an exception to be let through": signed(fields(options={"throws": "x"}), key),
        "a delay": signed(fields(options={"eta": 1}), key),
        "a priority that is a bool": signed(fields(options={"broker_priority": True}), key),
        "a priority beyond the queue's": signed(fields(options={"broker_priority": 9}), key),
        "an unknown actor": signed(fields(actor_name="delete_everything"), key),
        "another queue's actor": signed(fields(actor_name="run_long"), key),
        "an actor that is a list": signed(fields(actor_name=[]), key),
        "an unknown queue": signed(fields(queue_name="nosuch"), key),
        "too many arguments": signed(fields(args=["a", "b"]), key),
        "an argument that is no name": signed(fields(args=[{"a": 1}]), key),
        "named arguments": signed(fields(kwargs={"queue": "long"}), key),
        "a time that is text": signed(fields(message_timestamp="now"), key),
        "a field too many": signed(fields(extra=1), key),
        "a list": signed([1, 2, 3], key),
        "no fields": signed({}, key),
        "oversize": signed(fields(args=["x" * LONGEST_BYTES]), key),
        "a foreign key": signed(fields(), FOREIGN_KEY),
        "a wrong signature": signed(fields(), key).replace(b"fast", b"long"),
        "truncated": signed(fields(), key)[:-1],
        "truncated in the signature": signed(fields(), key)[:40],
        "plain JSON": json.dumps(fields()).encode(),
        "garbage": bytes(range(256)),
        "nothing": b"",
    }


FORGED = forgeries(KEY)


@pytest.mark.parametrize("forged", FORGED.values(), ids=FORGED.keys())
def test_a_forged_message_is_refused(
    encoder: SignedEncoder, forged: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING), pytest.raises(DecodeError) as refusal:
        encoder.decode(forged)
    assert encoder.refused == 1
    assert caplog.records[0].__dict__["refused_messages"] == 1
    assert refusal.value.data == b""  # nor is the body in the error, which Dramatiq logs
    assert "7f0d4bd0" not in caplog.text + str(refusal.value)


@pytest.mark.parametrize("changes", [{"options": {"eta": 1}}, {"args": ["x" * 65]}, {"actor_name": "other"}])
def test_what_would_be_refused_is_not_sent(encoder: SignedEncoder, changes: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="not a wake-up"):
        encoder.encode(fields(**changes))


def test_a_wake_up_is_short(encoder: SignedEncoder) -> None:
    assert len(encoder.encode(fields())) < LONGEST_BYTES / 2
