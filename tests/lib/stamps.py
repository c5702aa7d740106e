"""A client that knows what it wrote: every 4 KiB block carries its number and a counter, and is judged when read.

The rule that it holds a volume to: a block shows the last acknowledged write, or a later one whose outcome nobody knows
(it was in flight when the connection broke). What has been read once stays: reading settles what is unknown.
"""

import random
import struct
import threading
import zlib

from nbd import FUA, READ, TRIM, WRITE, WRITE_ZEROES, NbdClient, NbdError, Request

BLOCK = 4096
HEAD = struct.Struct("<8sQQI")  # magic, block, counter, crc of the rest
MAGIC = b"VSTAMP01"
ZEROS = bytes(BLOCK)
MAX_BLOCKS = 64  # one request: 256 KiB, well above the size from which data goes straight to its place


def stamp(block: int, counter: int) -> bytes:
    filler = struct.pack("<Q", (block * 0x9E3779B97F4A7C15 ^ counter * 0xC2B2AE3D27D4EB4F) & (2**64 - 1)) * ((BLOCK - HEAD.size) // 8)
    filler += bytes(BLOCK - HEAD.size - len(filler))
    body = struct.pack("<QQ", block, counter) + filler
    return HEAD.pack(MAGIC, block, counter, zlib.crc32(body)) + filler


def read_stamp(block: int, data: bytes) -> int | str:
    """The counter of a block's content (0 for zeros), or what is wrong with it."""
    if data == ZEROS:
        return 0
    magic, number, counter, crc = HEAD.unpack_from(data)
    if magic != MAGIC:
        return f"no stamp: {data[:24].hex()}"
    if zlib.crc32(struct.pack("<QQ", number, counter) + data[HEAD.size:]) != crc:
        return f"torn or damaged stamp of block {number} counter {counter}"
    if number != block:
        return f"the content of block {number}"
    return counter


class Violation(AssertionError):
    """A promise was broken; the message names block and counters."""


class StampingClient:
    """Writes and reads at random over one connection at a time and judges everything it reads.

    One thread calls it. Blocks with a request in flight are left alone by other requests, so that each has one known order.
    """

    def __init__(self, seed: int, blocks: int, depth: int = 16):
        self.random = random.Random(seed)
        self.blocks, self.depth = blocks, depth
        self.known = [0] * blocks  # counter of the last acknowledged content; 0: zeros
        self.unknown: dict[int, set[int]] = {}  # block -> contents that may also be there
        self.busy: set[int] = set()
        self.counter = 0
        self.acknowledged = self.reads = self.errors = 0
        self.violations: list[str] = []
        self.state = threading.Condition()
        self.in_flight = 0
        self.client: NbdClient | None = None

    def connect(self, uri: str) -> None:
        self.client = NbdClient(uri)
        if self.client.size < self.blocks * BLOCK:
            raise NbdError(f"the export has {self.client.size} bytes only")

    def close(self) -> None:
        if self.client:
            self.client.close()
            self.client = None

    @property
    def connected(self) -> bool:
        return self.client is not None and self.client.broken is None

    def step(self) -> None:
        """Sends one more request, when fewer than `depth` are in flight; waits for room at most a second."""
        with self.state:
            if not self.state.wait_for(lambda: self.in_flight < self.depth, 1):
                return
            count = self.random.choice((1, 1, 1, 1, 2, 3, 8, 16, 17, MAX_BLOCKS))
            first = self.random.randrange(self.blocks - count + 1)
            span = range(first, first + count)
            if any(b in self.busy for b in span):
                return
            self.busy.update(span)
            self.in_flight += 1
            kind = self.random.choices((WRITE, READ, WRITE_ZEROES, TRIM), (80, 12, 4, 4))[0]
            counter = 0
            if kind == WRITE:
                self.counter += 1
                counter = self.counter
            if kind != READ:
                for b in span:
                    self.unknown.setdefault(b, set()).add(counter)
        payload = b"".join(stamp(b, counter) for b in span) if kind == WRITE else b""
        flags = FUA if kind != READ and self.random.random() < 0.3 else 0
        self.client.submit(Request(kind, first * BLOCK, count * BLOCK, self._done, (span, counter)), payload, flags)

    def _done(self, request: Request, error: int | None, data: bytes) -> None:
        span, counter = request.tag
        with self.state:
            if error == 0 and request.kind == READ:
                self.reads += 1
                for b in span:
                    at = (b - span.start) * BLOCK
                    self._judge(b, data[at:at + BLOCK])
            elif error == 0 and request.kind == TRIM:
                # A trimmed block may read as before or as zeros by the protocol; what it shows next is settled by reading.
                self.acknowledged += 1
            elif error == 0:
                self.acknowledged += 1
                for b in span:
                    self.known[b] = counter
                    self.unknown.pop(b, None)
            elif error is not None:
                self.errors += 1  # the outcome of a refused write is not known
            self.busy.difference_update(span)
            self.in_flight -= 1
            self.state.notify_all()

    def _judge(self, block: int, data: bytes) -> None:
        found = read_stamp(block, data)
        if found == self.known[block] or found in self.unknown.get(block, ()):
            self.known[block] = found
            self.unknown.pop(block, None)
            return
        expected = f"counter {self.known[block]}"
        if self.unknown.get(block):
            expected += f" or one of {sorted(self.unknown[block])}"
        self.violations.append(f"block {block}: expected {expected}, found {found}")

    def drain(self, seconds: float) -> bool:
        """Waits until nothing is in flight; False when something still is."""
        with self.state:
            return self.state.wait_for(lambda: self.in_flight == 0, seconds)

    def verify(self) -> None:
        """Reads every block and judges it. Raises Violation, or NbdError when it cannot read."""
        for first in range(0, self.blocks, 256):
            count = min(256, self.blocks - first)
            data = self.client.call(READ, first * BLOCK, count * BLOCK)
            with self.state:
                for i in range(count):
                    self._judge(first + i, data[i * BLOCK:(i + 1) * BLOCK])
        self.check()

    def check(self) -> None:
        if self.violations:
            shown = "\n  ".join(self.violations[:20])
            raise Violation(f"{len(self.violations)} blocks are wrong:\n  {shown}")
