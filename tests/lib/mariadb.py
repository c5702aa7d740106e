"""A throw-away MariaDB server whose data directory stands on a given mount; run as the user `mysql`. Used like `postgres.Postgres`."""

import os
import pathlib
import shutil
import subprocess
import time


def available() -> bool:
    return all(shutil.which(program) for program in ("mariadbd", "mariadb", "mariadb-install-db"))


class NotStarted(RuntimeError):
    """The server gave up: what its files hold is not a database that it can recover."""


class MariaDb:
    """Listens on a Unix socket in `run_directory` only. Every commit is on the disk before it is acknowledged, as the server does by itself."""

    def __init__(self, data: pathlib.Path, run_directory: pathlib.Path):
        self.data, self.run_directory = data, run_directory
        self.socket = run_directory / "mariadb.sock"
        self.process: subprocess.Popen | None = None
        run_directory.mkdir(parents=True, exist_ok=True)
        run_directory.chmod(0o755)
        shutil.chown(run_directory, "mysql", "mysql")

    def create(self) -> None:
        self.data.mkdir(exist_ok=True)
        shutil.chown(self.data, "mysql", "mysql")
        subprocess.run(["mariadb-install-db", "--no-defaults", "--user=mysql", f"--datadir={self.data}",
                        "--auth-root-authentication-method=normal", "--skip-test-db", "--innodb-log-file-size=32M",
                        "--innodb-buffer-pool-size=64M"], check=True, capture_output=True, timeout=300)

    def start(self, seconds: float = 120) -> None:
        """Returns when it answers: after a crash, when its recovery is done."""
        with open(self.run_directory / "mariadb.log", "ab") as log:
            self.process = subprocess.Popen(
                ["mariadbd", "--no-defaults", "--user=mysql", f"--datadir={self.data}", f"--socket={self.socket}", "--skip-networking",
                 f"--pid-file={self.run_directory}/mariadb.pid", "--innodb-log-file-size=32M", "--innodb-buffer-pool-size=64M",
                 "--innodb-flush-log-at-trx-commit=1", "--innodb-fatal-semaphore-wait-threshold=600"],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
        deadline = time.monotonic() + seconds
        while True:
            try:
                self.query("SELECT 1")
                return
            except subprocess.CalledProcessError:
                if self.process.poll() is not None or time.monotonic() > deadline:
                    self.kill()
                    said = (self.run_directory / "mariadb.log").read_text(errors="replace")[-3000:]
                    raise NotStarted(f"MariaDB did not start:\n{said}") from None
            time.sleep(0.1)

    def session(self) -> list[str]:
        """A client that reads statements from its input, one a line, and writes each result as it comes."""
        return ["mariadb", "--no-defaults", f"--socket={self.socket}", "--user=root", "--batch", "--skip-column-names", "--unbuffered", "rig"]

    def environment(self) -> dict[str, str]:
        return dict(os.environ)

    def query(self, sql: str, timeout: float = 120) -> str:
        database = [] if sql.startswith(("SELECT 1", "CREATE DATABASE")) else ["rig"]
        done = subprocess.run(["mariadb", "--no-defaults", f"--socket={self.socket}", "--user=root", "--batch", "--skip-column-names", "-e",
                               sql, *database], capture_output=True, text=True, check=True, timeout=timeout)
        return done.stdout.strip()

    def kill(self) -> None:
        """As the power goes."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None
