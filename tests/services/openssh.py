"""A real OpenSSH server for tests, signed in to as the user who runs them."""

import contextlib
import getpass
import os
import secrets
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path

from tests.services import packages
from tests.services.processes import Owned, ServiceUnavailable, free_port, listens, plain_environment

CONFIGURATION = """\
ListenAddress 127.0.0.1
Port {port}
HostKey {folder}/host_key
AuthorizedKeysFile {folder}/authorized_keys
PidFile none
StrictModes no
UsePAM no
UseDNS no
PermitRootLogin yes
PasswordAuthentication {password}
KbdInteractiveAuthentication no
MaxStartups 100
MaxSessions 100
LogLevel VERBOSE
Subsystem sftp internal-sftp
"""
# Runs the server where /etc/passwd and /etc/shadow are ours, so that it knows a password; changes no account.
WITH_OWN_ACCOUNTS = (
    "unshare", "--mount", "--propagation", "private", "sh", "-c",
    'mount --bind "$0/passwd" /etc/passwd && mount --bind "$0/shadow" /etc/shadow && exec "$@"',
)  # fmt: skip


class Sshd:
    """A server on a port of its own: to OpsConductor, one host.

    Attributes:
      address, port, username: Where to sign in.
      private_key: The key that may, in OpenSSH's text form.
      password: What else may; None where the server cannot check one (when not root).
      known_hosts: The line for a known_hosts file.
    """

    def __init__(self) -> None:
        self.address, self.port, self.username = "127.0.0.1", free_port(), getpass.getuser()
        self.folder = Path(tempfile.mkdtemp(prefix="opsc-ssh-"))
        self._program, self._environment = program()
        _make_key(self.folder / "host_key")
        _make_key(self.folder / "user_key")
        shutil.copy(self.folder / "user_key.pub", self.folder / "authorized_keys")
        self.private_key = (self.folder / "user_key").read_text()
        self.password, self._prefix = self._prepare_password()
        self._write_configuration()
        self.start()

    @property
    def known_hosts(self) -> str:
        """The line for a known_hosts file; another one after `change_host_key`."""
        kind, key = (self.folder / "host_key.pub").read_text().split()[:2]
        return f"[{self.address}]:{self.port} {kind} {key}"

    @property
    def log(self) -> str:
        """What the server has written."""
        return (self.folder / "sshd.log").read_text(errors="replace")

    def start(self) -> None:
        """Serve on the same port as before."""
        argv = [self._program, "-D", "-e", "-f", self.folder / "sshd_config"]
        log = self.folder / "sshd.log"
        self._server = Owned(argv, log=log, env=self._environment, prefix=self._prefix)
        self._server.wait_until(lambda: listens(self.port), timeout_s=15)

    def stop(self) -> None:
        """Vanish: the listener and every connection end at once; what was started through them lives on."""
        connections = self._connections()
        self._server.end()
        for pid in connections:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue

    def drop_connections(self) -> None:
        """End every connection; new ones are accepted."""
        for pid in self._connections():
            os.kill(pid, signal.SIGKILL)

    def freeze(self) -> None:
        """Stand still, every process of the server, until `stop`: connections are neither served nor closed."""
        for pid in (*self._connections(), self._server.pid):
            os.kill(pid, signal.SIGSTOP)

    def change_host_key(self) -> None:
        """Become another host on the same address."""
        self.stop()
        for name in ("host_key", "host_key.pub"):
            (self.folder / name).unlink()
        _make_key(self.folder / "host_key")
        self.start()

    def trust_authority(self, public_key: Path) -> None:
        """Let in whoever has a certificate by this authority, and nobody by a key of the list."""
        self.stop()
        (self.folder / "authorized_keys").write_text("")
        with (self.folder / "sshd_config").open("a") as file:
            file.write(f"TrustedUserCAKeys {public_key}\n")
        (self.folder / "sshd.log").write_text("")
        self.start()

    def close(self) -> None:
        """Stop and forget."""
        self.stop()
        shutil.rmtree(self.folder)

    def _connections(self) -> list[int]:
        """Pids of the server's processes for connections: its children, and theirs that are sshd too."""
        found: list[int] = []
        parents = [self._server.pid]
        while parents:
            for pid in _children(parents.pop()):
                found.append(pid)
                parents.append(pid)
        return found

    def _prepare_password(self) -> tuple[str | None, tuple[str, ...]]:
        if os.geteuid() != 0:
            return None, ()
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)  # where the server goes to drop its rights
        password = secrets.token_hex(12)  # never one that openssl takes for an option
        made = subprocess.run(
            ["openssl", "passwd", "-6", password], capture_output=True, text=True, check=False, timeout=10
        )
        if made.returncode:
            return None, ()
        accounts = [line for line in Path("/etc/passwd").read_text().splitlines() if line]
        if not any(line.startswith("sshd:") for line in accounts):
            accounts.append("sshd:x:65533:65534::/run/sshd:/usr/sbin/nologin")
        hashes = [f"{line.split(':')[0]}:*:19000:0:99999:7:::" for line in accounts]
        hashes = [h for h in hashes if not h.startswith(f"{self.username}:")]
        hashes.append(f"{self.username}:{made.stdout.strip()}:19000:0:99999:7:::")
        (self.folder / "passwd").write_text("\n".join(accounts) + "\n")
        (self.folder / "shadow").write_text("\n".join(hashes) + "\n")
        prefix = (*WITH_OWN_ACCOUNTS, str(self.folder))
        trial = subprocess.run([*prefix, "true"], capture_output=True, check=False, timeout=10)
        return (None, ()) if trial.returncode else (password, prefix)

    def _write_configuration(self) -> None:
        values = {"port": self.port, "folder": self.folder, "password": "yes" if self.password else "no"}
        (self.folder / "sshd_config").write_text(CONFIGURATION.format(**values))


def _make_key(path: Path) -> None:
    if shutil.which("ssh-keygen") is None:
        raise ServiceUnavailable("ssh-keygen is missing: run `apt-get install openssh-client`.")
    argv = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", path]
    subprocess.run(argv, check=True, timeout=30, stdin=subprocess.DEVNULL)


def program() -> tuple[Path, dict[str, str]]:
    """The server's program and the environment that it needs."""
    server = Path("/usr/sbin/sshd")
    if server.exists() or os.geteuid() == 0:
        return packages.installed("openssh-server", server), plain_environment()
    root = packages.unpacked("openssh-server")
    libraries = sorted({str(found.parent) for found in root.rglob("*.so.*")})
    return root / "usr/sbin/sshd", plain_environment(LD_LIBRARY_PATH=":".join(libraries))


def _children(parent: int) -> list[int]:
    """Its children that are sshd; one that ends while we look is none."""
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        files = list(Path(f"/proc/{parent}/task").glob("*/children"))
        pids = [int(word) for file in files for word in file.read_text().split()]
        return [pid for pid in pids if "sshd" in Path(f"/proc/{pid}/comm").read_text()]
    return []
