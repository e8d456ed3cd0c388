"""An HTTP server on loopback that answers as a venue would, on a bad day too, with a clock of its own."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from contextlib import suppress
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, urlsplit


class Request(NamedTuple):
    """What was asked: path, parameters of the address and of a JSON body, headers."""

    path: str
    parameters: dict[str, Any]
    headers: dict[str, str]

    def number(self, name: str, default: int = 0) -> int:
        return int(self.parameters.get(name, default))


class Reply(NamedTuple):
    """What is answered: a JSON value or bytes as they are."""

    body: Any
    status: int = 200
    headers: tuple[tuple[str, str], ...] = ()
    cut_short: bool = False  # the connection is dropped after half of the body
    dropped: bool = False  # the connection is dropped before anything is said


Answer = Callable[[Request], Any]
Fault = Callable[[Request, Any], Reply]


def dropped(request: Request, value: Any) -> Reply:
    return Reply(b"", dropped=True)


def half_a_body(request: Request, value: Any) -> Reply:
    return Reply(value, cut_short=True)


def truncated_json(request: Request, value: Any) -> Reply:
    text = json.dumps(value)
    return Reply(text[: len(text) // 2].encode())


def damaged(request: Request, value: Any) -> Reply:
    return Reply(value[: len(value) // 2] + b"!" + value[len(value) // 2 + 1 :])


def web_page(request: Request, value: Any) -> Reply:
    return Reply(b"<html><body>Checking your browser</body></html>")


def status(code: int, *headers: tuple[str, str], body: Any = b"") -> Fault:
    return lambda request, value: Reply(body, code, headers)


def another(value: Any) -> Fault:
    return lambda request, there: Reply(value)


class Server:
    """A venue on loopback.

    Parameters
    ----------
    answer : callable
        ``answer(request)`` returns the value of a reply, or a `Reply`.
    now : int [ms UTC] or None
        The venue's time, which stands still; None for this machine's.
    """

    def __init__(self, answer: Answer, now: int | None = None) -> None:
        self.answer = answer
        self.now = now
        self.requests: list[Request] = []
        self.faults: list[tuple[str, Fault]] = []
        self.delay = 0.0  # [s] before each answer
        self._lock = threading.Lock()
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._http.daemon_threads = True
        threading.Thread(target=self._http.serve_forever, args=(0.01,), daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._http.server_address[1]}"

    def fail(self, path: str, *faults: Fault) -> None:
        """Let the next requests whose path has `path` in it fail so, one after the other."""
        self.faults += [(path, fault) for fault in faults]

    def asked(self, path: str) -> list[Request]:
        return [request for request in self.requests if path in request.path]

    def close(self) -> None:
        self._http.shutdown()
        self._http.server_close()

    def reply(self, request: Request) -> Reply:
        with self._lock:
            self.requests.append(request)
            fault = next((each for each in self.faults if each[0] in request.path), None)
            if fault is not None:
                self.faults.remove(fault)
        value = self.answer(request)
        if fault is not None:
            return fault[1](request, value.body if isinstance(value, Reply) else value)
        return value if isinstance(value, Reply) else Reply(value)


def _handler(server: Server) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True  # else each reply waits 40 ms for an acknowledgement
        wbufsize = -1

        def handle(self) -> None:
            with suppress(ConnectionError):  # who asked was killed
                super().handle()

        def do_GET(self) -> None:
            self._answer(b"")

        def do_POST(self) -> None:
            self._answer(self.rfile.read(int(self.headers.get("Content-Length", 0))))

        def date_time_string(self, timestamp: float | None = None) -> str:
            return formatdate(None if server.now is None else server.now / 1000, usegmt=True)

        def log_message(self, *arguments: Any) -> None:
            pass

        def _answer(self, body: bytes) -> None:
            import time

            time.sleep(server.delay)
            address = urlsplit(self.path)
            parameters: dict[str, Any] = dict(parse_qsl(address.query)) | (json.loads(body) if body else {})
            reply = server.reply(Request(address.path, parameters, dict(self.headers.items())))
            if reply.dropped:
                self.close_connection = True
                return
            text = reply.body if isinstance(reply.body, bytes) else json.dumps(reply.body).encode()
            try:
                self.send_response(reply.status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(text)))
                for name, value in reply.headers:
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(text[: len(text) // 2] if reply.cut_short else text)
                self.wfile.flush()
            except (BrokenPipeError, ConnectionResetError):  # who asked is gone
                self.close_connection = True
            if reply.cut_short:
                self.close_connection = True

    return Handler
