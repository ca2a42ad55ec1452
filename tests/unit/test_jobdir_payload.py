"""What is sent to a target means exactly what the plan says, whatever is in it."""

import subprocess
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from executions.connectors.arguments import command_of
from executions.connectors.base import NotStarted
from executions.jobdir import Command, Unsuitable, programs
from executions.jobdir.payload import pack, quote
from safety.secrets.values import SecretValue
from tests.jobs import some_work

NASTY = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=60)


@settings(max_examples=60, deadline=None)
@given(words=st.lists(NASTY, min_size=1, max_size=5))
def test_quoting_gives_a_shell_each_word_unharmed(words: list[str]) -> None:
    script = "printf '%s\\0' " + " ".join(map(quote, words))
    shown = subprocess.run(["/bin/sh", "-c", script], capture_output=True, check=True).stdout
    assert shown.split(b"\0")[:-1] == [word.encode() for word in words]


@pytest.mark.parametrize("cut", [0.1, 0.5, 0.9, 0.999])
def test_a_payload_that_was_cut_off_starts_nothing(cut: float, tmp_path: Path) -> None:
    whole = pack(Command(argv=("touch", "x"), stdin="a'b\n" * 500, secrets={"key": "v'\n"}))
    part = whole[: int(len(whole) * cut)]
    run = ["/bin/sh", "-c", programs.start(), "opsc", str(tmp_path), "e", "s-1", "9", "1"]
    done = subprocess.run(run, input=part, capture_output=True, check=False)
    assert b"opsc-answer started" not in done.stdout
    assert not list(tmp_path.glob("*/e"))


@pytest.mark.parametrize(
    "program", [programs.start, programs.look, programs.stop, programs.forget, programs.sweep]
)
def test_programs_survive_quoting_for_any_login_shell(program: object) -> None:
    assert "\\\\" not in program()  # type: ignore[operator]  # fish reads a doubled one in quotes as one


@pytest.mark.parametrize(
    ("arguments", "place"),
    [
        ({}, "argv"),
        ({"argv": "ls -l"}, "argv"),
        ({"argv": []}, "argv"),
        ({"argv": ["ls", 1]}, "argv[1]"),
        ({"argv": ["-rf"]}, "does not begin with '-'"),
        ({"argv": ["a\0b"]}, "NUL"),
        ({"argv": ["ls"], "shell": "ls"}, "shell"),
        ({"argv": ["ls", SecretValue("hunter2hunter2")]}, "argv[1]"),
        ({"argv": ["ls"], "env": {"TOKEN": SecretValue("hunter2hunter2")}}, "env.TOKEN"),
        ({"argv": ["ls"], "env": {"A B": "x"}}, "env"),
        ({"argv": ["ls"], "env": {"OPSC_STEP": "x"}}, "env"),
        ({"argv": ["ls"], "secrets": {"../x": "v"}}, "secrets"),
        ({"argv": ["ls"], "stdin": 5}, "stdin"),
    ],
)
def test_a_step_that_cannot_be_run_as_written_is_refused_with_its_place(arguments: dict, place: str) -> None:
    with pytest.raises(NotStarted) as refusal:
        command_of(some_work(arguments))
    assert place in str(refusal.value)
    assert not refusal.value.transient
    assert "hunter2" not in str(refusal.value)


def test_secrets_do_not_show_in_the_command_s_own_words() -> None:
    command = command_of(
        some_work({"argv": ["ls"], "secrets": {"a": SecretValue("hunter2hunter2")}, "stdin": "hunter3"})
    )
    assert "hunter" not in repr(command)
    assert command.secrets == {"a": "hunter2hunter2"}


def test_a_command_needs_a_program() -> None:
    with pytest.raises(Unsuitable):
        Command(argv=())
