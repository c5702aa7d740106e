"""A small NBD client: fixed newstyle handshake, simple replies, many requests in flight on one connection.

Written against the NBD protocol document (doc/proto.md of the NBD project), independent of the server under test.
"""

import dataclasses
import socket
import struct
import threading
import urllib.parse
from typing import Callable

NBDMAGIC, IHAVEOPT, OPTION_REPLY = 0x4E42444D41474943, 0x49484156454F5054, 0x0003E889045565A9
REQUEST, SIMPLE_REPLY = 0x25609513, 0x67446698
READ, WRITE, DISC, FLUSH, TRIM, WRITE_ZEROES = 0, 1, 2, 3, 4, 6
FUA = 1
OPT_EXPORT_NAME, OPT_GO = 1, 7
REP_ACK, REP_INFO, REP_ERROR = 1, 3, 1 << 31
INFO_EXPORT = 0


class NbdError(Exception):
    """The server refused, or the connection broke."""


@dataclasses.dataclass
class Request:
    """One request in flight. `done` is called on the reader's thread, once: with the error (0: none, None: the
    connection broke, so that nobody knows whether it took effect) and the data of a read."""

    kind: int
    offset: int
    length: int
    done: Callable[["Request", int | None, bytes], None]
    tag: object = None


class NbdClient:
    """One connection. `submit` may be called by one thread; replies arrive on the client's own."""

    def __init__(self, uri: str, timeout: float = 90):
        parts = urllib.parse.urlsplit(uri)
        export = urllib.parse.unquote(parts.path.removeprefix("/"))
        if parts.scheme == "nbd+unix":
            self.socket = socket.socket(socket.AF_UNIX)
            self.socket.settimeout(timeout)
            self.socket.connect(urllib.parse.parse_qs(parts.query)["socket"][0])
        else:
            self.socket = socket.create_connection((parts.hostname, parts.port or 10809), timeout)
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.pending: dict[int, Request] = {}
        self.lock = threading.Lock()
        self.broken: str | None = None
        self.next_cookie = 1
        try:
            self._handshake(export)
        except BaseException:
            self.socket.close()
            raise
        self.reader = threading.Thread(target=self._read_replies, daemon=True)
        self.reader.start()

    def _receive(self, length: int) -> bytes:
        data = bytearray(length)
        view, got = memoryview(data), 0
        while got < length:
            n = self.socket.recv_into(view[got:])
            if n == 0:
                raise NbdError("the server closed the connection")
            got += n
        return bytes(data)

    def _handshake(self, export: str) -> None:
        try:
            magic, opt, flags = struct.unpack(">QQH", self._receive(18))
            if magic != NBDMAGIC or opt != IHAVEOPT or not flags & 1:
                raise NbdError("not a fixed newstyle server")
            self.socket.sendall(struct.pack(">I", flags & 3))
            name = export.encode()
            data = struct.pack(">I", len(name)) + name + struct.pack(">H", 0)
            self.socket.sendall(struct.pack(">QII", IHAVEOPT, OPT_GO, len(data)) + data)
            while True:
                magic, option, kind, length = struct.unpack(">QIII", self._receive(20))
                body = self._receive(length)
                if magic != OPTION_REPLY or option != OPT_GO:
                    raise NbdError("malformed option reply")
                if kind == REP_INFO and struct.unpack_from(">H", body)[0] == INFO_EXPORT:
                    _, self.size, self.flags = struct.unpack(">HQH", body)
                elif kind == REP_ACK:
                    break
                elif kind & REP_ERROR:
                    raise NbdError(f"export {export!r} refused: {kind:#x} {body.decode(errors='replace')}")
        except OSError as problem:
            raise NbdError(str(problem)) from problem

    def submit(self, request: Request, payload: bytes = b"", flags: int = 0) -> None:
        """Sends a request; when the connection is broken the request completes with None at once."""
        with self.lock:
            cookie, self.next_cookie = self.next_cookie, self.next_cookie + 1
            broken = self.broken
            if not broken:
                self.pending[cookie] = request
        if broken:
            request.done(request, None, b"")
            return
        head = struct.pack(">IHHQQI", REQUEST, flags, request.kind, cookie, request.offset, request.length)
        try:
            self.socket.sendall(head + payload)
        except OSError as problem:
            self._break(str(problem))

    def _read_replies(self) -> None:
        try:
            while True:
                magic, error, cookie = struct.unpack(">IIQ", self._receive(16))
                if magic != SIMPLE_REPLY:
                    raise NbdError(f"reply with magic {magic:#x}")
                with self.lock:
                    request = self.pending.pop(cookie, None)
                if request is None:
                    raise NbdError(f"reply to unknown cookie {cookie}")
                data = b""
                try:
                    if request.kind == READ and error == 0:
                        data = self._receive(request.length)
                except BaseException:
                    request.done(request, None, b"")
                    raise
                request.done(request, error, data)
        except (OSError, NbdError) as problem:
            self._break(str(problem))

    def _break(self, why: str) -> None:
        with self.lock:
            self.broken = self.broken or why
            lost, self.pending = list(self.pending.values()), {}
        try:
            self.socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        for request in lost:
            request.done(request, None, b"")

    def call(self, kind: int, offset: int, length: int, payload: bytes = b"", flags: int = 0, timeout: float = 90) -> bytes:
        """One request and its reply; raises NbdError with the server's errno."""
        finished = threading.Event()
        outcome: list = []

        def done(_request: Request, error: int | None, data: bytes) -> None:
            outcome.extend((error, data))
            finished.set()

        self.submit(Request(kind, offset, length, done), payload, flags)
        if not finished.wait(timeout):
            raise NbdError(f"no reply within {timeout} s")
        if outcome[0] != 0:
            raise NbdError(self.broken or "connection broke" if outcome[0] is None else f"error {outcome[0]}")
        return outcome[1]

    def close(self) -> None:
        try:
            self.socket.sendall(struct.pack(">IHHQQI", REQUEST, 0, DISC, 0, 0, 0))
        except OSError:
            pass
        self._break("closed")
        self.reader.join(10)
        self.socket.close()
