"""Only an assertion of a test says that a guard is gone; trouble of another kind proves nothing."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests import proofs
from tests.proofs import ROOT, SUBJECTS

GUARD = next(iter(SUBJECTS))
TESTS = """
import pytest

@pytest.fixture
def server():
    assert False, "no server"

def test_passes(): pass
def test_asserts(): assert 1 == 2
def test_needs_a_server(server): pass
def test_crashes(): [].pop()
def test_is_too_slow(): pytest.fail("not over in time")
"""


@pytest.fixture(scope="module")
def verdicts(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Test to verdict, as the plugin writes them down."""
    folder: Path = tmp_path_factory.mktemp("verdicts")
    (folder / "test_some.py").write_text(TESTS)
    argv = [sys.executable, "-m", "pytest", "-q", "-c", "/dev/null", "-p", "tests.verdicts", folder]
    argv += ["-p", "no:cacheprovider", "-p", "no:django", f"--verdicts={folder}/journal"]
    subprocess.run(argv, cwd=ROOT, check=False, capture_output=True, timeout=60)
    lines = [json.loads(line) for line in (folder / "journal").read_text().splitlines()]
    return {line["test"]: line["verdict"] for line in lines}


def test_an_assertion_in_the_test_itself_is_the_only_failure(verdicts: dict[str, str]) -> None:
    assert verdicts == {
        "test_passes": "passed",
        "test_asserts": "failed",
        "test_needs_a_server": "broken",
        "test_crashes": "broken",
        "test_is_too_slow": "broken",
    }


def test_a_run_without_a_failed_assertion_is_not_taken_for_a_missed_guard() -> None:
    broken = {"test": "t", "verdict": "broken", "reason": ["no server"]}
    for code, ended in ((1, [broken]), (2, []), (4, []), (5, [])):
        proof = proofs._judged(GUARD, code, ended, "last words")
        assert not proof.was_missed
        assert proof.trouble
    passed = proofs._judged(GUARD, 0, [broken | {"verdict": "passed"}], "")
    assert (passed.was_missed, passed.trouble) == (False, "")
    assert proofs._judged(GUARD, 1, [broken, broken | {"verdict": "failed"}], "").was_missed
