"""Lets processes begin at one moment, however long each took to load."""

import sys
import time


def wait_for_start() -> float:
    """Tell that this process is loaded, and take the moment at which to begin (time.time())."""
    print("ready", flush=True)
    return float(sys.stdin.readline())


def sleep_until(moment: float) -> None:
    """Sleep until time.time() is `moment`."""
    time.sleep(max(0.0, moment - time.time()))
