"""Which files prove which guard, and one run of them with that guard taken out or left in."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from tests.services.plugin import UNPLUG_VARIABLE
from tests.services.processes import last_words
from tests.verdicts import OPTION

ROOT = Path(__file__).resolve().parent.parent
FOLDER = Path("tests/e2e/safety")
TIME_LIMIT_S = 280.0  # for one file, on a busy machine
# Middleware to the subject of its proof; in the order of the chain.
SUBJECTS = {
    "safety.masking.middleware.MaskingMiddleware": "masking",
    "safety.middleware.cancellation.CancellationMiddleware": "cancellation",
    "safety.middleware.timeout.TimeoutMiddleware": "timeouts",
    "safety.middleware.rbac.RbacMiddleware": "rbac",
    "safety.middleware.approval.ApprovalMiddleware": "approval",
    "safety.middleware.mutex.MutexMiddleware": "mutex",
    "safety.middleware.idempotency.IdempotencyMiddleware": "idempotency",
    "safety.secrets.middleware.SecretsMiddleware": "secrets",
}


@dataclass(frozen=True, kw_only=True)
class Proof:
    """How one run ended. `failed`: tests whose assertions did; `trouble`: why the run proves nothing."""

    guard: str
    ran: int = 0
    failed: tuple[str, ...] = ()
    trouble: str = ""

    @property
    def was_missed(self) -> bool:
        """Whether a test said that the guard is gone. Trouble of its own is no such test."""
        return bool(self.failed)


def files_of(guard: str) -> list[str]:
    """The proof files of a guard, `test_<subject>.py` and `test_<subject>_<more>.py`."""
    subject = SUBJECTS[guard]
    found = [FOLDER / f"test_{subject}.py", *sorted((ROOT / FOLDER).glob(f"test_{subject}_*.py"))]
    return [str(path.relative_to(ROOT) if path.is_absolute() else path) for path in found]


def run(guard: str, *, unplugged: bool, first_failure_only: bool = False) -> Proof:
    """Run the proof of a guard in a pytest of its own, on a database of its own."""
    missing = [file for file in files_of(guard) if not (ROOT / file).is_file()]
    if missing:
        return Proof(guard=guard, trouble=f"there is no proof: {missing[0]} does not exist")
    with tempfile.TemporaryDirectory(prefix="opsc-proof-") as folder:
        verdicts, log = Path(folder) / "verdicts", Path(folder) / "log"
        verdicts.touch()
        arguments = [*files_of(guard), "-q", "-p", "tests.verdicts", f"{OPTION}={verdicts}"]
        arguments += ["-p", "no:cacheprovider", f"--basetemp={folder}/tmp", *(["-x"] * first_failure_only)]
        with log.open("w") as output:
            try:
                code = subprocess.run(
                    [sys.executable, "-m", "pytest", *arguments],
                    cwd=ROOT,
                    env=_environment(guard, unplugged=unplugged),
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    timeout=TIME_LIMIT_S,
                    check=False,
                ).returncode
            except subprocess.TimeoutExpired:
                return Proof(guard=guard, trouble=f"not over within {TIME_LIMIT_S:g} s: {last_words(log)}")
        ended = [json.loads(line) for line in verdicts.read_text().splitlines()]
        return _judged(guard, code, ended, _reason(log))


def _reason(log: Path) -> str:
    """The last error that pytest tells of, else the last line."""
    errors = [
        line[1:].strip() for line in log.read_text(errors="replace").splitlines() if line.startswith("E  ")
    ]
    return errors[-1] if errors else last_words(log)


def _judged(guard: str, code: int, ended: list[dict[str, str]], words: str) -> Proof:
    failed = tuple(line["test"] for line in ended if line["verdict"] == "failed")
    broken = [f"{line['test']}: {' '.join(line['reason'])}" for line in ended if line["verdict"] == "broken"]
    if code not in (0, 1):
        broken.append(f"pytest exit code {code}: {words}")
    elif not ended:
        broken.append(f"no test ran: {words}")
    return Proof(guard=guard, ran=len(ended), failed=failed, trouble="; ".join(broken))


def _environment(guard: str, *, unplugged: bool) -> Mapping[str, str]:
    """This process's, without what belongs to a pytest that may be running here."""
    env = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    env.pop("DJANGO_SETTINGS_MODULE", None)
    subject = SUBJECTS[guard]
    if server := env.get("DATABASE_URL"):
        name = f"/{'without' if unplugged else 'with'}_{subject}_{os.getpid()}"
        env["DATABASE_URL"] = urlunsplit(urlsplit(server)._replace(path=name))
    env[UNPLUG_VARIABLE] = guard if unplugged else ""
    return env
