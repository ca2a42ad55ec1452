"""Job directories on this machine: programs run as child processes, looks are plain file reads."""

import os
import pwd
import subprocess
from collections.abc import Sequence
from pathlib import Path

from executions.jobdir import programs
from executions.jobdir.shell import Answer, LinkBroken, Pace

# What a command may inherit; everything else in a worker's environment is the worker's own.
_INHERITED = ("PATH", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "TMPDIR")


class LocalShell:
    """This machine, as the user of this process."""

    pace = Pace(first_s=0.003, longest_s=0.25)
    block = 1 << 18

    def __init__(self, sh: Sequence[str] = ("/bin/sh",)) -> None:
        self._sh = tuple(sh)

    def run(
        self,
        program: str,
        arguments: Sequence[str],
        payload: bytes = b"",
        *,
        timeout_s: float,
        interruptible: bool = True,  # noqa: ARG002
    ) -> Answer:
        """Run a program; its own session keeps signals meant for the worker away from it."""
        try:
            done = subprocess.run(  # noqa: S603
                [*self._sh, "-c", program, "opsc", *arguments],
                input=payload,
                capture_output=True,
                check=False,
                cwd="/",
                env=_environment(),
                start_new_session=True,
                timeout=timeout_s,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise LinkBroken(f"the shell of this machine did not answer: {type(error).__name__}") from error
        return Answer.parse(done.stdout, done.stderr)

    def look(self, arguments: Sequence[str], *, timeout_s: float, interruptible: bool) -> Answer:
        """Read the files directly while the case is plain; let the program judge every other one."""
        base, execution, name, out_offset, err_offset, limit = arguments
        folder = Path(base, f"opsconductor-{os.geteuid()}", execution, name)
        state = _plain_state(folder)
        if state is None:
            return self.run(programs.look(), arguments, timeout_s=timeout_s, interruptible=interruptible)
        cancelled = str(int((folder / "cancelled").exists()))
        out_size, out = _block(folder / "stdout", int(out_offset), int(limit))
        err_size, err = _block(folder / "stderr", int(err_offset), int(limit))
        sizes = (out_size, err_size, len(out), len(err))
        return Answer((*state, cancelled, *map(str, sizes)), out + err)


def _plain_state(folder: Path) -> tuple[str, str] | None:
    """State and exit code when an exit record or a living wrapper settles it."""
    try:
        if folder.parent.parent.is_symlink() or folder.parent.parent.stat().st_uid != os.geteuid():
            return None
        if (folder / "exit").exists():
            how, code = (folder / "exit").read_text().split()
            return how, code
        wrapper, birth, _boot = (folder / "process").read_text().split()
        state, *fields = Path("/proc", wrapper, "stat").read_text().rpartition(") ")[2].split()
    except (OSError, ValueError):
        return None
    return ("running", "-") if state not in "ZX" and fields[18] == birth else None


def _block(path: Path, offset: int, limit: int) -> tuple[int, bytes]:
    """Size and content from the 4096-byte block of `offset` on; nothing when nothing is new."""
    try:
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            if size <= offset:
                return size, b""
            file.seek(offset // 4096 * 4096)
            return size, file.read(limit)
    except FileNotFoundError:
        return 0, b""


def _environment() -> dict[str, str]:
    user = pwd.getpwuid(os.geteuid())
    kept = {name: os.environ[name] for name in _INHERITED if name in os.environ}
    own = {"HOME": user.pw_dir, "USER": user.pw_name, "LOGNAME": user.pw_name, "SHELL": user.pw_shell}
    return {"PATH": os.defpath, "OPSC_UID": str(os.geteuid())} | kept | own
