"""A disk that can be made to fail: a file behind nbdkit's error and pause filters, shown as a file by nbdfuse.

It is well until told otherwise: `fail` answers EIO to writes, or to everything; `hang` answers nothing until `resume`.
"""

import pathlib
import socket
import subprocess
import time


class FaultyDisk:
    """`path` is what a node is given: a symbolic link, which can lead to another disk later."""

    def __init__(self, path: pathlib.Path, size: int):
        self.path = path
        self.directory = path.parent / f"{path.stem}-backing"
        self.directory.mkdir(parents=True)
        self.image, self.fuse = self.directory / "image", self.directory / "fuse"
        self._socket, self._control = self.directory / "nbd.sock", self.directory / "pause.sock"
        self._writes, self._reads = self.directory / "writes-fail", self.directory / "reads-fail"
        with open(self.image, "wb") as f:
            f.truncate(size)
        self.fuse.mkdir()
        self.hangs = False
        self.processes: list[subprocess.Popen] = []
        self._run(["nbdkit", "-f", "-t", "8", "-U", str(self._socket), "--filter=error", "--filter=pause", "file", str(self.image),
                   "error=EIO", "error-pwrite-rate=100%", f"error-pwrite-file={self._writes}",
                   "error-pread-rate=100%", f"error-pread-file={self._reads}", f"pause-control={self._control}"], self._socket)
        self._run(["nbdfuse", "-C", "4", str(self.fuse), f"nbd+unix:///?socket={self._socket}"], self.fuse / "nbd")
        self.insert(self.fuse / "nbd")

    def _run(self, command: list[str], appears: pathlib.Path) -> None:
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.processes.append(process)
        deadline = time.monotonic() + 20
        while not appears.exists():
            if process.poll() is not None or time.monotonic() > deadline:
                self.close()
                raise RuntimeError(f"{command[0]} did not start")
            time.sleep(0.02)

    def insert(self, target: pathlib.Path | None = None) -> None:
        """Puts a disk into the slot: its own again, or another one."""
        self.pull()
        self.path.symlink_to(target or self.fuse / "nbd")

    def pull(self) -> None:
        self.path.unlink(missing_ok=True)

    def fail(self, reads: bool) -> None:
        self._writes.touch()
        if reads:
            self._reads.touch()

    def hang(self) -> None:
        self._tell(b"p", b"P")
        self.hangs = True

    def heal(self) -> None:
        self._writes.unlink(missing_ok=True)
        self._reads.unlink(missing_ok=True)
        if self.hangs:
            self._tell(b"r", b"R")
            self.hangs = False

    def _tell(self, command: bytes, answer: bytes) -> None:
        # nbdkit answers "paused" when nothing is under way any more.
        with socket.socket(socket.AF_UNIX) as control:
            control.settimeout(20)
            control.connect(str(self._control))
            control.sendall(command)
            said = control.recv(1)
            if said != answer:
                raise RuntimeError(f"the pause filter answered {said!r}")

    def close(self) -> None:
        if len(self.processes) > 1:
            if self.hangs:
                self.heal()
            subprocess.run(["fusermount3", "-u", "-z", str(self.fuse)], capture_output=True, timeout=60, check=False)
        for process in reversed(self.processes):
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self.processes = []
