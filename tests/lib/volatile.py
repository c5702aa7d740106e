"""A disk that forgets: a file behind nbdkit's cache filter, under nbdfuse, a loop device and ext4.

What was not flushed lives in nbdkit's cache only, and `cut` (SIGKILL) loses exactly that. With cache=unsafe the disk also
lies about flushes: the negative control of every test that uses this.
"""

import os
import pathlib
import signal
import subprocess
import time

from attach import Attachment


class VolatileDisk:
    """A mounted file system whose device has a volatile write cache."""

    def __init__(self, image: pathlib.Path, size: int):
        self.image = image
        self.socket = image.with_suffix(".sock")
        self.server: subprocess.Popen | None = None
        self.attachment: Attachment | None = None
        with open(image, "wb") as f:
            f.truncate(size)

    def power_on(self, cache: str, format_first: bool = False) -> pathlib.Path:
        """Returns the mount point."""
        self.socket.unlink(missing_ok=True)
        self.server = subprocess.Popen(["nbdkit", "-f", "-U", str(self.socket), "--filter=cache", "file", str(self.image), f"cache={cache}"],
                                       stderr=subprocess.DEVNULL, env=os.environ | {"TMPDIR": str(self.image.parent)})
        deadline = time.monotonic() + 20
        while not self.socket.exists():
            if self.server.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError("nbdkit did not start")
            time.sleep(0.02)
        self.attachment = Attachment(f"nbd+unix:///?socket={self.socket}", connections=1)
        if format_first:
            self.attachment.format("ext4")
        return self.attachment.mount()

    def signal_power_loss(self) -> None:
        """The first half of a cut: from here on nothing reaches the image. Call it on all disks before finishing any."""
        self.server.send_signal(signal.SIGKILL)
        self.attachment.process.send_signal(signal.SIGKILL)

    def finish_power_loss(self) -> None:
        """The second half: takes the dead device away. Every process that had files on it must be gone."""
        self.server.wait()
        self.attachment.close()
        self.server = self.attachment = None

    def power_off(self) -> None:
        """In order: unmounted, flushed."""
        if self.attachment:
            self.attachment.close()
        if self.server:
            self.server.terminate()
            self.server.wait()
        self.server = self.attachment = None
