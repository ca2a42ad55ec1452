"""Promises about references and values: one may be stored, the other shows itself to nobody."""

import copy
import json
import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safety.secrets.errors import ReferenceInvalid, SecretError
from safety.secrets.literals import likely_secrets
from safety.secrets.values import SecretRef, SecretValue, find_refs, is_reference

PEM_BODY = "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7"


def test_a_value_shows_itself_to_nobody_but_who_asks() -> None:
    value = SecretValue("hunter2-ö")

    assert value.reveal() == "hunter2-ö"
    assert "hunter2" not in f"{value!r} {value} {value:>20} {[value]} {vars} %s" % value
    with pytest.raises(TypeError):
        json.dumps({"x": value})
    for copying in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError, match="cannot be copied or pickled"):
            copying(value)


def test_a_wiped_value_is_gone() -> None:
    value = SecretValue("hunter2")
    held = value._bytes
    value.wipe()
    value.wipe()

    assert held == bytearray(7)
    with pytest.raises(ValueError, match="was wiped"):
        value.reveal()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("vault:kv/data/acme/web#password", SecretRef("vault", "kv/data/acme/web", "password")),
        ("env:DB_PASSWORD", SecretRef("env", "DB_PASSWORD")),
        ("file:web/db_password", SecretRef("file", "web/db_password")),
        ("vault:kv/acme/web?version=3#password", SecretRef("vault", "kv/acme/web", "password", 3)),
        ("vault:kv/acme/web?version=12", SecretRef("vault", "kv/acme/web", "", 12)),
    ],
)
def test_references_are_read_and_written_alike(text: str, expected: SecretRef) -> None:
    assert SecretRef.parse(text) == expected
    assert str(expected) == text


@pytest.mark.parametrize(
    "text",
    ["", "hunter2", "file:", "file:/etc/passwd", "file:../x", "file:a/../b", "file:a//b", "file:.hidden", "file:a/..",
     "vault:kv/a?b=1", "vault:kv/a%2e", "vault:kv/a#", "vault:kv/a#b#c", "vault:kv/a b", "vault:kv/a\n", "V:x",
     "file:ü", "vault:kv/a?version=0", "vault:kv/a?version=-1", "vault:kv/a?version=x", "vault:kv/a#k?version=1",
     "vault:kv/a?version=1&x=2", "vault:kv/a?version=", "vault:kv/a?version=01"],
)  # fmt: skip
def test_a_malformed_reference_is_refused_with_the_right_form(text: str) -> None:
    with pytest.raises(ReferenceInvalid, match="such as") as failure:
        find_refs({"env": [{"secret": text}]})

    assert failure.value.code == "secret.ref"
    assert str(failure.value).startswith("env[0]: ")
    assert not is_reference({"secret": text})


@given(st.text())
def test_parsing_raises_nothing_but_its_own_error(text: str) -> None:
    try:
        reference = SecretRef.parse(text)
    except ReferenceInvalid:
        return
    assert ".." not in reference.path.split("/")


def test_references_are_found_with_their_places() -> None:
    plan = {
        "with": {"env": {"A": {"secret": "env:A"}}, "args": ["x", {"secret": "file:b#c"}]},
        "secret": "no reference",
    }

    assert find_refs(plan, "steps[0]") == [
        ("steps[0].with.env.A", SecretRef("env", "A")),
        ("steps[0].with.args[1]", SecretRef("file", "b", "c")),
    ]


def test_every_error_has_a_code_of_its_own_and_says_whether_to_retry() -> None:
    kinds = SecretError.__subclasses__()

    assert len({kind.code for kind in kinds}) == len(kinds) == 23
    assert {kind.code for kind in kinds if kind.transient} == {
        "secret.sealed",
        "secret.unreachable",
        "secret.slow",
        "secret.busy",
        "secret.fault",
    }


@pytest.mark.parametrize(
    ("value", "place", "kind"),
    [
        ({"env": {"DB_PASSWORD": "hunter2"}}, "env.DB_PASSWORD", "password"),
        ({"a": [{"api-key": "x"}]}, "a[0].api-key", "api_key"),
        ({"tokens": [], "token": ["abc"]}, "token[0]", "token"),
        ({"password": 12345}, "password", "password"),
        ({"secret": "hunter2"}, "secret", "secret"),
        ({"command": "export K=AKIAIOSFODNN7EXAMPLE"}, "command", "aws_access_key"),
        ({"url": "postgres://app:s3cret@db/x"}, "url", "database_password"),
        ({"body": f"x -----BEGIN PRIVATE KEY-----\n{PEM_BODY}"}, "body", "private_key"),
        ({"args": ["push", "ghp_" + "a1B2" * 9]}, "args[1]", "github_token"),
    ],
)
def test_a_secret_value_in_a_plan_is_found_with_its_place(value: object, place: str, kind: str) -> None:
    assert likely_secrets(value) == [(place, kind)]


@pytest.mark.parametrize(
    "value",
    [
        {"password": {"secret": "vault:kv/acme/web#password"}},
        {"password": "{{ inputs.password }}", "token": "$TOKEN", "secret": "<your secret>", "api_key": ""},
        {"url": "postgres://app:$PW@db/x"},
        {"url": "http://localhost:8080/x", "to": "jane@example.com", "from": "10.0.0.1", "ssn": "123-45-6789"},
        {"password_file": "/run/x", "token_type": "bearer", "secret_name": "web", "must_change_password": True},
        {"command": "grep -c 'BEGIN PRIVATE KEY' /etc/ssl/key.pem || grep -- '-----BEGIN PRIVATE KEY-----' x"},
        {"digest": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"},
        {"command": "read -s PASSWORD; mysql --password=$PASSWORD"},
    ],
)  # fmt: skip
def test_ordinary_plans_carry_no_secret(value: object) -> None:
    assert likely_secrets(value) == []
