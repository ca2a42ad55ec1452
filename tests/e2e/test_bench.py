"""The benchmark on real servers: it measures, and leaves nothing behind."""

import pytest
from django.db import connection

from tests.commands import ended, environment, start
from tests.services.rabbitmq import Vhost
from tests.world import World


@pytest.mark.timeout(420)
def test_bench_measures_and_cleans_up(world: World, rabbitmq: Vhost) -> None:
    names = ("masking", "single", "latency", "cancel", "switch", "leases")
    only = [f"--only={name}" for name in names]

    answer = ended(
        start("bench", "--json", "--seconds=1", *only, env=environment(RABBITMQ_URL=rabbitmq.url)),
        timeout_s=400,
    )

    assert answer.code == 0, answer.err
    figures = {figure["name"]: figure for figure in answer.json["figures"]}
    none_after = figures.pop("switch to hold: the last step begins")
    assert none_after["value"] >= 0, "0 when none began after the switch"
    assert all(figure["value"] > 0 for figure in figures.values())
    single = figures["single-step executions"]
    assert single["ratio"] == round(single["value"] / single["baseline"]["value"], 3)
    assert figures["submission to start of step, p50"]["baseline"]["name"] == "bare Dramatiq no-op actor"
    with connection.cursor() as cursor:
        cursor.execute("SELECT datname FROM pg_database WHERE datname LIKE 'opsc_bench_%'")
        assert cursor.fetchall() == []
    assert [queue for queue in rabbitmq.queues() if "bench" in queue] == []


def test_masking_is_measured_without_any_server(world: World) -> None:
    nowhere = "postgres://nobody@127.0.0.1:9/nothing"
    env = environment(RABBITMQ_URL="", DATABASE_URL=nowhere)
    answer = ended(start("bench", "--json", "--seconds=1", "--only=masking", "--only=corpora", env=env))

    assert answer.code == 0, answer.err
    figures = {figure["name"]: figure for figure in answer.json["figures"]}
    assert figures["masking"]["baseline"]["name"].startswith("thirteen plain `re` patterns")
    assert figures["masking"]["ratio"] > 2
    assert figures["leak corpus masked"]["holds"]
    assert figures["false positives"]["holds"]


def test_a_name_that_is_no_measurement_is_refused(world: World, rabbitmq: Vhost) -> None:
    answer = ended(start("bench", "--only=everything", env=environment(RABBITMQ_URL=rabbitmq.url)))

    assert answer.code == 2
    assert "One of: masking" in answer.err
