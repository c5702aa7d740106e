"""Commits that are counted: several sessions insert one row each time and note what the database acknowledged."""

import subprocess
import threading

from mariadb import MariaDb
from postgres import Postgres

Database = Postgres | MariaDb


class CommitCounter:
    """Session s inserts (s, 1), (s, 2), … each in a transaction of its own, until the database is gone or `stop`."""

    def __init__(self, database: Database, sessions: int = 4):
        self.database = database
        self.acknowledged = [0] * sessions
        self.stopping = threading.Event()
        self.processes: list[subprocess.Popen] = []
        self.threads: list[threading.Thread] = []

    @staticmethod
    def prepare(database: Database) -> None:
        if isinstance(database, MariaDb):
            database.query("CREATE DATABASE rig")
        database.query("CREATE TABLE commits (session int, n int, filler text, PRIMARY KEY (session, n))")

    def start(self, first: list[int] | None = None) -> None:
        """`first`: the last number that each session has in the table already."""
        self.acknowledged = list(first or self.acknowledged)
        for session in range(len(self.acknowledged)):
            process = subprocess.Popen(self.database.session(), env=self.database.environment(), stdin=subprocess.PIPE,
                                       stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, bufsize=1)
            thread = threading.Thread(target=self._insert, args=(session, process), daemon=True)
            self.processes.append(process)
            self.threads.append(thread)
            thread.start()

    def _insert(self, session: int, process: subprocess.Popen) -> None:
        n = self.acknowledged[session]
        try:
            while not self.stopping.is_set():
                n += 1
                process.stdin.write(f"INSERT INTO commits VALUES ({session}, {n}, repeat('x', 200)) RETURNING n;\n")
                process.stdin.flush()
                line = process.stdout.readline()
                if line.strip() != str(n):
                    return
                self.acknowledged[session] = n
        except (BrokenPipeError, ValueError):
            return

    def stop(self) -> None:
        self.stopping.set()
        for process in self.processes:
            process.kill()
            process.wait()
        for thread in self.threads:
            thread.join(10)

    def alive(self) -> int:
        """How many sessions still insert: one ends when it is answered anything but what it inserted."""
        return sum(thread.is_alive() for thread in self.threads)

    def total(self) -> int:
        return sum(self.acknowledged)

    def missing(self) -> int:
        """How many acknowledged commits the database no longer has. Each session's numbers must be without a hole."""
        lost = 0
        for session, last in enumerate(self.acknowledged):
            present = int(self.database.query(f"SELECT count(*) FROM commits WHERE session = {session} AND n <= {last}"))
            lost += last - present
        return lost
