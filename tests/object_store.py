"""A real S3 server for tests: SeaweedFS in a process of its own, one for each test process, a prefix for each test.

`Proxy` stands between a ledger and the server, on real sockets: it counts requests, and breaks what it is told to.
"""

from __future__ import annotations

import atexit
import http.client
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Callable
from contextlib import ExitStack, closing
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self

import pytest

KEYS = {"AWS_ACCESS_KEY_ID": "tests", "AWS_SECRET_ACCESS_KEY": "tests-only", "AWS_REGION": "us-east-1"}
IDENTITIES = (
    '{"identities": [{"name": "tests", "credentials": [{"accessKey": "tests", "secretKey": "tests-only"}], '
    '"actions": ["Admin", "Read", "Write", "List", "Tagging"]}]}'
)
PORTS = (
    *("master.port", "master.port.grpc", "volume.port", "volume.port.grpc"),
    *("filer.port", "filer.port.grpc", "s3.port", "s3.port.grpc", "s3.port.iceberg", "s3.port.lance"),
)
BUCKET = "tests"
CODES = {"ExpiredToken": 400, "NoSuchBucket": 404}
"""What a store may say, and the status with which it does."""


def program() -> str | None:
    """The server's program, where it is installed."""
    return shutil.which("weed", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}")


needs_store = pytest.mark.skipif(program() is None, reason="SeaweedFS (weed) is not installed: make setup-dev")


@cache
def port() -> int:
    """The port of this process's server, which is started at the first call and ends with this process."""
    folder = tempfile.TemporaryDirectory(prefix="weed-")
    identities = Path(folder.name) / "identities.json"
    identities.write_text(IDENTITIES)
    ports = dict(zip(PORTS, free_ports(len(PORTS)), strict=True))
    process = subprocess.Popen(
        [
            *(program() or "weed", "server", f"-dir={folder.name}", "-ip=127.0.0.1", "-ip.bind=127.0.0.1", "-filer"),
            *("-s3", f"-s3.config={identities}", "-s3.iam=false", "-master.telemetry=false"),
            *("-master.volumeSizeLimitMB=64", "-volume.max=200"),
            *(f"-{name}={number}" for name, number in ports.items()),
        ],
        cwd=folder.name,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )

    def end() -> None:
        process.kill()
        process.wait()
        folder.cleanup()
        for number in ports.values():
            for left in Path(tempfile.gettempdir()).glob(f"seaweedfs-*-{number}.sock"):
                left.unlink(missing_ok=True)

    atexit.register(end)
    wait_until_it_writes(ports["s3.port"])
    return ports["s3.port"]


def free_ports(count: int) -> list[int]:
    """Ports that nobody listens on."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(closing(socket.socket())) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


def wait_until_it_writes(number: int, seconds: float = 60.0) -> None:
    """The server answers before it can store anything; its first file makes the bucket."""
    import obstore
    from obstore.exceptions import BaseError
    from obstore.store import S3Store

    store = S3Store(
        BUCKET,
        endpoint=f"http://127.0.0.1:{number}",
        access_key_id=KEYS["AWS_ACCESS_KEY_ID"],
        secret_access_key=KEYS["AWS_SECRET_ACCESS_KEY"],
        region="us-east-1",
        client_options={"allow_http": True},
        retry_config={"max_retries": 0},
    )
    deadline = time.monotonic() + seconds
    while True:
        try:
            obstore.put(store, "ready", b"")
        except BaseError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.2)
        else:
            return


def url() -> str:
    """A prefix of its own in the bucket."""
    return f"s3://{BUCKET}/{uuid.uuid4().hex}"


def environment(number: int | None = None) -> dict[str, str]:
    """What a process must know to reach the server, or a proxy at port `number`."""
    return {**KEYS, "AWS_ENDPOINT_URL": f"http://127.0.0.1:{number or port()}"}


class Proxy:
    """Forwards requests to the server; `rule` is asked for each: `drop` (it never arrives), `lose` (it is done and the
    answer lost), a code such as `ExpiredToken` or a status (to answer instead of doing it), the seconds that its answer
    takes, or None.
    """

    def __init__(self) -> None:
        self.requests: list[str] = []
        self.rule: Callable[[str, str], str | int | float | None] = lambda method, path: None
        server = self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self, port()))
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self._server.server_address[1])

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()


def _handler(proxy: Proxy, number: int) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def forward(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            proxy.requests.append(f"{self.command} {self.path}")
            what = proxy.rule(self.command, self.path)
            if refusal := _refusal(what):
                _refuse(self, *refusal)
                return
            if what == "drop":
                self.hang_up()
                return
            connection = http.client.HTTPConnection("127.0.0.1", number, timeout=60)
            connection.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
            for name, value in self.headers.items():  # the signature covers them as they are
                connection.putheader(name, value)
            connection.endheaders(body)
            answer = connection.getresponse()
            data = answer.read()
            connection.close()
            if what == "lose":
                self.hang_up()
                return
            time.sleep(what if isinstance(what, float) else 0.0)
            self.send_response(answer.status)
            for name, value in answer.getheaders():
                if name.lower() not in ("transfer-encoding", "connection", "content-length", "date", "server"):
                    self.send_header(name, value)
            size = answer.getheader("Content-Length") if self.command == "HEAD" else str(len(data))
            self.send_header("Content-Length", size or "0")
            self.end_headers()
            self.wfile.write(data)

        def hang_up(self) -> None:
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)

        do_GET = do_PUT = do_HEAD = do_DELETE = do_POST = forward  # noqa: N815  (the names that http.server calls)

        def log_message(self, *_: Any) -> None:
            """Nothing."""

    return Handler


def _refusal(what: str | int | float | None) -> tuple[int, bytes] | None:
    """The status and the text to answer instead of the store."""
    if isinstance(what, str) and what in CODES:
        return CODES[what], f"<Error><Code>{what}</Code></Error>".encode()
    return (what, b"") if isinstance(what, int) else None


def _refuse(handler: BaseHTTPRequestHandler, status: int, said: bytes) -> None:
    handler.send_response(status)
    handler.send_header("ETag", '"none"')
    handler.send_header("Content-Length", str(len(said)))
    handler.end_headers()
    handler.wfile.write(said if handler.command != "HEAD" else b"")
