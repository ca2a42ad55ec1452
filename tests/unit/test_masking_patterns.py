"""Promises about what looks like a secret: the leak corpus is masked, ordinary output is left alone."""

import base64
import hashlib
import uuid

import pytest

from safety.masking import Masker

JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U"
AWS_SECRET = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
PEM = f"-----BEGIN EC PRIVATE KEY-----\n{'MHcCAQEEIIrYSSNQFaA2Hwf1' * 3}\n-----END EC PRIVATE KEY-----"

# What is shown, the part that must be gone, and the kind it is masked as.
LEAKS: list[tuple[str, str, str]] = [
    ("password=Hunter2", "Hunter2", "password"),
    ("DB_PASSWORD: 'two words'", "two words", "password"),
    ('{"user": "u", "password": "a\\"b c", "x": 1}', 'a\\"b c', "password"),
    ('"{\\"password\\": \\"abc-def\\"}"', "abc-def", "password"),
    ("{'passwd': 'abc-def', 'x': 1}", "abc-def", "password"),
    ("password = b'abc-def'", "abc-def", "password"),
    ('password="never closed and long', "never closed and long", "password"),
    ("mysql --password hunter2 -u root", "hunter2", "password"),
    ("mysql --password='hunter 2' -u root", "hunter 2", "password"),
    ("<Password>hunter2</Password>", "hunter2", "password"),
    ("Server=db;Uid=sa;Pwd=hunter2;", "hunter2", "password"),
    ("user=u pass=hunter2", "hunter2", "password"),
    ("curl -u admin:hunter2 https://x", "hunter2", "password"),
    ("{password:abc,token: d3f-g6h}", "d3f-g6h", "token"),
    ("https://x/?api_key=abcdef123&y=1", "abcdef123", "api_key"),
    ("X-Api-Key: 0f9a8b7c6d", "0f9a8b7c6d", "api_key"),
    ("Authorization: Bearer abc.def-123", "abc.def-123", "token"),
    ("Authorization: Basic dXNlcjpodW50ZXIy", "dXNlcjpodW50ZXIy", "token"),
    ('-H "authorization: Digest username=x, response=6629fa"', "6629fa", "token"),
    ("sent bearer 4f5e6d7c8b9a0f1e2d3c", "4f5e6d7c8b9a0f1e2d3c", "token"),
    ("refresh_token=1a2b3c", "1a2b3c", "token"),
    ("id AKIAIOSFODNN7EXAMPLE here", "AKIAIOSFODNN7EXAMPLE", "aws_access_key"),
    (f"aws_secret_access_key = {AWS_SECRET}", AWS_SECRET, "aws_secret_key"),
    (f'"SecretAccessKey": "{AWS_SECRET}"', AWS_SECRET, "aws_secret_key"),
    (f"AKIAIOSFODNN7EXAMPLE,{AWS_SECRET}\n", AWS_SECRET, "aws_secret_key"),
    (PEM, "MHcCAQEEIIrYSSNQ", "private_key"),
    (PEM.replace("\n", "\\n"), "MHcCAQEEIIrYSSNQ", "private_key"),
    (base64.b64encode(PEM.encode()).decode(), "TUhjQ0FRRUVJSXJZU1NOUUZhQTJId2Yx", "private_key"),
    ("Private-Lines: 1\nAAAAgQCabc\nPrivate-MAC: 0a1b", "AAAAgQCabc", "private_key"),
    (f"ssh-ed25519 AAAA{'C3NzaC1lZDI1NTE5' * 4} me", "C3NzaC1lZDI1NTE5", "ssh_key"),
    ("postgres://app:s3cret@db:5432/x", "s3cret", "database_password"),
    ("amqp://:p@ss@mq/", "p@ss", "database_password"),
    ("mail to jane.doe+x@mail.example.co.uk", "jane.doe", "email"),
    ("card 4111 1111 1111 1111.", "4111", "credit_card"),
    ("card 378282246310005", "378282246310005", "credit_card"),
    ("ssn 123-45-6789", "123-45-6789", "ssn"),
    ("client_secret=Zx9", "Zx9", "secret"),
    ("secret: a1b2c3d4", "a1b2c3d4", "secret"),
    (f"cookie {JWT}", JWT, "jwt"),
    (f"push ghp_{'a1B2' * 9}", "a1B2", "github_token"),
    (f"call opsc_0123456789ab_{'5e6d' * 16}", "5e6d", "token"),
    (f"push github_pat_{'a1B2' * 9}", "a1B2", "github_token"),
    ("push glpat-a1B2c3D4e5F6g7H8i9J0", "a1B2c3", "gitlab_token"),
    ("xoxb-123456789012-abcdefghij", "123456789012", "slack_token"),
    ("https://hooks.slack.com/services/T00000000/B00000000/XXXXXXXXXXXX", "B00000000", "slack_token"),
    ("sk_live_" + "a1B2" * 6, "a1B2", "stripe_key"),
    ("AIza" + "a1B2c" * 7, "a1B2c", "google_key"),
    ("GOCSPX-" + "a1B2c" * 5, "a1B2c", "google_key"),
    ("hvs." + "a1B2c" * 6, "a1B2c", "token"),
]

