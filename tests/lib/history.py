"""What clients of one volume saw at several access points at once, and whether that could have been one disk.

A `Hammer` writes and reads the same few blocks at one node, whenever that node serves the volume. Every write has a content of its own, so that a read
tells which write it saw. `History.judge` then holds all of it to two rules:

1. When a client of a newer access point was answered, no request that begins later is answered by an older one: not a write, not a read.
2. Each block is a register. What was overwritten for certain is not read again; and a write of an older access point that nobody has seen until a newer
   one answered is never seen.
"""

import bisect
import dataclasses
import itertools
import math
import random
import struct
import threading
import time

from nbd import READ, WRITE, NbdClient, NbdError, Request

BLOCK = 4096
_numbers = itertools.count(1)


def content(number: int) -> bytes:
    return struct.pack("<Q", number) * (BLOCK // 8)


def number_of(data: bytes) -> int:
    """0 for zeros; -1 for what nobody wrote."""
    number = struct.unpack_from("<Q", data)[0]
    return number if data == content(number) else -1


@dataclasses.dataclass
class Session:
    """One connection to one node."""

    node: str
    first_answer: float = math.inf  # when a request was first answered on it


@dataclasses.dataclass
class Event:
    """One request. `end`: when it was answered; infinite if it never was."""

    session: Session
    block: int
    writes: bool
    number: int  # what it wrote or read
    begin: float
    end: float = math.inf


class History:
    def __init__(self) -> None:
        self.events: list[Event] = []
        self.lock = threading.Lock()

    def add(self, event: Event) -> None:
        with self.lock:
            self.events.append(event)

    def judge(self) -> list[str]:
        """Everything that is wrong; sentences for people."""
        with self.lock:
            events = list(self.events)
        return self._overtaken(events) + [wrong for block in {e.block for e in events} for wrong in _Register(events, block).wrong()]

    @staticmethod
    def _overtaken(events: list[Event]) -> list[str]:
        sessions = sorted({id(e.session): e.session for e in events}.values(), key=lambda s: s.first_answer)
        wrong = []
        for older, newer in itertools.combinations(sessions, 2):
            if older.node == newer.node or newer.first_answer == math.inf:
                continue
            late = [e for e in events if e.session is older and e.begin > newer.first_answer and e.end < math.inf]
            if late:
                what = "write" if late[0].writes else "read"
                wrong.append(f"{older.node} answered {len(late)} requests, the first a {what} of block {late[0].block}, that began up to "
                             f"{late[-1].begin - newer.first_answer:.3f} s after {newer.node} had answered")
        return wrong


class _Register:
    """One block."""

    def __init__(self, events: list[Event], block: int):
        self.block = block
        self.reads = sorted((e for e in events if e.block == block and not e.writes and e.end < math.inf), key=lambda e: e.begin)
        self.writes = {e.number: e for e in events if e.block == block and e.writes}
        seen: dict[int, float] = {}
        for read in self.reads:
            seen[read.number] = min(seen.get(read.number, math.inf), read.end)
        sessions = {id(e.session): e.session for e in events}.values()
        self.effective = {0: -math.inf}  # from when on each content has been there for certain
        self.limit: dict[int, float] = {}  # a read that begins later shows it only if it was effective
        for number, write in self.writes.items():
            self.effective[number] = min(write.end, seen.get(number, math.inf))
            self.limit[number] = min((s.first_answer for s in sessions if s.node != write.session.node
                                      and s.first_answer > write.begin), default=math.inf)
        # For "the earliest effective of all that began after": writes by when they began, with the minimum from each on.
        by_begin = sorted(self.writes.values(), key=lambda e: e.begin)
        self.begins = [e.begin for e in by_begin]
        self.earliest = [e.number for e in by_begin]
        for i in range(len(by_begin) - 2, -1, -1):
            if self.effective[self.earliest[i + 1]] < self.effective[self.earliest[i]]:
                self.earliest[i] = self.earliest[i + 1]

    def wrong(self) -> list[str]:
        found = []
        for read in self.reads:
            problem = self._problem(read)
            if problem:
                found.append(f"block {self.block} read at {read.session.node}: {problem}")
        return found[:5]

    def _problem(self, read: Event) -> str | None:
        if read.number == 0:
            begin, effective = -math.inf, -math.inf
        elif read.number not in self.writes:
            return f"content {read.number}, which nobody wrote there"
        else:
            begin, effective = self.writes[read.number].begin, self.effective[read.number]
            if begin > read.end:
                return f"content {read.number} before it was written"
        later = bisect.bisect_right(self.begins, effective)
        if later < len(self.begins):
            other = self.earliest[later]
            # It began when this one was there already, and was there itself before this read began.
            if self.effective[other] < read.begin:
                return (f"content {read.number} of {self._writer(read.number)}, overwritten by {other} of {self._writer(other)} "
                        f"{read.begin - self.effective[other]:.3f} s before")
        if read.number and self.effective[read.number] > self.limit[read.number] and self._came_late(read):
            return f"content {read.number} of {self.writes[read.number].session.node}, which took effect after a newer access point had answered"
        return None

    def _came_late(self, read: Event) -> bool:
        """Nobody had seen it when a newer access point answered, and after that somebody has read something else of that time."""
        limit = self.limit[read.number]
        return any(limit < other.begin and other.end < read.begin and other.number != read.number
                   and self.effective.get(other.number, math.inf) <= self.effective[read.number]
                   for other in self.reads if other.begin < read.begin)

    def _writer(self, number: int) -> str:
        return self.writes[number].session.node if number else "nobody"


class Hammer:
    """Requests at one node, `depth` at a time, again and again; connects anew when the connection ends, until `stop`."""

    PAUSE_SECONDS = 0.02

    def __init__(self, node: str, uri: str, history: History, blocks: int, seed: int, depth: int = 4):
        self.node, self.uri, self.history, self.blocks = node, uri, history, blocks
        self.random = random.Random(seed)
        self.depth = depth
        self.answered = 0
        self.failures: set[str] = set()
        self._stopping = threading.Event()
        self._free = threading.Semaphore(depth)
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                client = NbdClient(self.uri, timeout=3)
                client.socket.settimeout(None)
            except (NbdError, OSError):
                time.sleep(self.PAUSE_SECONDS)
                continue
            self._serve(client, Session(self.node))
            client.close()

    def _serve(self, client: NbdClient, session: Session) -> None:
        while not self._stopping.is_set() and client.broken is None:
            if not self._free.acquire(timeout=0.1):
                continue
            block, writes = self.random.randrange(self.blocks), self.random.random() < 0.5
            event = Event(session, block, writes, next(_numbers) if writes else 0, time.monotonic())
            if writes:
                self.history.add(event)  # before it is sent: it may take effect although nobody hears of it
            client.submit(Request(WRITE if writes else READ, block * BLOCK, BLOCK, self._done, event), content(event.number) if writes else b"")
            time.sleep(0.001)

    def _done(self, request: Request, error: int | None, data: bytes) -> None:
        event: Event = request.tag
        if error == 0:
            event.end = time.monotonic()
            event.session.first_answer = min(event.session.first_answer, event.end)
            self.answered += 1
            if not event.writes:
                event.number = number_of(data)
                self.history.add(event)
        elif error is not None and error != 108:  # ESHUTDOWN is how an access point ends
            self.failures.add(f"error {error}")
        self._free.release()

    def stop(self) -> None:
        self._stopping.set()
        self._thread.join(20)


def check_the_judge() -> None:
    """Histories that no disk can have: each must be found, and a good one must pass."""
    old, new = Session("old", 0.0), Session("new", 10.0)

    def history(*events: Event) -> list[str]:
        one = History()
        one.events = list(events)
        return one.judge()

    before = Event(old, 0, True, 1, 0.0, 0.1)
    unanswered = Event(old, 0, True, 2, 9.0)
    after = Event(new, 0, True, 3, 9.9, 10.0)
    good = (before, unanswered, after)
    assert not history(*good, Event(new, 0, False, 3, 10.5, 10.6)), "a good history"
    assert not history(before, unanswered, Event(new, 0, False, 2, 10.0, 10.1)), "what was in flight may have taken effect"
    assert history(*good, Event(old, 0, False, 1, 10.5, 10.6)), "a read at the old access point"
    assert history(*good, Event(old, 1, True, 4, 10.5, 10.6)), "a write that the old access point acknowledged"
    assert history(*good, Event(new, 0, False, 1, 10.5, 10.6)), "an overwritten content"
    assert history(before, unanswered, Event(new, 0, False, 1, 10.5, 10.6), Event(new, 0, False, 2, 11.0, 11.1)), "a write that lands late"
    assert history(before, Event(new, 0, False, 7, 10.5, 10.6)), "a content that nobody wrote"
