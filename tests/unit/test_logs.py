"""Promises about our own log lines."""

import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
from dramatiq import Message

from opsconductor.logs import MaskedJsonFormatter
from safety.masking import Masker, live
from safety.masking.log_fields import bind

SECRET = 'corr3ct "horse"\n'


@pytest.fixture
def secret() -> Iterator[str]:
    masker = Masker()
    masker.add(SECRET)
    live.register(masker)
    yield SECRET
    live.retire(masker)
    live._lingering.clear()


def logged(message: object, *args: object, **given: Any) -> dict[str, Any]:
    """The JSON object that one call of a logger leaves; fails when it is not exactly one line."""
    lines = []
    logger = logging.Logger("opsconductor.test")
    handler = logging.Handler()
    handler.setFormatter(MaskedJsonFormatter())
    handler.emit = lambda record: lines.append(handler.format(record))  # type: ignore[method-assign]
    logger.addHandler(handler)
    logger.error(message, *args, **given)
    assert len(lines) == 1
    assert "\n" not in lines[0]
    assert "\r" not in lines[0]
    line: dict[str, Any] = json.loads(lines[0])
    return line


def test_a_line_says_when_who_and_what() -> None:
    line = logged("hello %s", "world", extra={"port": 22})

    assert line.pop("time").endswith("Z")
    assert line == {"level": "ERROR", "logger": "opsconductor.test", "message": "hello world", "port": 22}


def test_lines_inside_a_binding_name_execution_and_step_run() -> None:
    with bind(execution="e1"), bind(step_run="s1"):
        inside = logged("x")

    assert (inside["execution"], inside["step_run"]) == ("e1", "s1")
    assert "execution" not in logged("x")


def test_known_values_are_masked_in_message_fields_and_traceback(secret: str) -> None:
    def fails(password: str) -> None:
        raise ValueError(f"cannot use {password!r}") from KeyError(password)

    try:
        fails(secret)
    except ValueError:
        line = logged(
            "used %s", secret, exc_info=True, stack_info=True, extra={"seen": [secret], "password": "q"}
        )

    text = json.dumps(line)
    assert "corr3ct" not in text
    assert "horse" not in text
    assert line["password"] == "[masked]"
    assert "ValueError: cannot use" in line["exc_info"]


def test_local_variables_are_in_no_traceback() -> None:
    local = "-".join(["zebra"] * 2)
    try:
        raise RuntimeError(len(local))
    except RuntimeError:
        line = logged("x", exc_info=True)

    assert "zebra-zebra" not in json.dumps(line)


def test_patterns_are_masked_and_the_line_stays_json() -> None:
    line = logged("password=", extra={"a": 'token="', "b": "postgres://u:pw@h/x"})

    assert line["b"] == "postgres://u:[masked:database_password]@h/x"


def test_a_forged_line_stays_inside_its_own() -> None:
    line = logged('x\r\n{"level": "CRITICAL", "message": "forged"}')

    assert line["level"] == "ERROR"


def test_what_an_actor_was_given_is_not_logged() -> None:
    message = Message(
        queue_name="fast", actor_name="run_step", args=("zebra",), kwargs={"k": "zebra"}, options={}
    )

    line = logged("Failed to process message %s with %d.", message, 5)

    assert "zebra" not in json.dumps(line)
    assert line["message"] == f"Failed to process message run_step[{message.message_id}] with 5."


@pytest.mark.parametrize("message", ["x" * 300_000, "%d is not a number: zebra"])
def test_a_line_that_cannot_be_masked_or_formatted_is_withheld(message: str) -> None:
    with bind(execution="e1"):
        line = logged(message, "zebra") if "%" in message else logged(message)

    assert line["message"].startswith("message withheld: ")
    assert line["execution"] == "e1"
    assert "zebra" not in json.dumps(line)
    assert "xxx" not in json.dumps(line)
