"""Bytes that are no UTF-8, as from a terminal of another encoding, are refused by name; and a lock that is none."""

import pytest
from django.contrib.auth.models import User

from safety.signin.models import SignInRecord
from tests.commands import manage
from tests.world import World

BYTES = b"\xff\xfe".decode(errors="surrogateescape")


@pytest.mark.parametrize(
    "given",
    [
        ("cancel", "3f2a91c0", "--as", "olga", "--reason", BYTES),
        ("why", BYTES, "cancel_execution", "--as", "olga"),
        ("delegate", BYTES, "--until", "2031-01-01", "--reason", "x", "--as", "tom"),
        ("show", "3f2a91c0", "--as", BYTES),
        ("unlock", "olga", "--as", "olga", "--reason", BYTES),
    ],
    ids=lambda given: given[0],
)
def test_they_are_refused_by_name(world: World, given: tuple[str, ...]) -> None:
    ended = manage(*given)
    assert ended.code == 2
    assert "error[bad_input]" in ended.err
    assert "is not UTF-8." in ended.err


def test_where_there_was_no_lock_none_was_lifted(world: World) -> None:
    User.objects.create_superuser("root")
    assert "there was no lock" in manage("unlock", "olga", "--as", "root", "--reason", "x").out
    assert not SignInRecord.objects.filter(what="lifted").exists()
