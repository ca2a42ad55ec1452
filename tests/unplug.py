"""Takes each guard out of the safety chain and sees whether a test misses it (`make unplug`).

First every proof runs with all guards in: it has to pass. Then each runs with its guard out: an assertion of a
test has to fail. A guard whose proof does not pass is told of and left in; the others are tried all the same.
Exit code: 0 each was missed, 1 one was not, 2 a run proves nothing (a service is missing, a proof fails, a test
cannot be collected or set up, time is over).
"""

import os
import sys
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from tests import proofs
from tests.proofs import SUBJECTS, Proof
from tests.services.plugin import TestRun
from tests.services.processes import ServiceUnavailable

MISSED, NOT_MISSED, NOTHING_PROVEN = 0, 1, 2


def main() -> int:
    """Run everything, print the table."""
    began = time.monotonic()
    try:
        services = TestRun(with_database=not os.environ.get("DATABASE_URL"))
    except ServiceUnavailable as problem:
        print(problem, file=sys.stderr)
        return NOTHING_PROVEN
    try:
        with ThreadPoolExecutor(max(2, os.cpu_count() or 1)) as pool:
            complete = list(pool.map(partial(proofs.run, unplugged=False), SUBJECTS))
            bad = _told_of_complete(complete)
            sound = [guard for guard in SUBJECTS if guard not in bad]
            codes = _told(pool.map(partial(proofs.run, unplugged=True), sound))
    finally:
        services.close()
    codes += [NOTHING_PROVEN for _ in bad]
    print(f"\n{codes.count(MISSED)} of {len(SUBJECTS)} guards were missed; {time.monotonic() - began:.0f} s")
    return max(codes)


def _told_of_complete(complete: list[Proof]) -> set[str]:
    """The guards whose proof does not pass while all of them are in."""
    print(f"With all guards in: {sum(proof.ran for proof in complete)} tests ran.", flush=True)
    bad = [proof for proof in complete if proof.trouble or proof.failed]
    for proof in bad:
        print(f"  {proof.guard}: {proof.trouble or 'failed: ' + ', '.join(proof.failed)}")
        print("    A proof has to pass before its guard is taken out, so this one stays in.")
    return {proof.guard for proof in bad}


def _told(without: Iterable[Proof]) -> list[int]:
    codes = []
    print(f"\n{'without':<58} {'ran':>3} {'failed':>6}  tests that missed it")
    for proof in without:
        print(f"{proof.guard:<58} {proof.ran:>3} {len(proof.failed):>6}  ", end="")
        if proof.was_missed:
            print(", ".join(proof.failed), flush=True)
        elif proof.trouble:
            print(f"NOTHING PROVEN: {proof.trouble}", flush=True)
        else:
            print("NOT MISSED", flush=True)
        codes.append(MISSED if proof.was_missed else NOTHING_PROVEN if proof.trouble else NOT_MISSED)
    return codes


if __name__ == "__main__":
    sys.exit(main())
