"""BusyBox, the shell of small targets."""

import shutil
from pathlib import Path

from tests.services import packages


def program() -> Path:
    """Its program.

    Raises:
      ServiceUnavailable: There is none and none can be got.
    """
    found = shutil.which("busybox")
    return Path(found) if found else packages.unpacked("busybox") / "bin" / "busybox"