HARMLESS = [
    "commit 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b (HEAD -> main)",
    f"sha256:{hashlib.sha256(b'x').hexdigest()}",
    str(uuid.UUID(int=0x12345678123456781234567812345678)),
    f"data:image/png;base64,{base64.b64encode(hashlib.shake_256(b'image').digest(3000)).decode()}",
    "Jan 02 03:04:05 web-01 sshd[812]: Failed password for root from 10.1.2.3 port 51234 ssh2",
    "password authentication failed for user app",
    "Enter password:\nsudo: a password is required",
    "SyntaxError: unexpected token: expected ';'",
    "max_tokens=4096 tokens: 12 token_type=bearer password_policy=strict",
    "secret_name=web  secret: vault:kv/acme/web#password",
    '{"password": null, "token": "", "secret": false}',
    "PWD=/srv/app\nOLDPWD=/root",
    "tests: pass: 12 fail: 0",
    "at 1700000000000 ms, order 1234567890123456, ratio 0.4111111111111111",
    "http://localhost:8080/path?x=1 and ssh://host:22/",
    "2026-01-02T03:04:05.678Z INFO 10.0.0.1:443 fe80::1 200 5123",
    "phone 555-12-345, dates 2026-01-02, 000-12-3456, 900-12-3456",
    "docker run -u 1000:1000 image:latest",
    "the bearer of this message, an authorization failure",
    "arn:aws:iam::123456789012:role/deploy  i-0abcd1234efgh5678",
    "class sk-toggleable__label sk-estimator-doc-link-icon-container",
    "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----",
    "-----BEGIN PUBLIC KEY-----\nMIIB\n-----END PUBLIC KEY-----",
]


@pytest.mark.parametrize(("shown", "secret", "kind"), LEAKS, ids=[leak[0][:40] for leak in LEAKS])
def test_what_looks_like_a_secret_is_masked(shown: str, secret: str, kind: str) -> None:
    masked = Masker().text(shown)

    assert secret not in masked
    assert f"[masked:{kind}]" in masked


@pytest.mark.parametrize("shown", HARMLESS, ids=[text[:40] for text in HARMLESS])
def test_ordinary_output_is_left_alone(shown: str) -> None:
    assert Masker().text(shown) == shown


@pytest.mark.parametrize("shown", [leak[0] for leak in LEAKS], ids=[leak[0][:40] for leak in LEAKS])
def test_masking_twice_changes_nothing(shown: str) -> None:
    once = Masker().text(shown)

    assert Masker().text(once) == once


def test_addresses_are_masked_only_when_asked_for() -> None:
    text = "from 192.168.10.4 and 2001:db8::8a2e:370:7334 and ::1, version 1.2.3, 999.1.1.1, at 10:20:30"

    assert Masker().text(text) == text
    assert Masker(ip_addresses=True).text(text) == (
        "from [masked:ip_address] and [masked:ip_address] and [masked:ip_address],"
        " version 1.2.3, 999.1.1.1, at 10:20:30"
    )


def test_what_stands_around_a_secret_stays_readable() -> None:
    shown = Masker().text('{"user": "u", "password": "x y", "host": "db"} postgres://app:pw@db/x\n')

    assert shown == (
        '{"user": "u", "password": "[masked:password]", "host": "db"}'
        " postgres://app:[masked:database_password]@db/x\n"
    )
