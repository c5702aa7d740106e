"""A load of stamped reads and writes that never ceases, and the longest time for which nothing was answered."""

import threading
import time

from stamps import StampingClient


class Load(threading.Thread):
    """Writes and reads stamped blocks all the time, and remembers the longest time without any answer."""

    def __init__(self, client: StampingClient):
        super().__init__(daemon=True)
        self.client = client
        self.longest = 0.0
        self.ended = threading.Event()

    def run(self) -> None:
        answers, since = -1, time.monotonic()
        while not self.ended.is_set() and self.client.connected:
            self.client.step()
            now = time.monotonic()
            answered = self.client.acknowledged + self.client.reads
            if answered != answers:
                self.longest = max(self.longest, now - since)
                answers, since = answered, now

    def check(self) -> None:
        assert self.client.connected, "the connection broke"
        assert self.client.errors == 0, f"{self.client.errors} requests failed"
