"""What is measured: each candidate starts itself, names fio's engine and its own storage processes, and cleans up."""

import os
import pathlib
import shutil
import socket
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "lib"))


def free_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def zero_filled(path: pathlib.Path, size: int) -> None:
    """A file whose blocks are written: an O_DIRECT write into it changes no metadata of the file system."""
    chunk = bytes(4 << 20)
    with open(path, "wb", buffering=0) as f:
        for _ in range(size // len(chunk)):
            f.write(chunk)
        os.fsync(f.fileno())


class Raw:
    """The file system's file itself: libaio, O_DIRECT, each write durable by O_DSYNC. The floor under everybody."""

    name, title = "raw", "raw file, O_DIRECT and O_DSYNC"
    packages: list[str] = []

    def start(self, directory: pathlib.Path, size: int) -> None:
        self.path = directory / "raw.img"
        zero_filled(self.path, size)

    def engine(self) -> list[str]:
        return ["--ioengine=libaio", "--direct=1", "--sync=dsync", f"--filename={self.path}"]

    def environment(self) -> dict[str, str]:
        return {}

    def pids(self) -> list[int]:
        return []

    def version(self) -> str:
        return os.uname().release

    def stop(self) -> None:
        if hasattr(self, "path"):
            self.path.unlink(missing_ok=True)


class Nbdkit:
    """A C server of the same protocol on one file: nothing replicated, every write made durable (FUA forced)."""

    name, title = "nbdkit", "nbdkit, one file, FUA forced"
    packages = ["nbdkit"]

    def start(self, directory: pathlib.Path, size: int) -> None:
        self.path, self.port = directory / "nbdkit.img", free_port()
        zero_filled(self.path, size)
        self.process = subprocess.Popen(["nbdkit", "-f", "-i", "127.0.0.1", "-p", str(self.port), "--filter=fua", "file",
                                         str(self.path), "fuamode=force"])
        wait_for_port(self.port, self.process)

    def engine(self) -> list[str]:
        return ["--ioengine=nbd", f"--uri=nbd://127.0.0.1:{self.port}/"]

    def environment(self) -> dict[str, str]:
        return {}

    def pids(self) -> list[int]:
        return [self.process.pid]

    def version(self) -> str:
        return subprocess.run(["nbdkit", "--version"], capture_output=True, text=True, check=True).stdout.strip()

    def stop(self) -> None:
        if hasattr(self, "process"):
            self.process.terminate()
            self.process.wait()
        if hasattr(self, "path"):
            self.path.unlink(missing_ok=True)


class Ceph:
    """One monitor, one manager, three OSDs on files, two replicas; fio speaks to it through librbd, cache off."""

    name, title = "ceph", "Ceph, three OSDs, two replicas"
    packages = ["ceph-mon", "ceph-mgr", "ceph-osd", "ceph-common"]

    def start(self, directory: pathlib.Path, size: int) -> None:
        self.base = directory / "ceph"
        self.settings = {"CEPH_PEER": str(self.base), "CEPH_IMAGE_MB": str(size >> 20), "CEPH_GB": str((size >> 30) + 4)}
        done = self._peer("up", "3", "2")
        if done.returncode != 0:
            raise RuntimeError(f"Ceph did not start:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")

    def _peer(self, *arguments: str) -> subprocess.CompletedProcess:
        return subprocess.run([HERE / "ceph-peer", *arguments], capture_output=True, text=True, check=False,
                              env=os.environ | self.settings)

    def engine(self) -> list[str]:
        return ["--ioengine=rbd", "--pool=rbd", "--rbdname=bench", "--clientname=admin", "--busy_poll=0"]

    def environment(self) -> dict[str, str]:
        return {"CEPH_CONF": str(self.base / "ceph.conf")}

    def pids(self) -> list[int]:
        return [int(p) for p in self._peer("pids").stdout.split()]

    def version(self) -> str:
        return subprocess.run(["ceph", "--version"], capture_output=True, text=True, check=True).stdout.split(" (")[0]

    def stop(self) -> None:
        if hasattr(self, "settings"):
            self._peer("down")


class Varve:
    """Three node processes on files, two replicas, attached on a node that holds one of them."""

    name, title = "varve", "Varve, three nodes, two replicas, TLS between nodes"
    packages: list[str] = []
    tls = True

    def start(self, directory: pathlib.Path, size: int) -> None:
        from cluster import Cluster

        self.cluster = Cluster(directory / self.name, nodes=3, disk_bytes=size + size // 2 + (2 << 30), journal_bytes=1 << 30, tls=self.tls)
        self.cluster.start()
        self.cluster.initialise()
        self.cluster.create_volume("bench", size, replicas=2)
        self.uri = self.cluster.attach("bench")

    def engine(self) -> list[str]:
        return ["--ioengine=nbd", f"--uri={self.uri}"]

    def environment(self) -> dict[str, str]:
        return {}

    def pids(self) -> list[int]:
        return self.cluster.pids()

    def version(self) -> str:
        done = subprocess.run(["git", "-C", str(HERE), "describe", "--always", "--dirty"], capture_output=True, text=True,
                              check=False)
        return done.stdout.strip() or "not a clone"

    def stop(self) -> None:
        if hasattr(self, "cluster"):
            self.cluster.close()
            shutil.rmtree(self.cluster.directory, ignore_errors=True)


class VarvePlaintext(Varve):
    """The same without encryption between nodes (`network: plaintext`): what TLS costs."""

    name, title = "varve-plaintext", "Varve, the same without TLS"
    tls = False


def wait_for_port(port: int, process: subprocess.Popen, seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise RuntimeError(f"{process.args[0]} ended with {process.returncode}")
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            time.sleep(0.05)
    raise RuntimeError(f"nothing listens on port {port} after {seconds} s")


ALL = {c.name: c for c in (Varve, VarvePlaintext, Ceph, Nbdkit, Raw)}
