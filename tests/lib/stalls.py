"""The longest time in which a client got no answer: one block is written and read again and again beside the load, through the same way."""

import threading
import time

from nbd import READ, WRITE, NbdClient

PROBE_SECONDS = 0.02


class Stalls:
    """Runs from the start until `stop`. A request that fails, or reads what was not written, ends it: see `check`."""

    def __init__(self, uri: str, block: int):
        self.client = NbdClient(uri)
        self.offset = block * 4096
        self.failed: BaseException | None = None
        self._longest = 0.0
        self._asked: float | None = None  # when the request that is under way was sent
        self._state = threading.Lock()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        number = 0
        try:
            while not self._stopping.is_set():
                number += 1
                data = number.to_bytes(8, "little") * 512
                self._timed(lambda: self.client.call(WRITE, self.offset, len(data), data))
                found = self._timed(lambda: self.client.call(READ, self.offset, len(data)))
                assert found == data, "an acknowledged write is gone"
                time.sleep(PROBE_SECONDS)
        except BaseException as failure:  # noqa: BLE001 - told to whoever waits
            self.failed = failure

    def _timed(self, call) -> bytes:
        with self._state:
            self._asked = time.monotonic()
        answer = call()
        with self._state:
            self._longest = max(self._longest, time.monotonic() - self._asked)
            self._asked = None
        return answer

    def take(self) -> float:
        """The longest wait since the last call, also one that has not ended."""
        with self._state:
            longest, self._longest = self._longest, 0.0
            return longest if self._asked is None else max(longest, time.monotonic() - self._asked)

    def settle(self, seconds: float) -> None:
        """Returns when a request that began after this call was answered."""
        deadline = time.monotonic() + seconds
        began = time.monotonic()
        while True:
            self.check()
            with self._state:
                if self._asked is not None and self._asked > began:
                    return
            assert time.monotonic() < deadline, f"nothing was answered for {seconds} s"
            time.sleep(PROBE_SECONDS / 4)

    def check(self) -> None:
        assert self.failed is None, f"the client saw {self.failed!r}"

    def stop(self) -> None:
        self._stopping.set()
        self._thread.join(20)
        self.client.close()
