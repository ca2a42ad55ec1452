"""What is done to a file of evidence is found, and by what."""

import random
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from executions import control
from executions.audit import evidence_history, heads, sealing
from executions.models import Event
from safety.models import AccessDecision
from tests.commands import manage
from tests.evidence_files import a_finished_run, documents, doubts, exported, forge_all, forged, of, reword
from tests.world import World, script, wait_step, work_until_over


@pytest.fixture
def run(world: World, working: None) -> UUID:
    """A run that needed an approval, said something hostile and is over."""
    return a_finished_run(world)


def test_any_changed_byte_is_found(run: UUID) -> None:
    content = exported(run)
    assert doubts(content) == []
    last = content.rindex(b"\n", 0, -1) + 1
    places = {*random.Random(7).sample(range(last), 250), *range(last, len(content))}
    for place in places:
        for byte in {content[place] ^ 1, ord(" ")} - {content[place]}:
            changed = content[:place] + bytes([byte]) + content[place + 1 :]
            assert doubts(changed), (place, changed[place - 20 : place + 20])


def test_a_cut_or_longer_file_is_found(run: UUID) -> None:
    content = exported(run)
    lines = content.splitlines(keepends=True)
    assert "file.cut" in doubts(b"".join(lines[:-1]))
    assert doubts(content[:-1])
    assert doubts(content + lines[-1]) == ["file.changed"]
    assert doubts(content + b"\n") == ["file.changed"]
    assert doubts(b"")
    assert doubts(b"\x00\xff\n[]\n")
    assert doubts(b'{"line":"evidence"}\n{"line":"execution"}\n{"line":"head"}\n')


FORGERIES: dict[str, tuple[str, Any]] = {
    "plan": ("plan.changed", lambda said: of("plan", said).update(text="{}")),
    "approval": ("approval.differs", lambda said: of("approval", said).update(approval_hash="0" * 64)),
    "risk": ("approval.differs", lambda said: of("step", said).update(action_class="read")),
    "command": ("approval.differs", lambda said: of("step", said)["spec"].update(kind="command")),
    "target": ("approval.differs", lambda said: of("step", said)["targets"].pop()),
    "output": ("output.changed", lambda said: of("output", said).update(text="all is well")),
    "no output": ("output.changed", lambda said: said.remove(of("output", said))),
    "no step run": ("step_run.differs", lambda said: said.remove(of("step_run", said))),
    "row": ("row.changed", lambda said: reword(of("event", said, 2))),
    "decision": ("row.changed", lambda said: reword(of("decision", said))),
    "link": ("link.changed", lambda said: of("event", said)["link"].update(hash="0" * 64)),
    "link's time": (
        "link.changed",
        lambda said: of("event", said)["link"].update(sealed_at="2020-01-01T00:00:00"),
    ),
    "of another run": (
        "row.differs",
        lambda said: reword(of("event", said), "execution_id", str(UUID(int=1))),
    ),
    "order": ("row.differs", lambda said: said.append(said.pop(said.index(of("event", said))))),
    "head": ("head.differs", lambda said: of("head", said).update(seq=1)),
    "without a row": ("link.changed", lambda said: said.remove(of("event", said, 2))),
    "no head": ("file.changed", lambda said: said.remove(of("head", said))),
    "format": ("file.unknown", lambda said: of("evidence", said).update(format=2)),
    "incomplete": ("file.changed", lambda said: of("step_run", said).pop("target")),
}


@pytest.mark.parametrize("what", FORGERIES)
def test_a_forger_who_makes_the_end_anew_is_found_too(run: UUID, what: str) -> None:
    code, change = FORGERIES[what]
    content = exported(run)
    assert forged(content, lambda said: None) == content
    assert code in doubts(forged(content, change))


def test_a_head_that_was_kept_proves_the_rows_without_a_database(
    world: World, run: UUID, tmp_path: Path
) -> None:
    Event.objects.create(tenant=world.acme, type="rbac.violation", actor_kind="user")
    sealing.seal()
    head = str(heads.heads()[0])
    Event.objects.create(tenant=world.acme, type="rbac.violation", actor_kind="user")
    place = tmp_path / "run.jsonl"
    place.write_bytes(exported(run))
    said = documents(place.read_bytes())
    assert sum(document["line"] == "link" for document in said) == 2
    assert "rbac.violation" not in place.read_text()

    def told(*arguments: str) -> tuple[int, list[str]]:
        answer = manage("verify_evidence", place, "--json", *arguments)
        return answer.code, [finding["code"] for finding in answer.json["findings"]]

    assert told("--head", head) == (0, [])
    assert told("--head", f"{head[:-1]}{'1' if head[-1] == '0' else '0'}") == (1, ["head.differs"])
    assert told("--head", f"9999:{head.partition(':')[2]}") == (1, ["head.differs"])
    forge_all(place)
    assert told() == (0, [])
    assert told("--head", head) == (1, ["head.differs"])


@pytest.mark.parametrize(
    ("most", "reaches"), [(1, "with gaps"), (25, "to the last row"), (500, "to the head")]
)
def test_a_stretch_that_would_be_too_long_is_left_out(
    world: World, run: UUID, monkeypatch: pytest.MonkeyPatch, most: int, reaches: str
) -> None:
    sealing.seal()
    for _ in range(20):
        Event.objects.create(tenant=world.acme, type="rbac.violation", actor_kind="user")
    monkeypatch.setattr(evidence_history, "MOST_LINKS", most)
    content = exported(run)
    said = documents(content)
    assert of("evidence", said)["chain"] == reaches
    assert sum(document["line"] == "link" for document in said) == (20 if most == 500 else 0)
    own = (
        Event.objects.filter(execution=run).count() + AccessDecision.objects.filter(execution_id=run).count()
    )
    assert sum(document["line"] in ("event", "decision") for document in said) == own
    assert doubts(content) == []
    for code, change in (FORGERIES["row"], FORGERIES["link"], FORGERIES["order"]):
        assert code in doubts(forged(content, change))


def test_a_retry_of_what_failed_is_bound_to_a_part_of_what_was_approved(world: World, working: None) -> None:
    world.here("one"), world.here("two")
    first = world.submit(script('test "$(cat; echo x)" = y', targets=["one"]), wait_step(), targets=["one"])
    assert work_until_over(first.execution_id) == "failed"
    again = control.retry(first.execution_id, user=world.olga, failed_only=True, confirmed=True)
    work_until_over(again.execution_id)
    content = exported(again.execution_id)
    assert of("execution", documents(content))["approval_hash_is"] == "part"
    assert doubts(content) == []
    assert "approval.differs" in doubts(
        forged(content, lambda said: of("execution", said).update(approval_hash_is="whole"))
    )
