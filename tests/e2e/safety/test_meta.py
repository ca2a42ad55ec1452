"""Take a guard out, and a test of its proof fails: what `make unplug` says holds in every test run."""

from pathlib import Path

import pytest
from django.conf import settings

from safety import chain
from tests import proofs
from tests.proofs import ROOT, SUBJECTS


def test_every_guard_of_the_chain_has_a_proof() -> None:
    assert list(SUBJECTS) == list(chain.REQUIRED_ORDER) == settings.SAFETY_MIDDLEWARE


@pytest.mark.timeout(proofs.TIME_LIMIT_S + 20)
@pytest.mark.parametrize("guard", SUBJECTS)
def test_without_a_guard_its_proof_fails(guard: str) -> None:
    proof = proofs.run(guard, unplugged=True, first_failure_only=True)
    assert proof.was_missed, proof.trouble or f"no test of {proofs.files_of(guard)} noticed"


def test_production_knows_nothing_of_taking_guards_out() -> None:
    ours = [path for package in ("opsconductor", "executions", "safety") for path in sources(package)]
    assert [path for path in ours if "UNPLUG" in path.read_text().upper()] == []


def sources(package: str) -> list[Path]:
    return sorted((ROOT / package).rglob("*.py"))
