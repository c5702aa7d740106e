"""Limits how fast processes may write and read a disk: by the block I/O controller of control groups, version 2 where that has it, else version 1.

It counts I/O that goes past the page cache to a disk, which is how a node uses its own.
"""

import os
import pathlib

V2, V1 = pathlib.Path("/sys/fs/cgroup"), pathlib.Path("/sys/fs/cgroup/blkio")


def disk_of(path: pathlib.Path) -> str | None:
    """MAJOR:MINOR of the whole disk below a file, or None when there is none, as with tmpfs or overlayfs."""
    number = os.stat(path).st_dev
    entry = pathlib.Path(f"/sys/dev/block/{os.major(number)}:{os.minor(number)}")
    if not entry.exists():
        return None
    whole = entry.resolve()
    if (whole / "partition").exists():
        whole = whole.parent
    return (whole / "dev").read_text().strip()


class Throttle:
    """One control group; processes are put into it once and limited at times."""

    def __init__(self, name: str, path: pathlib.Path):
        self.disk = disk_of(path)
        self.is_v2 = (V2 / "cgroup.controllers").exists()
        self.group = (V2 if self.is_v2 else V1) / f"varve-{os.getpid()}-{name}"

    @staticmethod
    def unavailable(path: pathlib.Path) -> str | None:
        """Why I/O on the disk below that path cannot be limited here, or None."""
        if os.geteuid() != 0:
            return "needs root for control groups"
        if disk_of(path) is None:
            return f"{path} is on no disk of its own"
        if (V2 / "cgroup.controllers").exists():
            if "io" not in (V2 / "cgroup.controllers").read_text().split():
                return "the kernel's control groups have no io controller"
            return None if os.access(V2 / "cgroup.subtree_control", os.W_OK) else "control groups are read-only"
        if not (V1 / "blkio.throttle.write_bps_device").exists():
            return "the kernel's control groups have no io controller"
        return None if os.access(V1, os.W_OK) else "control groups are read-only"

    def hold(self, pid: int) -> None:
        if not self.group.exists():
            if self.is_v2:
                (V2 / "cgroup.subtree_control").write_text("+io")
            self.group.mkdir()
        (self.group / "cgroup.procs").write_text(str(pid))

    def limit(self, bytes_per_second: int) -> None:
        if self.is_v2:
            (self.group / "io.max").write_text(f"{self.disk} rbps={bytes_per_second} wbps={bytes_per_second}")
        else:
            for what in ("read", "write"):
                (self.group / f"blkio.throttle.{what}_bps_device").write_text(f"{self.disk} {bytes_per_second}")

    def release(self) -> None:
        if self.group.exists():
            if self.is_v2:
                (self.group / "io.max").write_text(f"{self.disk} rbps=max wbps=max")
            else:
                self.limit(0)

    def close(self) -> None:
        """The processes must be gone."""
        if self.group.exists():
            try:
                self.group.rmdir()
            except OSError:
                pass  # somebody is in it still: it goes with the machine
