"""What the embedded PostgreSQL decides without starting anything."""

from pathlib import Path

import environ
import pytest
from psycopg.conninfo import make_conninfo

from opsconductor.embedded import command_line, postgres


def test_the_address_is_a_socket_folder_short_enough_for_any_data_folder():
    parsed = environ.Env.db_url_config(postgres.database_url(Path("/srv") / ("long/" * 60)))

    assert len(f"{parsed['HOST']}/.s.PGSQL.5432".encode()) <= 107
    assert (parsed["USER"], parsed["NAME"], parsed["PORT"]) == ("opsconductor", "opsconductor", "")
    assert make_conninfo(host=parsed["HOST"], user=parsed["USER"], dbname=parsed["NAME"])


def test_two_data_folders_never_share_an_address_and_asking_makes_nothing(tmp_path: Path):
    one, other = postgres.database_url(tmp_path / "one"), postgres.database_url(tmp_path / "other")

    assert one != other
    assert list(tmp_path.iterdir()) == []
    assert not Path(environ.Env.db_url_config(one)["HOST"]).exists()


@pytest.mark.parametrize(
    ("arguments", "needed"),
    [
        ("", False),
        ("help", False),
        ("migrate --help", False),
        ("check", False),
        ("check --deploy", False),
        ("check --database default", True),
        ("makemigrations --check", False),
        ("collectstatic --noinput", False),
        ("migrate", True),
        ("demo", True),
        ("a-command-of-tomorrow", True),
    ],
)
def test_only_commands_that_use_a_database_start_one(
    arguments: str, needed: bool, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.delenv("DATABASE_URL", raising=False)
    monkeypatch.delenv("OPSC_EMBEDDED", raising=False)

    assert command_line.needs_embedded_database(["manage.py", *arguments.split()]) is needed


@pytest.mark.parametrize(
    ("name", "value"), [("DATABASE_URL", "postgres://db.example/opsconductor"), ("OPSC_EMBEDDED", "0")]
)
def test_a_configured_server_or_a_no_keeps_the_embedded_one_down(
    name: str, value: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.delenv("DATABASE_URL", raising=False)
    monkeypatch.setenv(name, value)

    assert not command_line.needs_embedded_database(["manage.py", "migrate"])
