"""A disk that fails on demand: a file behind nbdkit's error filter, under nbdfuse and a loop device, which a node has for its own."""

import os
import pathlib
import signal
import subprocess
import time

from attach import Attachment


class FaultyDisk:
    """A block device, `device`, that is well until it is told otherwise."""

    def __init__(self, image: pathlib.Path, size: int):
        self.trigger = image.with_suffix(".fails")
        socket = image.with_suffix(".sock")
        with open(image, "wb") as f:
            f.truncate(size)
        self.attachment: Attachment | None = None
        self.server = subprocess.Popen(["nbdkit", "-f", "-U", str(socket), "--filter=error", "file", str(image), "error=EIO",
                                        "error-rate=100%", f"error-file={self.trigger}"],
                                       stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            deadline = time.monotonic() + 20
            while not socket.exists():
                if self.server.poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError("nbdkit did not start")
                time.sleep(0.02)
            self.attachment = Attachment(f"nbd+unix:///?socket={socket}", connections=1)
        except BaseException:
            self.close()
            raise
        self.device = self.attachment.device

    def fail(self) -> None:
        """Every request ends with an error."""
        self.trigger.touch()

    def hang(self) -> None:
        """No request ends."""
        self.server.send_signal(signal.SIGSTOP)

    def heal(self) -> None:
        """What hung goes on. Before a process that waits for it can die."""
        self.trigger.unlink(missing_ok=True)
        if self.server.poll() is None:
            os.kill(self.server.pid, signal.SIGCONT)

    def close(self) -> None:
        self.heal()
        if self.attachment:
            self.attachment.close()
            self.attachment = None
        self.server.kill()
        self.server.wait()
