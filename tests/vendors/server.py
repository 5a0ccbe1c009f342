"""A vendor's API on 127.0.0.1: the base of the vendors' servers, and the faults that a test puts in their way.

A vendor subclasses `VendorServer` and answers in `answer(request)`. A test starts it with `with`, gives the client
`server.url`, and injects faults: `server.put(reset(), path="/jobs")`, `server.put(status(429, retry_after="7"),
after=2, times=3)`. What was asked is in `server.requests`.
"""

from __future__ import annotations

import json
import re
import socket
import struct
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import parse_qsl, urlsplit
from weakref import WeakSet

import pytest


@dataclass(frozen=True)
class Request:
    """What was asked: header names are in lower case."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def form(self) -> dict[str, str]:
        return dict(parse_qsl(self.body.decode(), keep_blank_values=True))


@dataclass(frozen=True)
class Answer:
    """What is answered. `wire` does something else than send it whole: see the faults."""

    body: Any = b""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    wire: str = "whole"  # whole, reset, truncated, silent
    delay: float = 0.0

    @property
    def content(self) -> bytes:
        if isinstance(self.body, bytes):
            return self.body
        return self.body.encode() if isinstance(self.body, str) else json.dumps(self.body).encode()

    @property
    def content_type(self) -> str:
        return "text/csv" if isinstance(self.body, bytes | str) else "application/json"


Fault = Callable[[Request, Callable[[Request], Answer]], Answer]
"""Makes the answer of a request that it was put in the way of; the second argument answers as the vendor would."""


def status(code: int, body: Any = None, **headers: str) -> Fault:
    """Answer with this status instead; headers with `_` for `-`."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda request, vendor: Answer(body if body is not None else b"", code, named)


def reset() -> Fault:
    """Close the connection with a reset after a part of the answer."""
    return lambda request, vendor: replace(vendor(request), wire="reset")


def truncated() -> Fault:
    """Announce the whole body and send the half of it."""
    return lambda request, vendor: replace(vendor(request), wire="truncated")


def cut() -> Fault:
    """Send the half of the body as if it were whole, as a proxy may."""

    def fault(request: Request, vendor: Callable[[Request], Answer]) -> Answer:
        whole = vendor(request)
        headers = {"Content-Type": whole.content_type} | dict(whole.headers)
        return replace(whole, body=whole.content[: len(whole.content) // 2], headers=headers)

    return fault


def silent(seconds: float) -> Fault:
    """Say nothing for a while."""
    return lambda request, vendor: replace(vendor(request), delay=seconds)


def changed(change: Callable[[Answer], Answer]) -> Fault:
    """The vendor's answer, changed."""
    return lambda request, vendor: change(vendor(request))


def first_of(every: Sequence[Any]) -> list[Any]:
    """Parameters of a test that takes each of them alike: the first always, the others in the slow set."""
    first, *others = every
    return [first, *(pytest.param(each, marks=pytest.mark.slow) for each in others)]


@dataclass
class _Planned:
    fault: Fault
    path: str
    method: str | None
    after: int
    times: int


class VendorServer:
    """A server over real sockets. Subclasses answer; tests inject faults."""

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self._planned: list[_Planned] = []
        self._lock = threading.RLock()
        self._connections: WeakSet[socket.socket] = WeakSet()
        vendor = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True  # or each answer waits 40 ms for an acknowledgement

            def handle_one(self) -> None:
                length = int(self.headers.get("Content-Length") or 0)
                parts = urlsplit(self.path)
                request = Request(
                    self.command,
                    parts.path,
                    dict(parse_qsl(parts.query, keep_blank_values=True)),
                    {name.lower(): value for name, value in self.headers.items()},
                    self.rfile.read(length),
                )
                self.send(vendor.respond(request))

            do_GET = do_POST = do_PATCH = do_DELETE = do_PUT = handle_one  # noqa: N815 - the names of http.server

            def send(self, answer: Answer) -> None:
                time.sleep(answer.delay)
                content = answer.content
                headers = {"Content-Type": answer.content_type, "Content-Length": str(len(content))}
                self.send_response(answer.status)
                for name, value in (headers | dict(answer.headers)).items():
                    self.send_header(name, value)
                self.end_headers()
                try:
                    self.wfile.write(content if answer.wire == "whole" else content[: len(content) // 2])
                    self.wfile.flush()
                except OSError:  # the client no longer listens
                    self.close_connection = True
                if answer.wire == "reset":
                    self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                if answer.wire != "whole":
                    self.close_connection = True
                    self.connection.close()

            def log_message(self, *_: object) -> None:
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True

            def get_request(self) -> tuple[socket.socket, Any]:
                connection, client = super().get_request()
                vendor._connections.add(connection)
                return connection, client

            def handle_error(self, *_: object) -> None:
                pass  # a client that went away

        self._server = Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        for connection in list(self._connections):  # or the threads of those who keep theirs would keep this vendor
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def answer(self, request: Request) -> Answer:
        """What the vendor answers."""
        raise NotImplementedError

    def put(self, fault: Fault, *, path: str = "", method: str | None = None, after: int = 0, times: int = 1) -> None:
        """Put a fault in the way of the next `times` requests whose path matches, once `after` of them are through."""
        self._planned.append(_Planned(fault, path, method, after, times))

    def recover(self) -> None:
        """Take all faults out of the way."""
        self._planned.clear()

    def asked(self, path: str, method: str | None = None) -> list[Request]:
        """The requests so far whose path matches."""
        return [each for each in self.requests if re.search(path, each.path) and method in (None, each.method)]

    def respond(self, request: Request) -> Answer:
        """The vendor's answer, or that of a fault."""
        with self._lock:
            self.requests.append(request)
            for planned in self._planned:
                if planned.times and re.search(planned.path, request.path) and planned.method in (None, request.method):
                    if planned.after:
                        planned.after -= 1
                        continue
                    planned.times -= 1
                    return planned.fault(request, self.answer)
            return self.answer(request)
