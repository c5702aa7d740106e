"""A volume as a block device without kernel modules: nbdfuse, a loop device on its file, a file system, a mount.

Everything made is undone in reverse by `close`, also when something half-way failed. Needs root, FUSE and loop devices.
"""

import os
import pathlib
import subprocess
import tempfile
import time

LAUNCHER = pathlib.Path(__file__).resolve().parent.parent.parent / "varve"


def unavailable() -> str | None:
    """Why this machine cannot attach, or None."""
    if os.geteuid() != 0:
        return "needs root for loop devices and mounts"
    for device in ("/dev/fuse", "/dev/loop-control"):
        if not os.path.exists(device):
            return f"needs {device}"
    return None


def _ends(command: list[str]) -> bool:
    """Whether it ended well; False also when it hangs, as a file system does whose device answers nothing."""
    try:
        return subprocess.run(command, capture_output=True, timeout=60, check=False).returncode == 0
    except subprocess.TimeoutExpired:
        return False


class Served:
    """`varve attach` as a process: the volume on a Unix socket wherever it is open, and as a block device if wanted."""

    def __init__(self, volume: str, servers: str, path: pathlib.Path, device: bool, log: pathlib.Path, seconds: float = 90):
        self.uri, self.log = f"nbd+unix:///{volume}?socket={path}", log
        self.device: str | None = None
        self.mountpoint: pathlib.Path | None = None
        self.path, self.directory = path, path.parent
        with open(log, "ab") as out:
            self.process = subprocess.Popen(
                [LAUNCHER, "attach", volume, "--server", servers, "--socket", str(path), "--device" if device else "--no-device"],
                stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True)
        deadline = time.monotonic() + seconds
        wanted = "Device " if device else "Serving "
        while not any(line.startswith(wanted) for line in self.said().splitlines()):
            if self.process.poll() is not None or time.monotonic() > deadline:
                self.close()
                raise RuntimeError(f"varve attach does not serve:\n{self.said()}")
            time.sleep(0.05)
        if device:
            self.device = next(line for line in self.said().splitlines() if line.startswith(wanted)).split()[1]

    def said(self) -> str:
        return self.log.read_text(errors="replace")

    def mount(self, mebibytes: int) -> pathlib.Path:
        """Makes an ext4 of that size at the begin of the device, and mounts it."""
        subprocess.run(["mkfs.ext4", "-F", "-q", "-E", "nodiscard", self.device, f"{mebibytes}M"], check=True, capture_output=True,
                       timeout=300)
        target = self.directory / "mount"
        target.mkdir(exist_ok=True)
        subprocess.run(["mount", "-o", "noatime", self.device, str(target)], check=True, timeout=300)
        self.mountpoint = target
        return target

    def close(self) -> None:
        if self.mountpoint and not _ends(["umount", str(self.mountpoint)]):
            _ends(["umount", "-l", str(self.mountpoint)])
        self.mountpoint = None
        self.process.terminate()
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            if self.device:  # what it would have taken away by itself
                _ends(["losetup", "-d", self.device])
                _ends(["fusermount3", "-u", "-z", f"{self.path}.device"])


class Attachment:
    """One NBD export as a loop device; optionally formatted and mounted."""

    def __init__(self, uri: str, connections: int = 4):
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="varve-attach-"))
        self.directory.chmod(0o755)  # a database's own user passes through here
        self.fuse = self.directory / "fuse"
        self.fuse.mkdir()
        self.mountpoint: pathlib.Path | None = None
        self.device: str | None = None
        self.process = subprocess.Popen(["nbdfuse", "-C", str(connections), str(self.fuse), uri],
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            self._wait_for_file()
            self.device = subprocess.run(["losetup", "-f", "--show", "--direct-io=on", str(self.fuse / "nbd")],
                                         capture_output=True, text=True, check=True).stdout.strip()
        except BaseException:
            self.close()
            raise

    def _wait_for_file(self, seconds: float = 30) -> None:
        deadline = time.monotonic() + seconds
        while not (self.fuse / "nbd").exists():
            if self.process.poll() is not None:
                raise RuntimeError(f"nbdfuse ended with {self.process.returncode}")
            if time.monotonic() > deadline:
                raise RuntimeError(f"nbdfuse shows no file after {seconds} s")
            time.sleep(0.05)

    def format(self, kind: str) -> None:
        force = {"ext4": ["-F", "-q"], "xfs": ["-f", "-q"], "btrfs": ["-f", "-q"]}[kind]
        subprocess.run([f"mkfs.{kind}", *force, self.device], check=True, capture_output=True, timeout=300)

    def mount(self, *options: str) -> pathlib.Path:
        target = self.directory / "mount"
        target.mkdir(exist_ok=True)
        subprocess.run(["mount", *options, self.device, str(target)], check=True, timeout=300)
        self.mountpoint = target
        return target

    def unmount(self) -> None:
        if self.mountpoint:
            done = subprocess.run(["umount", str(self.mountpoint)], capture_output=True, timeout=300, check=False)
            if done.returncode != 0:
                subprocess.run(["umount", "-l", str(self.mountpoint)], capture_output=True, timeout=300, check=False)
            self.mountpoint = None

    def cut(self) -> None:
        """The power goes: the page cache of this device reaches nobody any more, because nbdfuse is killed first."""
        self.process.kill()
        self.process.wait()
        self.close()

    def close(self) -> None:
        self.unmount()
        if self.device:
            subprocess.run(["losetup", "-d", self.device], capture_output=True, timeout=60, check=False)
            self.device = None
        subprocess.run(["fusermount3", "-u", "-z", str(self.fuse)], capture_output=True, timeout=60, check=False)
        if self.process.poll() is None:
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        for leftover in (self.fuse, self.directory / "mount", self.directory):
            try:
                leftover.rmdir()
            except OSError:
                pass
