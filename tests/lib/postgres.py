"""A throw-away PostgreSQL server whose data directory stands on a given mount; run as the user `postgres`."""

import glob
import os
import pathlib
import shutil
import socket
import subprocess
import time


def binaries() -> str | None:
    """The newest release's directory of programs, or None."""
    found = sorted(glob.glob("/usr/lib/postgresql/*/bin"), key=lambda p: int(p.split("/")[-2]))
    return found[-1] if found else None


class NotStarted(RuntimeError):
    """The server ran and gave up: what its files hold is not a database that it can recover."""


class Postgres:
    """Listens on a Unix socket in `run_directory` only."""

    def __init__(self, data: pathlib.Path, run_directory: pathlib.Path):
        self.data, self.run_directory = data, run_directory
        self.bin = binaries()
        self.main: int | None = None  # kept here: after a power cut the file that names it cannot be read
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            self.port = s.getsockname()[1]
        run_directory.mkdir(parents=True, exist_ok=True)
        run_directory.chmod(0o755)
        shutil.chown(run_directory, "postgres", "postgres")

    def _as_postgres(self, program: str, *arguments: str, timeout: float = 300, **options) -> subprocess.CompletedProcess:
        command = ["runuser", "-u", "postgres", "--", f"{self.bin}/{program}", *arguments]
        return subprocess.run(command, timeout=timeout, text=True, cwd="/", **options)

    def environment(self) -> dict[str, str]:
        return os.environ | {"PGHOST": str(self.run_directory), "PGPORT": str(self.port), "PGUSER": "postgres", "PGDATABASE": "postgres"}

    def session(self) -> list[str]:
        """A client that reads statements from its input, one a line, and writes each result as it comes."""
        return [f"{self.bin}/psql", "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1"]

    def create(self) -> None:
        self.data.mkdir(exist_ok=True)
        shutil.chown(self.data, "postgres", "postgres")
        self._as_postgres("initdb", "-D", str(self.data), "-A", "trust", "--no-sync", check=True, capture_output=True)
        with open(self.data / "postgresql.conf", "a", encoding="utf-8") as f:
            f.write("listen_addresses = ''\nmax_connections = 50\nshared_buffers = 64MB\nautovacuum = off\n")

    def start(self, seconds: int = 120) -> None:
        """Returns when it accepts connections: after a crash, when its recovery is done."""
        (self.data / "postmaster.pid").unlink(missing_ok=True)
        # A file for its output: a pipe would stay open as long as the server lives.
        with open(self.run_directory / "pg_ctl.out", "w", encoding="utf-8") as out:
            done = self._as_postgres("pg_ctl", "-D", str(self.data), "-w", "-t", str(seconds), "-l", str(self.run_directory / "log"),
                                     "-o", f"-p {self.port} -k {self.run_directory}", "start", timeout=seconds + 30, stdout=out,
                                     stderr=out, check=False)
        if done.returncode != 0:
            log = self.run_directory / "log"
            self.main = None
            missing = done.returncode in (126, 127)  # a program, not a database
            raise (RuntimeError if missing else NotStarted)("PostgreSQL did not start:\n" + (log.read_text()[-3000:] if log.exists() else ""))

        self.main = int((self.data / "postmaster.pid").read_text().split()[0])

    def query(self, sql: str, timeout: float = 120) -> str:
        done = subprocess.run([f"{self.bin}/psql", "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-c", sql], env=self.environment(),
                              capture_output=True, text=True, check=True, timeout=timeout)
        return done.stdout.strip()

    def stop(self, mode: str = "fast") -> None:
        self._as_postgres("pg_ctl", "-D", str(self.data), "-m", mode, "-w", "-t", "60", "stop", capture_output=True, check=False)
        self.main = None

    def kill(self) -> None:
        """As the power goes: every process of the server at once, by their ids."""
        if self.main is None:
            return
        children = subprocess.run(["ps", "-o", "pid=", "--ppid", str(self.main)], capture_output=True, text=True, check=False).stdout
        pids, self.main = [self.main, *map(int, children.split())], None
        for pid in pids:
            try:
                os.kill(pid, 9)
            except ProcessLookupError:
                pass
        # A new one refuses to start as long as one of them is still on its way out.
        deadline = time.monotonic() + 20
        while any(os.path.exists(f"/proc/{pid}") for pid in pids) and time.monotonic() < deadline:
            time.sleep(0.02)
